"""The request that a method gets, and the values that it returns.

A method decides but does not act: it returns a result, a result with an effect, or a `Call` of a developer's function.
So a method needs no database, no thread and no event loop.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.conf import settings
from django.utils import translation

from django_mcp.exceptions import Cancelled
from django_mcp.observers import CallOutcome, ObservedCall
from django_mcp.primitives.asking import InputRequired, Inputs
from django_mcp.primitives.call_options import DEFAULT_OPTIONS, CallOptions
from django_mcp.primitives.context import Caller, Context, RequestStream, Session
from django_mcp.protocol import modern
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.records import record
from django_mcp.protocol.versions import Era

from .effects import Effect

if TYPE_CHECKING:
    from django_mcp.primitives.tools import Tool
    from django_mcp.server import MCPServer

Result: TypeAlias = dict[str, Any]


@record(frozen=True, slots=True)
class Request:
    """A JSON-RPC request, with everything that its answer may depend on. `version` is the client's revision."""

    server: "MCPServer"
    method: str
    id: RequestId
    params: Mapping[str, Any]
    era: Era
    version: str
    headers: Headers
    session: Session | None
    caller: Caller
    stream: RequestStream | None = None
    streams: bool = False
    inputs: Inputs | None = None
    observed: ObservedCall | None = None

    def note(self, outcome: CallOutcome = "ok", error: Exception | None = None) -> None:
        """Notes for the observers what an answer does not tell the client: whether a primitive exists, or the error
        behind a text for the model.
        """
        if self.observed is not None:
            self.observed.outcome, self.observed.error = outcome, error

    @property
    def meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def client_capabilities(self) -> Mapping[str, Any]:
        """The client's capabilities: from `initialize` in the handshake era, from each request in the modern era."""
        if self.era == "modern":
            return modern.client_capabilities(self.meta)
        return self.session.client_capabilities if self.session else {}

    def context(self) -> Context:
        if self.era == "modern":
            info: Mapping[str, Any] = modern.client_info(self.meta)
        else:
            info = self.session.client_info if self.session else {}
        return Context(
            server=self.server,
            method=self.method,
            request_id=self.id,
            era=self.era,
            protocol_version=self.version,
            client_info=info,
            client_capabilities=self.client_capabilities,
            meta=self.meta,
            session=self.session if self.era == "handshake" else None,
            caller=self.caller,
            request_stream=self.stream,
            inputs=self.inputs or Inputs(),
        )


@record(frozen=True, slots=True)
class Listing:
    """A page of a list: under `key` its entries, each of which is JSON already, and the other members of the result."""

    key: str
    entries: list[bytes]
    rest: Result


@record(frozen=True, slots=True)
class ResultWithEffect:
    """A result that may be sent only after its effect has been carried out."""

    result: Result
    effect: Effect


@record(frozen=True, slots=True)
class Call:
    """A developer's function with its bound arguments, and the conversion of its outcome to a result.

    `to_result` may evaluate the return value (a queryset), so it runs where the function ran. `to_failure` returns a
    result for an exception, or raises `ProtocolError`. `nonce` names the request state that the call uses up: a state
    is good for one call only. `tool` and `arguments` are those of a call that extensions may intercept.
    """

    request: Request
    function: Callable[..., Any]
    is_async: bool
    to_result: Callable[[Any], Result]
    to_failure: Callable[[Exception], Result]
    options: CallOptions = DEFAULT_OPTIONS
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    is_wrapped: bool = False
    nonce: str = ""
    tool: "Tool | None" = None
    arguments: Mapping[str, Any] | None = None

    @property
    def can_speak(self) -> bool:
        """Whether the function, or middleware around it, has a context, and so may send messages before it returns."""
        return self.is_wrapped or any(isinstance(value, Context) for value in self.kwargs.values())


@dataclass(frozen=True, slots=True)
class Listen:
    """A `subscriptions/listen`: changes are sent as long as the client stays connected. `honoured` is the accepted part
    of the requested notifications, `uris` are the resources in it. `extended` is the part of the extensions, by
    notification: the values that the client named, or `True` for all changes.
    """

    request: Request
    honoured: Mapping[str, Any]
    uris: frozenset[str]
    extended: Mapping[str, Any] = field(default_factory=dict)

    def wants(self, method: str, uri: str) -> bool:
        """Whether the client asked for this change."""
        if method in self.extended:
            wish = self.extended[method]
            return not uri if wish is True else uri in wish
        if uri:
            return uri in self.uris
        return bool(self.honoured.get(LIST_CHANGES.get(method, "")))


LIST_CHANGES: Final = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
}
"""The notifications of changed lists, and the name of each in a modern client's request."""


@record(frozen=True, slots=True)
class Outcome:
    """The outcome of a call: its result, the exception that ended it, or questions that the client must answer
    first.
    """

    result: Result | None = None
    error: Exception | Cancelled | None = None
    required: InputRequired | None = None


def language_of(request: Request) -> str | None:
    """The language of the texts in a request's answer: the server's `language`, else the one that the HTTP request
    accepts. `None` where `USE_I18N` is off.
    """
    return request.server.language_of(request.context()) if settings.USE_I18N else None


@contextmanager
def in_readers_language(request: Request) -> Iterator[None]:
    """Translates the lazy texts of definitions for the reader, where the server may have some."""
    server = request.server
    if not (server.registry.is_translated or server.chooses_tools) or (language := language_of(request)) is None:
        yield
        return
    with translation.override(language):
        yield


def take_string(params: Mapping[str, Any], name: str) -> str:
    """A parameter that must be a string. Raises `ProtocolError` -32602."""
    value = params.get(name)
    if not isinstance(value, str):
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {name} must be a string")
    return value
