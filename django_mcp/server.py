"""`MCPServer`: an identity and a registry, and the two halves of answering a message.

`prepare` takes a message up to the point where a developer's function must run, or all the way; `finish` forms the
reply from what the function did. Between the two stands the carrier, with its thread or event loop.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeVar, overload
from urllib.parse import quote
from weakref import WeakSet

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.utils.translation import get_language_from_request
from mcp_types.methods import INPUT_REQUIRED_METHODS, validate_client_request
from pydantic import ValidationError

from django_mcp.conf import mcp_settings
from django_mcp.methods import METHODS, Method, request_state
from django_mcp.methods.notifications import effect_of
from django_mcp.methods.request import Call, Effect, Listen, Outcome, Request, Result, ResultWithEffect
from django_mcp.primitives import tool_search
from django_mcp.primitives.asking import InputRequired, Inputs, check_capability
from django_mcp.primitives.call_options import Budget
from django_mcp.primitives.content import Icon
from django_mcp.primitives.context import Caller, Cancelled, Context, RequestStream, Session
from django_mcp.primitives.middleware import Invocation, Middleware, wrap
from django_mcp.primitives.registry import Registry
from django_mcp.primitives.resources import Resources
from django_mcp.primitives.signatures import name_of
from django_mcp.primitives.tools import Tool
from django_mcp.primitives.toolsets import Toolset
from django_mcp.protocol import handshake, modern, replies
from django_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    ProtocolError,
)
from django_mcp.protocol.headers import PROTOCOL_VERSION
from django_mcp.protocol.inbound import Inbound
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.modern import NAME_SOURCES, CacheHints
from django_mcp.protocol.records import record
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import BATCH_VERSION, HANDSHAKE_VERSIONS, Era, negotiate
from django_mcp.signals import server_changed

logger = logging.getLogger("django_mcp")

Function = TypeVar("Function", bound=Callable[..., Any])
MiddlewareFunction = TypeVar("MiddlewareFunction", bound=Middleware)
ToolsetClass = TypeVar("ToolsetClass", bound=type[Toolset])

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


@record(frozen=True, slots=True)
class PendingReply:
    """A reply that may be sent once its effect has been carried out."""

    reply: Reply
    effect: Effect
    request_id: RequestId | None


class MCPServer:
    """A server that clients see: a name, what it says of itself, and the tools, resources and prompts registered on it.

    `page_size` counts the entries of one page of a list; `cache` is what modern clients are told about keeping lists
    and resources; `middleware` is around each call, the first outermost; `budget` holds for the tools that have none of
    their own; with more tools than `search_tools_above`, clients are shown a search for them; `language` says for a
    `Context` in which language its user reads prompts and resources. Without a `name`, the identity is that of the
    `MCP_SERVER_…` settings.
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
        cache: CacheHints | None = None,
        middleware: Iterable[Middleware] = (),
        budget: Budget | None = None,
        search_tools_above: int | None = None,
        language: Callable[[Context], str | None] | None = None,
    ) -> None:
        self._name = name
        self._version = version
        self._title = title
        self._instructions = instructions
        self._description = description
        self._website_url = website_url
        self._icons = [icon.to_wire() for icon in icons]
        self._page_size = page_size
        self.cache = cache or CacheHints()
        self.budget = budget
        self.search_tools_above = search_tools_above
        self._language = language
        self.registry = Registry()
        self._middleware = list(middleware)
        _servers.add(self)

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
        return self._register(self._add_tool, function, options)

    def toolset(self, toolset: ToolsetClass, /) -> ToolsetClass:
        """Registers the public methods of a `Toolset` as tools, and leaves it a class."""
        for function, options in toolset.tools():
            self._add_tool(function, **options)
        return toolset

    @overload
    def resource(self, uri: str, /, **options: Any) -> Callable[[Function], Function]: ...
    @overload
    def resource(self, source: Resources, /) -> Resources: ...
    def resource(self, uri: Any, /, **options: Any) -> Any:
        """Registers a function as the resource at a URI, or as a template when the URI has variables. A source of
        resources, such as a `ModelResource`, brings its own.
        """

        def register(function: Function) -> Function:
            self.registry.add_resource(function, uri, **options)
            return function

        if isinstance(uri, Resources):
            for function, own_uri, own_options in uri.resources():
                self.registry.add_resource(function, own_uri, **own_options)
            return uri
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

    def middleware(self, middleware: MiddlewareFunction, /) -> MiddlewareFunction:
        """Adds middleware around each call, inside of what is there already."""
        self._middleware.append(middleware)
        return middleware

    def notify_tools_changed(self, *, principal: str | None = None) -> None:
        """Tells clients that the list of tools has changed: everybody's, or those of one principal. On commit, from any
        process.
        """
        self._changed("notifications/tools/list_changed", principal=principal)

    def notify_resources_changed(self, *, principal: str | None = None) -> None:
        """See notify_tools_changed()."""
        self._changed("notifications/resources/list_changed", principal=principal)

    def notify_prompts_changed(self, *, principal: str | None = None) -> None:
        """See notify_tools_changed()."""
        self._changed("notifications/prompts/list_changed", principal=principal)

    def notify_resource_updated(self, uri: str) -> None:
        """Tells the clients that have subscribed to a resource that it has changed."""
        self._changed("notifications/resources/updated", uri=uri)

    def watch(self, model: type[Model], uri: str) -> None:
        """Ties a model's saves and deletions to its resources: `server.watch(Airport, "airport://{iata}")`, the fields
        by name.
        """

        def notify(instance: Model, **kwargs: Any) -> None:
            self.notify_resource_updated(uri.format_map(_Fields(instance)))

        for moment in (post_save, post_delete):
            moment.connect(notify, sender=model, weak=False, dispatch_uid=("django_mcp", self.name, uri))

    def _changed(self, method: str, *, uri: str = "", principal: str | None = None) -> None:
        server_changed.send(sender=MCPServer, server=self.name, method=method, uri=uri, principal=principal)

    def get_tools(self, request: Request) -> Mapping[str, Tool]:
        """The tools that there are for a request, by name. Override it to add some, or to choose by the tenant, the
        headers or the hour; each one's own `permission` and `scopes` are asked beside it.

        It is called in a thread for every `tools/list` and `tools/call`, and may go to the database. `request.caller`
        is who asks.
        """
        return self.registry.tools

    def is_empty(self) -> bool:
        """Whether there is nothing on it: no tool, no resource and no prompt."""
        registry = self.registry
        own = (registry.tools, registry.resources, registry.templates, registry.prompts)
        return not any(own) and not self._chooses_tools()

    def language_of(self, ctx: Context) -> str:
        """The language in which the user reads: what `language` says, else what the HTTP request accepts."""
        said = self._language(ctx) if self._language is not None else None
        return said or get_language_from_request(ctx.request)

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

    def capabilities(self, *, streams: bool = True) -> dict[str, Any]:
        """What the server offers to a client: nothing that would not work. Without `streams`, nobody could be
        told of changes.
        """
        changes = {"listChanged": True} if streams else {}
        offered = {
            "tools": {**changes},
            "resources": {**changes, "subscribe": True} if streams else {},
            "prompts": {**changes},
            "completions": {},
            "logging": {},
        }
        return {name: details for name, details in offered.items() if self._has(name)}

    def prepare(
        self,
        inbound: Inbound,
        session: Session | None,
        caller: Caller,
        request_stream: RequestStream | None = None,
        *,
        streams: bool = False,
    ) -> Reply | PendingReply | Call | Listen:
        """What a message comes to: a reply, a reply that waits for its effect, a function to run, or a stream of
        changes.
        """
        if inbound.kind != "request" or inbound.id is None:
            effect = effect_of(inbound.kind, inbound.message) if inbound.era == "handshake" else None
            return PendingReply(replies.ACCEPTED, effect, None) if effect else replies.ACCEPTED
        try:
            request = self._read_request(inbound, inbound.id, session, caller, request_stream, streams)
            outcome = METHODS[request.method].handler(request)
        except ProtocolError as error:
            return replies.error(error, inbound.era, inbound.id)
        if isinstance(outcome, Call):
            return self._wrapped(outcome)
        if isinstance(outcome, Listen):
            return outcome
        if isinstance(outcome, ResultWithEffect):
            return PendingReply(self._reply(request, outcome.result), outcome.effect, request.id)
        return self._reply(request, outcome)

    def repeat(self, call: Call, inputs: Inputs) -> Call | Reply:
        """The same call once more, with the client's answers to what it asked."""
        try:
            again = METHODS[call.request.method].handler(replace(call.request, inputs=inputs))
        except ProtocolError as error:
            return replies.error(error, call.request.era, call.request.id)
        return (
            self._wrapped(again)
            if isinstance(again, Call)
            else self._reply(call.request, again if isinstance(again, dict) else {})
        )

    def finish(self, call: Call, outcome: Outcome) -> Reply:
        """The reply to a call that has run."""
        request = call.request
        try:
            if outcome.required is not None:
                result = self._to_input_required(request, outcome.required)
            elif isinstance(outcome.error, Cancelled):
                raise ProtocolError(REQUEST_CANCELLED, "Request cancelled")
            elif outcome.error is not None:
                result = call.to_failure(outcome.error)
            else:
                result = outcome.result or {}
            return self._reply(request, result)
        except ProtocolError as error:
            return replies.error(error, request.era, request.id)

    def asks_for_permissions(self, inbound: Inbound) -> bool:
        """Whether answering a message may go to the database to see who may use what."""
        if inbound.kind != "request":
            return False
        if inbound.method == "tools/call" and self.search_tools_above is not None:
            # What is searched, and what is called through the search, is not in the name.
            return self.registry.is_guarded or self._chooses_tools()
        if inbound.method.startswith("tools/") and self._chooses_tools():
            return True
        return self.registry.find_guarded(inbound.method, inbound.params)

    def _chooses_tools(self) -> bool:
        return type(self).get_tools is not MCPServer.get_tools

    def _add_tool(self, function: Callable[..., Any], **options: Any) -> None:
        # DRF reads the settings when it is imported, and a settings module may import django_mcp.
        from django_mcp.drf.arguments import adapt
        from django_mcp.drf.throttles import throttle_of

        if options.get("throttle") is not None:
            options["throttle"] = throttle_of(options["throttle"], options.get("name") or name_of(function))
        tool = self.registry.add_tool(adapt(function), **options)
        if self.search_tools_above is not None and tool.name in tool_search.TOOLS:
            raise ImproperlyConfigured(f"{tool.name!r} is a tool of the search; give yours another name.")

    def _wrapped(self, call: Call) -> Call:
        request = call.request
        key = NAME_SOURCES.get(request.method)
        if key is None or not self._middleware:
            return call
        held = [value for value in call.kwargs.values() if isinstance(value, Context)]
        invocation = Invocation(
            ctx=held[0] if held else request.context(),
            method=request.method,
            name=request.params[key],
            arguments={name: value for name, value in call.kwargs.items() if not isinstance(value, Context)},
        )
        function = wrap(call.function, is_async=call.is_async, middleware=self._middleware, invocation=invocation)
        return replace(call, function=function, is_wrapped=True)

    def _read_request(
        self,
        inbound: Inbound,
        request_id: RequestId,
        session: Session | None,
        caller: Caller,
        request_stream: RequestStream | None,
        streams: bool,
    ) -> Request:
        method = METHODS.get(inbound.method)
        version = _version_of(inbound, session)
        if method is None or not self._offers(method, inbound.era, streams):
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
            request_stream=request_stream,
            streams=streams,
            inputs=self._read_inputs(inbound, caller) if inbound.era == "modern" else None,
        )

    def _read_inputs(self, inbound: Inbound, caller: Caller) -> Inputs | None:
        """What a modern client brings back to a call that asked it something: its state, and the answers to the last
        questions.
        """
        if inbound.method not in INPUT_REQUIRED_METHODS:
            return None
        params = inbound.params
        sealed, given = params.get("requestState"), params.get("inputResponses")
        if sealed is None and given is None:
            return None
        binding = request_state.bind(caller.principal.key, self.name, inbound.method, params)
        inputs = Inputs() if sealed is None else request_state.unseal(sealed, binding)
        if given is not None and not isinstance(given, dict):
            raise ProtocolError(INVALID_PARAMS, "Invalid params: inputResponses must be an object")
        return Inputs({**inputs.answers, **(given or {})}, inputs.state, inputs.round)

    def _to_input_required(self, request: Request, required: InputRequired) -> Result:
        inputs = request.inputs or Inputs()
        if request.era != "modern":
            raise ProtocolError(INTERNAL_ERROR, "The client did not answer what the call asked")
        if inputs.round >= mcp_settings.MAX_ROUNDS:
            raise ProtocolError(INTERNAL_ERROR, "The call asked for more input too often")
        for question in required.questions.values():
            check_capability(question, request.client_capabilities, request.era)
        following = Inputs(inputs.answers, required.state, inputs.round + 1)
        binding = request_state.bind(request.caller.principal.key, self.name, request.method, request.params)
        try:
            sealed = request_state.seal(following, binding)
        except (TypeError, ValueError) as error:
            logger.error("%s cannot be asked about: %s", request.method, error)
            raise ProtocolError(INTERNAL_ERROR, "Internal error") from error
        result: Result = {"resultType": "input_required", "requestState": sealed}
        if required.questions:
            result["inputRequests"] = {key: question.to_wire() for key, question in required.questions.items()}
        return result

    def _offers(self, method: Method, era: Era, streams: bool) -> bool:
        if era not in method.eras or (method.needs_streams and not streams):
            return False
        return method.capability is None or self._has(method.capability)

    def _has(self, capability: str) -> bool:
        registry = self.registry
        match capability:
            case "tools":
                return bool(registry.tools) or self._chooses_tools()
            case "resources":
                return bool(registry.resources or registry.templates)
            case "prompts":
                return bool(registry.prompts)
            case "completions":
                return registry.has_completions()
        return True

    def _reply(self, request: Request, result: Result) -> Reply:
        if request.era == "modern":
            info = (
                self.implementation()
                if request.method == "server/discover"
                else {"name": self.name, "version": self.version}
            )
            # What a client's own answers went into is nobody else's, and not for later.
            cache = CacheHints() if request.inputs else self._cache()
            return replies.result(request.id, modern.complete(request.method, result, info, cache))
        return replies.result(request.id, handshake.shape(request.method, result, request.version))

    def _cache(self) -> CacheHints:
        """What may be kept, and by whom: lists that are not the same for everybody are nobody else's."""
        is_for_one = self.registry.is_guarded or self._chooses_tools()
        return replace(self.cache, scope="private") if is_for_one else self.cache

    def _register(self, add: Callable[..., Any], function: Function | None, options: Mapping[str, Any]) -> Any:
        def register(function: Function) -> Function:
            add(function, **options)
            return function

        if function is not None and not callable(function):
            raise TypeError("Use the decorator bare or with keywords: @tool or @tool(name='…')")
        return register if function is None else register(function)


_servers: WeakSet[MCPServer] = WeakSet()


def all_servers() -> list[MCPServer]:
    """The servers of this process, by name."""
    return sorted(_servers, key=lambda server: server.name)


def guarded_servers() -> list[MCPServer]:
    """The servers of this process on which something asks for permissions or scopes."""
    return [server for server in all_servers() if server.registry.is_guarded]


class _Fields(dict[str, Any]):
    """A model instance's fields by name, percent-encoded as a URI has them: `{+path}` keeps what is reserved (RFC
    6570).
    """

    def __init__(self, instance: Model) -> None:
        super().__init__()
        self._instance = instance

    def __missing__(self, name: str) -> str:
        field = name.removeprefix("+")
        return quote(str(getattr(self._instance, field)), safe=":/?#[]@!$&'()*+,;=" if field != name else "")


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
    """Whether a `tools/call` says no more than what it says in every revision, rightly. It is the most frequent
    message, and its full check costs as much as reading it did.
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
