"""Tells the observers of calls how a call has ended: its outcome, from its result, its reply or its error."""

import asyncio
import traceback
from collections.abc import Mapping
from typing import Any, Final

from django.core import exceptions

from django_mcp.exceptions import BudgetExceeded, Cancelled, InvalidArguments
from django_mcp.methods.failures import in_words
from django_mcp.methods.request import Call, Outcome
from django_mcp.observers import CallOutcome, ObservedCall
from django_mcp.protocol.errors import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Closed,
    InsufficientScope,
    ProtocolError,
    TooManyCalls,
)
from django_mcp.protocol.replies import Reply

from .threads import LoopContext

MAX_TEXT: Final = 4000
"""The most characters of an error's text. The audit keeps less of it, and finds no secret that is cut here."""

_OF_STATUS: Final[Mapping[int, CallOutcome]] = {
    400: "invalid",
    401: "forbidden",
    403: "forbidden",
    404: "tool_error",
    429: "throttled",
}
"""The outcome of an exception of DRF, by its status."""

_OF_REFUSAL: Final[Mapping[int, CallOutcome]] = {403: "forbidden", 429: "throttled", 503: "forbidden"}
"""The outcome of a refusal, by its status. A gate that closes a server refuses with 503."""

_OF_CODE: Final[Mapping[int, CallOutcome]] = {
    INTERNAL_ERROR: "failed",
    METHOD_NOT_FOUND: "unknown",
    REQUEST_CANCELLED: "cancelled",
}


def refuse(call: ObservedCall, reply: Reply) -> None:
    """Tells the observers that a call was answered without running its function."""
    if call.error is not None:
        call.finish(_outcome_of(call.error, call.outcome), reply.body, _text_of(call.error))
    elif reply.status >= 400:
        # A gate refuses the caller, the session is missing, or the request's id still runs.
        call.finish(_OF_REFUSAL.get(reply.status, "invalid"), reply.body, _message_in(reply))
    else:
        call.finish(call.outcome, reply.body)


def end(call: Call, seen: ObservedCall, outcome: Outcome, reply: Reply) -> None:
    """Tells the observers that the function of a call has run."""
    seen.error = outcome.error or seen.error
    if seen.error is not None:
        return seen.finish(_outcome_of(seen.error, seen.outcome), reply.body, _text_of(seen.error))
    if outcome.required is not None:
        return seen.finish("input_required", reply.body)
    if outcome.result and outcome.result.get("isError") is True:
        return seen.finish("tool_error", reply.body, _told(outcome.result))
    return seen.finish("dry_run" if call.options.dry_run else "ok", reply.body)


def fail(call: ObservedCall, error: BaseException) -> None:
    """Tells the observers that an exception ended a call, or its task was cancelled."""
    call.error = error
    call.finish("failed" if isinstance(error, Exception) else "cancelled", text=_text_of(error))


async def afail(call: ObservedCall, error: BaseException, loop_context: LoopContext) -> None:
    """See fail(): on an event loop."""
    if call.blocks:
        # A cancellation must not stop this halfway.
        await asyncio.shield(asyncio.ensure_future(loop_context.hop(fail, call, error)))
    else:
        fail(call, error)


def _outcome_of(error: BaseException, noted: CallOutcome) -> CallOutcome:
    """The outcome of a call that ended with an error. `noted` is what a method has noted: the error does not tell the
    client whether a primitive exists.
    """
    if noted != "ok":
        return noted
    match error:
        case BudgetExceeded():
            return "over_budget"
        case InvalidArguments() | exceptions.ValidationError():
            return "invalid"
        case InsufficientScope() | Closed() | exceptions.PermissionDenied():
            return "forbidden"
        case TooManyCalls():
            return "throttled"
        case ProtocolError(code=code):
            return _OF_CODE.get(code, "invalid")
        case Cancelled():
            return "cancelled"
    if not isinstance(error, Exception) or in_words(error) is None:
        return "failed"
    return _OF_STATUS.get(getattr(error, "status_code", 404), "tool_error")


def _text_of(error: BaseException) -> str:
    if isinstance(error, ProtocolError):
        return error.message[:MAX_TEXT]
    words = in_words(error) if isinstance(error, Exception) else ""
    return (_place_of(error) if words is None else words)[:MAX_TEXT]


def _place_of(error: BaseException) -> str:
    """Where an exception was raised."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{type(error).__name__} in {frames[0].name}, line {frames[0].lineno}" if frames else type(error).__name__


def _message_in(reply: Reply) -> str:
    return reply.body.decode()[:MAX_TEXT]


def _told(result: Mapping[str, Any]) -> str:
    """The text of an error that a tool returned."""
    texts = [block.get("text", "") for block in result.get("content", ()) if isinstance(block, dict)]
    return "\n".join(texts)[:MAX_TEXT]
