"""Calls of a tool outside of the request that asked for them: in a worker, later, perhaps several times."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY

from django_mcp import gates
from django_mcp.conf import mcp_settings
from django_mcp.exceptions import Cancelled
from django_mcp.methods.answering import prepare_deferred, settle_deferred
from django_mcp.methods.request import Call, Outcome, Request, Result
from django_mcp.observers import ObservedCall, observing
from django_mcp.primitives.asking import InputRequired, Inputs, Question, check_capability
from django_mcp.primitives.context import Caller, RequestStream
from django_mcp.protocol import replies
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_REQUEST, ProtocolError
from django_mcp.protocol.versions import LATEST_MODERN

from . import outcomes
from .runner import run

if TYPE_CHECKING:
    from django_mcp.server import MCPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredCall:
    """A call of a tool, as data: who calls, the arguments as the client sent them, and the client's answers so far by
    key. `stream` gets the function's notifications, and tells whether the call is cancelled.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]
    caller: Caller
    stream: RequestStream
    client_info: Mapping[str, Any] = field(default_factory=dict)
    client_capabilities: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    round: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a deferred call: a result, an error, questions to the client, or a cancellation. `state` is the
    tool's own, for the call after the questions.
    """

    result: Result | None = None
    error: ProtocolError | None = None
    questions: Mapping[str, Question] = field(default_factory=dict)
    state: Any = None
    is_cancelled: bool = False


def run_tool(server: "MCPServer", call: DeferredCall) -> Ended:
    """Runs a tool in this thread, as a request of the modern era would: with the gates, its permissions, its
    transaction, its budget and the server's middleware, but without throttles and interceptors. Questions end the run:
    with their answers, the tool is run again from the top.
    """
    observed = _observed(server, call) if observing else None
    try:
        prepared = _prepare(server, call, observed)
        outcome = run(prepared) if isinstance(prepared, Call) else None
        ended = _ended(call, prepared, outcome)
    except BaseException as error:
        if observed is not None:
            outcomes.fail(observed, error)
        raise
    if observed is not None:
        _tell(observed, call, ended, prepared, outcome)
    return ended


def _prepare(server: "MCPServer", call: DeferredCall, observed: ObservedCall | None) -> Call | Result | ProtocolError:
    try:
        # Asked first in a worker too, where no request has loaded what the gates know.
        if (refusal := gates.refusal_of(server.name, call.caller.principal)) is not None:
            if observed is not None:
                observed.outcome = "forbidden"
            return ProtocolError(INVALID_REQUEST, refusal.message)
        return prepare_deferred(_request_of(server, call, observed))
    except ProtocolError as error:
        return error


def _ended(call: DeferredCall, prepared: Call | Result | ProtocolError, outcome: Outcome | None) -> Ended:
    if isinstance(prepared, ProtocolError):
        return Ended(error=prepared)
    if not isinstance(prepared, Call):
        return Ended(prepared)
    assert outcome is not None
    try:
        if outcome.required is not None:
            return _asking(outcome.required, call)
        return Ended(settle_deferred(prepared, outcome))
    except ProtocolError as error:
        return Ended(error=error)
    except Cancelled:
        return Ended(is_cancelled=True)


def _observed(server: "MCPServer", call: DeferredCall) -> ObservedCall:
    """The observed call of a run, which has started. The runs of one deferred call have one key."""
    observed = ObservedCall(
        method="tools/call",
        name=call.tool,
        arguments=call.arguments,
        server=server.name,
        path="",
        lane="task",
        era="modern",
        protocol_version=LATEST_MODERN,
        request_id=call.id,
        caller=call.caller,
        session=None,
        meta=_meta_of(call),
        headers={},
        stream=call.stream,
        key=hashlib.sha256(call.id.encode()).hexdigest()[:24],
        round=call.round,
    )
    if observed.counts_queries:
        observed.queries = observed.rows = 0
    observed.start()
    return observed


def _tell(
    observed: ObservedCall,
    call: DeferredCall,
    ended: Ended,
    prepared: Call | Result | ProtocolError,
    outcome: Outcome | None,
) -> None:
    """Tells the observers how a run has ended."""
    if ended.error is not None:
        observed.error, observed.error_code = observed.error or ended.error, ended.error.code
    failed = replies.error(ended.error, "modern", call.id) if ended.error is not None else None
    reply = failed or replies.result(call.id, ended.result or {})
    if isinstance(prepared, Call) and outcome is not None:
        outcomes.end(prepared, observed, outcome, reply)
    else:
        outcomes.refuse(observed, reply)


def _meta_of(call: DeferredCall) -> dict[str, Any]:
    return {
        CLIENT_INFO_META_KEY: call.client_info,
        CLIENT_CAPABILITIES_META_KEY: call.client_capabilities,
        # The stream takes the progress.
        "progressToken": call.id,
    }


def _request_of(server: "MCPServer", call: DeferredCall, observed: ObservedCall | None) -> Request:
    return Request(
        server=server,
        method="tools/call",
        id=call.id,
        params={"name": call.tool, "arguments": call.arguments, "_meta": _meta_of(call)},
        era="modern",
        version=LATEST_MODERN,
        headers={},
        session=None,
        caller=call.caller,
        stream=call.stream,
        inputs=Inputs(call.answers, call.state, call.round),
        observed=observed,
    )


def _asking(required: InputRequired, call: DeferredCall) -> Ended:
    if call.round >= mcp_settings.MAX_ROUNDS:
        raise ProtocolError(INTERNAL_ERROR, "The call asked for more input too often")
    for question in required.questions.values():
        check_capability(question, call.client_capabilities, "modern")
    return Ended(questions=required.questions, state=required.state)
