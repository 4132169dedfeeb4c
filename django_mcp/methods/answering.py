"""The two halves of answering a message: `prepare` returns the reply, or a `Call` if a developer's function must run;
`finish` makes the reply from the outcome of that call. The carrier runs the function in between, in its thread or event
loop.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mcp_types.methods import INPUT_REQUIRED_METHODS, validate_client_request
from pydantic import ValidationError

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import Cancelled
from django_mcp.observers import ObservedCall
from django_mcp.primitives.asking import InputRequired, Inputs, check_capability
from django_mcp.primitives.context import Caller, Context, RequestStream, Session
from django_mcp.primitives.middleware import Invocation, wrap
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

from . import request_state
from .effects import Effect
from .extending import first_error, intercepted
from .notifications import effect_of
from .request import Call, Listen, Listing, Outcome, Request, Result, ResultWithEffect
from .table import Method
from .tools import call_tool

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

logger = logging.getLogger("django_mcp")

_ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "-", "version": "-"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""Replaces `_meta` when the parameters are validated: the real one was read before, by rules that require less."""

_CALL: Final = frozenset({"name", "arguments"})
_MODERN_CALL: Final = _CALL | {"_meta"}


@record(frozen=True, slots=True)
class PendingReply:
    """A reply that may be sent only after its effect has been carried out."""

    reply: Reply
    effect: Effect
    request_id: RequestId | None


def is_inert(server: "MCPServer", inbound: Inbound) -> bool:
    """Whether `prepare()` runs no code of the developer for a message, and may therefore run on an event loop."""
    if inbound.kind != "request":
        return True
    method = server.methods.get(inbound.method)
    return method is None or ("requestState" not in inbound.params and method.is_inert(server, inbound.params))


def prepare(
    server: "MCPServer",
    inbound: Inbound,
    session: Session | None,
    caller: Caller,
    stream: RequestStream | None = None,
    *,
    streams: bool = False,
    observed: ObservedCall | None = None,
) -> Reply | PendingReply | Call | Listen:
    """The reply to a message, a reply that waits for its effect, a function to run, or a stream of changes."""
    if inbound.kind != "request" or inbound.id is None:
        effect = effect_of(inbound.kind, inbound.message) if inbound.era == "handshake" else None
        return PendingReply(replies.ACCEPTED, effect, None) if effect else replies.ACCEPTED
    try:
        request = _read_request(server, inbound, inbound.id, session, caller, stream, streams, observed)
        answer = server.methods[request.method].handler(request)
        return _ready(answer) if isinstance(answer, Call) else _to_step(request, answer)
    except ProtocolError as error:
        if observed is not None:
            observed.error, observed.error_code = error, error.code
        return replies.error(_with_status(server, error, inbound.era), inbound.era, inbound.id)


def prepare_deferred(request: Request) -> Call | Result:
    """The call of a tool outside of its request. Permissions are asked again, throttles and interceptors are not.
    Raises `ProtocolError`.
    """
    answer = call_tool(request, deferred=True)
    return _wrapped(answer) if isinstance(answer, Call) else answer


def settle_deferred(call: Call, outcome: Outcome) -> Result:
    """The result of a deferred call that has run, unless it asked questions. Raises `ProtocolError` or `Cancelled`."""
    if isinstance(outcome.error, Cancelled):
        raise outcome.error
    return call.to_failure(outcome.error) if outcome.error is not None else outcome.result or {}


def repeat(call: Call, inputs: Inputs) -> Call | None:
    """The same call again, with the client's answers to its questions; `None` if it cannot be made any more."""
    try:
        again = call.request.server.methods[call.request.method].handler(replace(call.request, inputs=inputs))
        return _ready(again) if isinstance(again, Call) else None
    except ProtocolError:
        return None


def finish(call: Call, outcome: Outcome) -> Reply:
    """The reply to a call that has run."""
    request = call.request
    try:
        if outcome.required is not None:
            result = _to_input_required(request, outcome.required)
        elif isinstance(outcome.error, Cancelled):
            raise ProtocolError(REQUEST_CANCELLED, "Request cancelled")
        elif outcome.error is not None:
            result = call.to_failure(outcome.error)
        else:
            result = outcome.result or {}
        return _reply(request, result)
    except ProtocolError as error:
        if request.observed is not None:
            request.observed.error, request.observed.error_code = error, error.code
        return replies.error(_with_status(request.server, error, request.era), request.era, request.id)


def _with_status(server: "MCPServer", error: ProtocolError, era: Era) -> ProtocolError:
    """The error, with the HTTP status that an extension gives its code."""
    if era == "modern" and error.status is None:
        error.status = server.tables.error_statuses.get(error.code)
    return error


def _to_step(request: Request, answer: Result | Listing | ResultWithEffect | Listen) -> Reply | PendingReply | Listen:
    if isinstance(answer, Listen):
        return answer
    if isinstance(answer, ResultWithEffect):
        return PendingReply(_reply(request, answer.result), answer.effect, request.id)
    return _reply(request, answer)


def _ready(call: Call) -> Call:
    wrapped = _wrapped(call)
    return wrapped if wrapped.tool is None else intercepted(wrapped)


