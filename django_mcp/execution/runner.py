"""Runs a `Call`, in a thread with `run` or on an event loop with `arun`.

Both return the same `Outcome`. When the function fails, its writes to a database are rolled back, with sync and async
functions alike.
"""

import asyncio
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import Cancelled, ClientCannot
from django_mcp.methods.answering import repeat
from django_mcp.methods.request import Call, Outcome
from django_mcp.primitives.asking import InputRequired, Inputs, Question, check_capability
from django_mcp.primitives.call_options import Budget, exceeded
from django_mcp.primitives.context import RequestStream
from django_mcp.replicas import reading

from .budgets import Meter
from .kept_loop import wait_for
from .own_thread import OwnThread
from .threads import LoopContext
from .transactions import LazyAtomic


def run(call: Call) -> Outcome:
    """The outcome of a call, made in this thread. An async function runs on the event loop that serves, else on the one
    that the process keeps; its sync work, and so its transaction, is in this thread.
    """
    try:
        outcome = _run_once(call)
        if _is_last(call, outcome):
            return outcome
        rounds, answer = _further_rounds(call, outcome), None
        while True:
            step = rounds.send(answer)
            answer = _run_once(step) if isinstance(step, Call) else step.stream.ask(step.question)
    except StopIteration as end:
        last: Outcome = end.value
        return last
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


async def arun(call: Call, loop_context: LoopContext | None = None) -> Outcome:
    """See run(). Runs a sync function in a worker thread, and an async one on this event loop, which `loop_context`
    describes.
    """
    loop_context = loop_context or LoopContext.here()
    if not call.is_async:
        return await loop_context.hop(run, call)
    try:
        outcome = await _arun_once(call, loop_context)
        if _is_last(call, outcome):
            return outcome
        rounds, answer = _further_rounds(call, outcome), None
        while True:
            step = rounds.send(answer)
            if isinstance(step, Call):
                answer = await _arun_once(step, loop_context)
            else:
                answer = await step.stream.aask(step.question)
    except StopIteration as end:
        last: Outcome = end.value
        return last
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


@dataclass(frozen=True, slots=True)
class _PendingQuestion:
    """A question for a handshake client, whose call continues with the answer."""

    question: Question
    stream: RequestStream


def _is_last(call: Call, outcome: Outcome) -> bool:
    """Whether a call has ended. For a modern client, the questions are the outcome, and the client calls again."""
    return outcome.required is None or call.request.era != "handshake"


def _further_rounds(call: Call, outcome: Outcome) -> Generator[Call | _PendingQuestion, Any, Outcome]:
    """The steps of a call that asks a handshake client: yields each question and is sent the answer, then yields the
    call to run again and is sent its outcome.
    """
    while outcome.required is not None:
        stream = _stream_to_ask(call, outcome.required)
        answers = {}
        for key, question in outcome.required.questions.items():
            answers[key] = yield _PendingQuestion(question, stream)
        again = repeat(call, _with_answers(call, answers, outcome.required))
        if again is None:
            break
        call = again
        outcome = yield call
    return outcome


def _run_once(call: Call) -> Outcome:
    observed = call.request.observed
    if observed is None:
        return _run_alone(call)
    with observed.around():
        return _run_alone(call)


def _run_alone(call: Call) -> Outcome:
    options = call.options
    try:
        with reading(options.read_only), _call_context(call):
            value = wait_for(_in_a_task, call) if call.is_async else call.function(*call.args, **call.kwargs)
            outcome = Outcome(call.to_result(_checked(call, value)))
            if options.dry_run:
                raise _RolledBack(outcome)
            return outcome
    except _RolledBack as rolled_back:
        return rolled_back.outcome
    except InputRequired as required:
        return Outcome(required=required)
    except SystemExit as error:
        return Outcome(error=_failure_of(error))
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


def _failure_of(error: SystemExit) -> Exception:
    """The failure of a function that has raised `SystemExit`, which would end a thread, or an event loop that serves
    others too. Raises it again in the main thread, where a signal to this process may have raised it.
    """
    if threading.current_thread() is threading.main_thread():
        raise error
    failure = RuntimeError(f"The function raised SystemExit({error.code!r})")
    failure.__cause__ = error
    return failure


