"""`MCPServer`: an identity and a registry, and the two halves of answering a message.

`prepare` takes a message up to the point where a developer's function must run, or all the way; `finish` forms the
reply from what the function did. Between the two stands the carrier, with its thread or event loop.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeVar, overload

from mcp_types.methods import validate_client_request
from pydantic import ValidationError

from django_mcp.conf import mcp_settings
from django_mcp.methods import METHODS, Method
from django_mcp.methods.requests import Answer, Call, Effect, Outcome, Request, Result
from django_mcp.primitives.content import Icon
from django_mcp.primitives.context import Caller, Session
from django_mcp.primitives.registry import Registry
from django_mcp.protocol import handshake, modern, replies
from django_mcp.protocol.errors import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    ProtocolError,
)
from django_mcp.protocol.headers import PROTOCOL_VERSION
from django_mcp.protocol.inbound import Inbound
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.modern import Cache
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import BATCH_VERSION, HANDSHAKE_VERSIONS, Era, negotiate

logger = logging.getLogger("django_mcp")

Function = TypeVar("Function", bound=Callable[..., Any])

_ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "-", "version": "-"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""Stands in for `_meta` when the parameters are checked: the real one has been read already, and less of it is
required.
"""

_CALL: Final = frozenset({"name", "arguments"})
_MODERN_CALL: Final = _CALL | {"_meta"}


@dataclass(frozen=True, slots=True)
class Effected:
    """A reply that may be sent once its effect has been carried out."""

    reply: Reply
    effect: Effect
    request_id: RequestId


class MCPServer:
    """A server that clients see: a name, what it says of itself, and the tools, resources and prompts registered on it.

    `page_size` counts the entries of one page of a list; `cache` is what modern clients are told about keeping lists
    and resources. Without a `name`, the identity is that of the `MCP_SERVER_…` settings.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        version: str | None = None,
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Iterable[Icon] = (),
        page_size: int | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._name = name
        self._version = version
        self._title = title
        self._instructions = instructions
        self._description = description
        self._website_url = website_url
        self._icons = [icon.to_wire() for icon in icons]
        self._page_size = page_size
        self.cache = cache or Cache()
        self.registry = Registry()

    def __repr__(self) -> str:
        return f"<MCPServer {self.name!r}>"

    @property
    def name(self) -> str:
        return self._name if self._name is not None else mcp_settings.SERVER_NAME

    @property
    def version(self) -> str:
        """Told to clients; the package's own version when the project gives none, since the protocol requires one."""
        return self._version or (mcp_settings.SERVER_VERSION if self._name is None else "") or _package_version()

    @property
    def title(self) -> str | None:
        return self._title or (mcp_settings.SERVER_TITLE if self._name is None else None)

    @property
    def instructions(self) -> str | None:
        return self._instructions or (mcp_settings.SERVER_INSTRUCTIONS if self._name is None else None)

    @property
    def page_size(self) -> int:
        return self._page_size or mcp_settings.PAGE_SIZE

    @overload
    def tool(self, function: Function, /) -> Function: ...
    @overload
    def tool(self, /, **options: Any) -> Callable[[Function], Function]: ...
    def tool(self, function: Function | None = None, /, **options: Any) -> Any:
        """Registers a function as a tool, and leaves it a function. The options are those of `django_mcp.tool`."""
        return self._register(self.registry.add_tool, function, options)

    def resource(self, uri: str, /, **options: Any) -> Callable[[Function], Function]:
        """Registers a function as the resource at a URI, or as a template when the URI has variables."""

        def register(function: Function) -> Function:
            self.registry.add_resource(function, uri, **options)
            return function

        if not isinstance(uri, str):
            raise TypeError("@resource needs the URI: @resource('airport://{iata}')")
        return register

    @overload
    def prompt(self, function: Function, /) -> Function: ...
    @overload
    def prompt(self, /, **options: Any) -> Callable[[Function], Function]: ...
    def prompt(self, function: Function | None = None, /, **options: Any) -> Any:
        """Registers a function as a prompt."""
        return self._register(self.registry.add_prompt, function, options)

    def implementation(self) -> dict[str, Any]:
        """Who the server is, complete, to be cut to the client's revision."""
        members = {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "description": self._description,
            "websiteUrl": self._website_url,
            "icons": self._icons or None,
        }
        return {key: value for key, value in members.items() if value is not None}

    def capabilities(self, era: Era) -> dict[str, Any]:
        """What the server offers to a client of an era: nothing that would not work."""
        registry = self.registry
        offered: dict[str, Any] = {}
        if registry.tools:
            offered["tools"] = {}
        if registry.resources or registry.templates:
            offered["resources"] = {}
        if registry.prompts:
            offered["prompts"] = {}
        if registry.has_completions():
            offered["completions"] = {}
        if era == "handshake":
            offered["logging"] = {}
        return offered

    def prepare(self, inbound: Inbound, session: Session | None, caller: Caller) -> Reply | Effected | Call:
        """What a message comes to: a reply, a reply that waits for its effect, or a function to run."""
        if inbound.kind != "request" or inbound.id is None:
            # No notification of a client changes anything yet, and no response is waited for.
            return replies.ACCEPTED
        try:
            request = self._read_request(inbound, inbound.id, session, caller)
            outcome = METHODS[request.method].handler(request)
        except ProtocolError as error:
            return replies.error(error, inbound.era, inbound.id)
        if isinstance(outcome, Call):
            return outcome
        if isinstance(outcome, Answer):
            return Effected(self._reply(request, outcome.result), outcome.effect, request.id)
        return self._reply(request, outcome)

    def finish(self, call: Call, outcome: Outcome) -> Reply:
        """The reply to a call that has run."""
        request = call.request
        try:
            result = outcome.result if outcome.error is None else call.to_failure(outcome.error)
            return self._reply(request, result or {})
        except ProtocolError as error:
            return replies.error(error, request.era, request.id)

    def _read_request(
        self, inbound: Inbound, request_id: RequestId, session: Session | None, caller: Caller
    ) -> Request:
        method = METHODS.get(inbound.method)
        version = _version_of(inbound, session)
        if method is None or not self._offers(method, inbound.era):
            raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {inbound.method}")
        _check_params(inbound, version)
        return Request(
            server=self,
            method=inbound.method,
            id=request_id,
            params=inbound.params,
            era=inbound.era,
            version=version,
            headers=inbound.headers,
            session=session,
            caller=caller,
        )

    def _offers(self, method: Method, era: Era) -> bool:
        return era in method.eras and (method.capability is None or method.capability in self.capabilities(era))

    def _reply(self, request: Request, result: Result) -> Reply:
        if request.era == "modern":
            info = (
                self.implementation()
                if request.method == "server/discover"
                else {"name": self.name, "version": self.version}
            )
            return replies.result(request.id, modern.complete(request.method, result, info, self.cache))
        return replies.result(request.id, handshake.shape(request.method, result, request.version))

    def _register(self, add: Callable[..., Any], function: Function | None, options: Mapping[str, Any]) -> Any:
        def register(function: Function) -> Function:
            add(function, **options)
            return function

        if function is not None and not callable(function):
            raise TypeError("Use the decorator bare or with keywords: @tool or @tool(name='…')")
        return register if function is None else register(function)


