"""A request as a method is given it, and the values that a method gives back.

A method decides and never does: it returns a result, a result with an effect, or a `Call` of a developer's function. So
no method knows a database, a thread or an event loop.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.conf import settings

from django_mcp.primitives.asking import InputRequired, Inputs
from django_mcp.primitives.call_options import DEFAULT_OPTIONS, CallOptions
from django_mcp.primitives.context import Caller, Cancelled, Context, RequestStream, Session
from django_mcp.protocol import modern
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.records import record
from django_mcp.protocol.versions import Era

from .effects import Effect

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

Result: TypeAlias = dict[str, Any]


@record(frozen=True, slots=True)
class Request:
    """A JSON-RPC request, with everything that answering it may depend on. `version` is the revision that the client
    speaks.
    """

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

    @property
    def meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def client_capabilities(self) -> Mapping[str, Any]:
        """What the client can do: said once by a handshake client, by a modern one in each request."""
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
class ResultWithEffect:
    """A result whose effect must be carried out before it is sent."""

    result: Result
    effect: Effect


@record(frozen=True, slots=True)
class Call:
    """One function of the developer's, with its arguments bound, and how its outcome becomes a result.

    `to_result` may evaluate what the function returned (a queryset), so it runs where the function ran. `to_failure`
    returns a result for an exception, or raises `ProtocolError`. `nonce` names the request state that the call spends:
    it is made once for it.
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

    @property
    def can_speak(self) -> bool:
        """Whether the function, or middleware around it, holds a context, and so could say something before it is
        done.
        """
        return self.is_wrapped or any(isinstance(value, Context) for value in self.kwargs.values())


@dataclass(frozen=True, slots=True)
class Listen:
    """A `subscriptions/listen`: changes to tell for as long as the client stays. `honoured` is the part of its wishes
    that is granted, `uris` are the resources in it.
    """

    request: Request
    honoured: Mapping[str, Any]
    uris: frozenset[str]

    def wants(self, method: str, uri: str) -> bool:
        """Whether a change is one of those that the client asked for."""
        if uri:
            return uri in self.uris
        return bool(self.honoured.get(LIST_CHANGES.get(method, "")))


LIST_CHANGES: Final = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
}
"""The notifications of changed lists, and what a modern client calls the wish for each."""


@record(frozen=True, slots=True)
class Outcome:
    """What became of a call: its result, the exception that ended it, or questions that the client must answer
    first.
    """

    result: Result | None = None
    error: Exception | Cancelled | None = None
    required: InputRequired | None = None


def language_of(request: Request) -> str | None:
    """The language of the text that a request asks for: what the server says, else what the client's HTTP request
    accepts. `None` where the project is in one language.
    """
    return request.server.language_of(request.context()) if settings.USE_I18N else None


def take_string(params: Mapping[str, Any], name: str) -> str:
    """A parameter that must be a string. Raises `ProtocolError` -32602."""
    value = params.get(name)
    if not isinstance(value, str):
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {name} must be a string")
    return value