class _RolledBack(Exception):
    """Rolls back the transaction of a dry run, and carries its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def _arun_once(call: Call, loop_context: LoopContext) -> Outcome:
    observed = call.request.observed
    try:
        if loop_context.caller_waits:
            return await _arun_in_callers_thread(call)
        with OwnThread(partial(_call_context, call)) as thread:
            try:
                if observed is None:
                    outcome = await _arun_alone(call)
                else:
                    with observed.around():
                        outcome = await _arun_alone(call)
            except BaseException as interruption:
                if thread.is_lent:
                    await thread.finish(interruption)
                raise
            if thread.is_lent:
                await thread.finish(_reason_to_undo(call, outcome))
            return outcome
    except Exception as error:
        # The commit failed.
        return Outcome(error=error)


def _checked(call: Call, value: Any) -> Any:
    """The function's return value. Raises if the client has cancelled the call, or must answer questions first."""
    if call.request.stream is not None and call.request.stream.cancelled:
        raise Cancelled
    if isinstance(value, InputRequired):
        raise value
    return value


def _stream_to_ask(call: Call, required: InputRequired) -> RequestStream:
    """The stream for questions to a handshake client. Raises `ToolError` when the client cannot be asked."""
    request = call.request
    if request.stream is None:
        raise ClientCannot("The client cannot be asked here: it has no session to answer in.")
    if (request.inputs or Inputs()).round >= mcp_settings.MAX_ROUNDS:
        raise RuntimeError("The call asked for more input too often.")
    for question in required.questions.values():
        check_capability(question, request.client_capabilities, request.era)
    return request.stream


def _with_answers(call: Call, answers: dict[str, Any], required: InputRequired) -> Inputs:
    earlier = call.request.inputs or Inputs()
    return Inputs({**earlier.answers, **answers}, required.state, earlier.round + 1)


async def _arun_alone(call: Call) -> Outcome:
    options = call.options
    try:
        with reading(options.read_only):
            if options.budget is None:
                value = _checked(call, await call.function(*call.args, **call.kwargs))
            else:
                value = _checked(call, await _in_time(call, options.budget.seconds))
            try:
                return Outcome(call.to_result(value))
            except SynchronousOnlyOperation:
                # A lazy result, such as a queryset, is evaluated where the function's other queries ran.
                return Outcome(await sync_to_async(call.to_result)(value))
    except InputRequired as required:
        return Outcome(required=required)
    except SystemExit as error:
        return Outcome(error=_failure_of(error))
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


async def _in_a_task(call: Call) -> Any:
    stream, seconds = call.request.stream, call.options.budget.seconds if call.options.budget else None
    if stream is None:
        return await _in_time(call, seconds)
    stream.runs_in(asyncio.current_task())
    try:
        return await _in_time(call, seconds)
    except asyncio.CancelledError:
        # The client cancelled the call; nobody cancelled this task.
        if stream.cancelled:
            raise Cancelled from None
        raise
    finally:
        stream.runs_in(None)


async def _in_time(call: Call, seconds: float | None) -> Any:
    if seconds is None:
        return await call.function(*call.args, **call.kwargs)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call.function(*call.args, **call.kwargs)
    except TimeoutError:
        if limit.expired():
            raise exceeded("seconds", seconds) from None
        raise


def _reason_to_undo(call: Call, outcome: Outcome) -> BaseException | None:
    return outcome.error or outcome.required or (_RolledBack(outcome) if call.options.dry_run else None)


async def _arun_in_callers_thread(call: Call) -> Outcome:
    atomic = _call_context(call)
    await sync_to_async(atomic.__enter__)()
    error: BaseException | None = None
    try:
        with nullcontext() if call.request.observed is None else call.request.observed.around():
            outcome = await _arun_alone(call)
        error = _reason_to_undo(call, outcome)
        return outcome
    except BaseException as interruption:
        error = interruption
        raise
    finally:
        await sync_to_async(atomic.__exit__)(type(error) if error else None, error, None)


def _call_context(call: Call) -> AbstractContextManager[object]:
    """The context of a call: its transaction, unless `atomic` is off, and its meter, if it has a budget or observers
    that count queries.
    """
    options = call.options
    transaction = LazyAtomic(read_only=options.read_only, dry_run=options.dry_run) if options.atomic else nullcontext()
    observed = call.request.observed
    if options.budget is None and (observed is None or not observed.counts_queries):
        return transaction
    return _Metered(transaction, Meter(options.budget or Budget(), observed))


class _Metered:
    """A meter around a transaction, so that a call that exceeds its time is rolled back."""

    def __init__(self, transaction: AbstractContextManager[object], meter: Meter) -> None:
        self._transaction = transaction
        self._meter = meter

    def __enter__(self) -> None:
        self._transaction.__enter__()
        self._meter.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        try:
            self._meter.__exit__(*error)
        except BaseException as exceeded_at_end:
            self._transaction.__exit__(type(exceeded_at_end), exceeded_at_end, exceeded_at_end.__traceback__)
            raise
        return self._transaction.__exit__(*error)