def _version_of(inbound: Inbound, session: Session | None) -> str:
    """The revision that a request speaks. Without a session, its header says, and one without that came before there
    was a header.
    """
    if inbound.version is not None:
        return inbound.version
    if session is not None:
        return session.protocol_version
    if inbound.method == "initialize":
        return negotiate(str(inbound.params.get("protocolVersion")))
    header = inbound.headers.get(PROTOCOL_VERSION, "")
    return header if header in HANDSHAKE_VERSIONS else BATCH_VERSION


def _check_params(inbound: Inbound, version: str) -> None:
    """Raises `ProtocolError` unless a revision has the method, and the parameters are its own."""
    params = inbound.params
    if inbound.method == "tools/call" and _is_plain_call(inbound.era, params):
        return
    if inbound.era == "modern":
        params = {**params, "_meta": _ENVELOPE}
    try:
        validate_client_request(inbound.method, version, params or None)
    except KeyError:
        raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {inbound.method}") from None
    except ValidationError as error:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {_first_error(error)}") from None


def _is_plain_call(era: Era, params: Mapping[str, Any]) -> bool:
    """Whether a `tools/call` says no more than what it says in every revision, rightly. It is the most frequent message,
    and its full check costs as much as reading it did.
    """
    # A modern envelope has been read already; a handshake client's `_meta` has not.
    known = _MODERN_CALL if era == "modern" else _CALL
    return params.keys() <= known and isinstance(params.get("name"), str) and isinstance(params.get("arguments"), dict)


def _first_error(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in details['loc'])}: {details['msg']}"


def _package_version() -> str:
    try:
        return version("django-mcp-endpoints")
    except PackageNotFoundError:
        return "0"