def _wrapped(call: Call) -> Call:
    """The call with the server's middleware around its function."""
    request = call.request
    middleware = request.server.middlewares
    if not middleware or (key := NAME_SOURCES.get(request.method)) is None:
        return call
    contexts = [value for value in call.kwargs.values() if isinstance(value, Context)]
    invocation = Invocation(
        ctx=contexts[0] if contexts else request.context(),
        method=request.method,
        name=request.params[key],
        arguments={name: value for name, value in call.kwargs.items() if not isinstance(value, Context)},
    )
    function = wrap(call.function, is_async=call.is_async, middleware=middleware, invocation=invocation)
    return replace(call, function=function, is_wrapped=True)


def _read_request(
    server: "MCPServer",
    inbound: Inbound,
    request_id: RequestId,
    session: Session | None,
    caller: Caller,
    stream: RequestStream | None,
    streams: bool,
    observed: ObservedCall | None,
) -> Request:
    method = server.methods.get(inbound.method)
    version = _version_of(inbound, session)
    if observed is not None:
        observed.protocol_version = version
    if method is None or not _offers(server, method, inbound.era, streams):
        raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {inbound.method}")
    if method.extension is None:
        _check_params(inbound, version)
    inputs = _read_inputs(server, inbound, caller) if inbound.era == "modern" else None
    if observed is not None and inputs is not None:
        observed.key, observed.round = inputs.call or observed.key, inputs.round
    return Request(
        server=server,
        method=inbound.method,
        id=request_id,
        params=inbound.params,
        era=inbound.era,
        version=version,
        headers=inbound.headers,
        session=session,
        caller=caller,
        stream=stream,
        streams=streams,
        inputs=inputs,
        observed=observed,
    )


def _offers(server: "MCPServer", method: Method, era: Era, streams: bool) -> bool:
    if era not in method.eras or (method.needs_streams and not streams):
        return False
    return method.capability is None or server.has(method.capability)


def _read_inputs(server: "MCPServer", inbound: Inbound, caller: Caller) -> Inputs | None:
    """The state and the answers that a modern client sends when it repeats a call that asked it questions."""
    if inbound.method not in INPUT_REQUIRED_METHODS:
        return None
    params = inbound.params
    sealed, answers = params.get("requestState"), params.get("inputResponses")
    if sealed is None and answers is None:
        return None
    binding = request_state.bind(caller.principal.key, server.name, inbound.method, params)
    inputs = Inputs() if sealed is None else request_state.unseal(sealed, binding)
    if answers is not None and not isinstance(answers, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: inputResponses must be an object")
    inputs = replace(inputs, given=answers or {})
    # For tools, `tools/call` decides which answers are accepted.
    return inputs if inbound.method == "tools/call" else inputs.taken(only_asked=False)


def _to_input_required(request: Request, required: InputRequired) -> Result:
    inputs = request.inputs or Inputs()
    if request.era != "modern":
        raise ProtocolError(INTERNAL_ERROR, "The client did not answer what the call asked")
    if inputs.round >= mcp_settings.MAX_ROUNDS:
        raise ProtocolError(INTERNAL_ERROR, "The call asked for more input too often")
    for question in required.questions.values():
        check_capability(question, request.client_capabilities, request.era)
    following = inputs.following(required)
    if request.observed is not None:
        following = replace(following, call=request.observed.key)
    binding = request_state.bind(request.caller.principal.key, request.server.name, request.method, request.params)
    try:
        sealed = request_state.seal(following, binding)
    except (TypeError, ValueError) as error:
        logger.error("%s cannot be asked about: %s", request.method, error)
        raise ProtocolError(INTERNAL_ERROR, "Internal error") from error
    result: Result = {"resultType": "input_required", "requestState": sealed}
    if required.questions:
        result["inputRequests"] = {key: question.to_wire() for key, question in required.questions.items()}
    return result


def _reply(request: Request, result: Result | Listing) -> Reply:
    if isinstance(result, Listing):
        return replies.listing(request.id, result.key, result.entries, _completed(request, result.rest))
    return replies.result(request.id, _completed(request, result))


def _completed(request: Request, result: Result) -> Result:
    """The result as the client's revision has it."""
    if request.era != "modern":
        return handshake.shape(request.method, result, request.version)
    server, method = request.server, request.method
    is_discovery = method == "server/discover"
    info = server.implementation() if is_discovery else {"name": server.name, "version": server.version}
    # A result that depends on the client's answers must not be cached or shared.
    return modern.complete(method, result, info, CacheHints if request.inputs else server.cache_hints)


def _version_of(inbound: Inbound, session: Session | None) -> str:
    """The revision of a request: its own, else its session's. Without either, that of the version header; a request
    without this header is of 2025-03-26, the last revision that had none.
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
    """Raises `ProtocolError` unless the revision has the method, and the parameters are valid."""
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
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {first_error(error)}") from None


def _is_plain_call(era: Era, params: Mapping[str, Any]) -> bool:
    """Whether a `tools/call` has only the parameters that every revision has, with the right types. It is the most
    frequent message, and full validation would cost as much as parsing it did.
    """
    # The envelope of a modern request has been validated; the `_meta` of a handshake client has not.
    known = _MODERN_CALL if era == "modern" else _CALL
    return params.keys() <= known and isinstance(params.get("name"), str) and isinstance(params.get("arguments"), dict)
