"""Runs a `Call`: the one module with two colours.

`run` is for code in a thread, `arun` for code on an event loop; both give the same `Outcome`. What the function wrote
to a database is undone when it fails, in every combination of the two.
"""

import asyncio
import contextvars
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections

from django_mcp.conf import mcp_settings
from django_mcp.methods.answering import repeat
from django_mcp.methods.request import Call, Outcome
from django_mcp.primitives.asking import ClientCannot, InputRequired, Inputs, Question, check_capability
from django_mcp.primitives.call_options import exceeded
from django_mcp.primitives.context import Cancelled, RequestStream
from django_mcp.replicas import reading

from .budgets import Meter
from .threads import LoopContext
from .transactions import LazyAtomic

T = TypeVar("T")


def run(call: Call) -> Outcome:
    """The outcome of a call, made in this thread. An async function gets an event loop of its own for as long as it
    runs.
    """
    rounds, answer = _rounds(call), None
    try:
        while True:
            step = rounds.send(answer)
            answer = _run_once(step) if isinstance(step, Call) else step.stream.ask(step.question)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


async def arun(call: Call, loop_context: LoopContext | None = None) -> Outcome:
    """See run(). A sync function runs in a worker thread, an async one here: `loop_context` is where that is."""
    loop_context = loop_context or LoopContext.here()
    if not call.is_async:
        return await loop_context.hop(run, call)
    rounds, answer = _rounds(call), None
    try:
        while True:
            step = rounds.send(answer)
            if isinstance(step, Call):
                answer = await _arun_once(step, loop_context)
            else:
                answer = await step.stream.aask(step.question)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to put to a handshake client, whose call goes on with the answer."""

    question: Question
    stream: RequestStream


def _rounds(call: Call) -> Generator[Call | _Asked, Any, Outcome]:
    """A call until it ends: yields the call to run and takes its outcome; yields each question to a client that waits,
    and takes the answer. A modern client gets the questions as the outcome, and calls again.
    """
    while True:
        outcome: Outcome = yield call
        if outcome.required is None or call.request.era != "handshake":
            return outcome
        stream = _stream_to_ask(call, outcome.required)
        answers = {}
        for key, question in outcome.required.questions.items():
            answers[key] = yield _Asked(question, stream)
        again = repeat(call, _with_answers(call, answers, outcome.required))
        if again is None:
            return outcome
        call = again


def _run_once(call: Call) -> Outcome:
    try:
        with reading(call.options.read_only), _on_terms(call):
            value = async_to_sync(_in_time)(call) if call.is_async else call.function(*call.args, **call.kwargs)
            outcome = Outcome(call.to_result(_checked(call, value)))
            if call.options.dry_run:
                raise _Undone(outcome)
            return outcome
    except _Undone as undone:
        return undone.outcome
    except InputRequired as required:
        return Outcome(required=required)
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


class _Undone(Exception):
    """Ends the transaction of a dry run, and carries what came of it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def _arun_once(call: Call, loop_context: LoopContext) -> Outcome:
    try:
        if loop_context.caller_waits:
            return await _arun_in_callers_thread(call)
        with _OwnThread(_on_terms(call)) as thread:
            try:
                outcome = await _arun_async(call)
            except BaseException as interruption:
                await thread.finish(interruption)
                raise
            await thread.finish(_reason_to_undo(call, outcome))
            return outcome
    except Exception as error:
        # What the function wrote could not be committed.
        return Outcome(error=error)


def _checked(call: Call, value: Any) -> Any:
    """What a function returned, unless the client has called it off, or must answer first."""
    if call.request.stream is not None and call.request.stream.cancelled:
        raise Cancelled
    if isinstance(value, InputRequired):
        raise value
    return value


def _stream_to_ask(call: Call, required: InputRequired) -> RequestStream:
    """The stream to ask a handshake client on before its call can go on. Raises `ToolError` when it cannot be asked."""
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


async def _arun_async(call: Call) -> Outcome:
    try:
        with reading(call.options.read_only):
            value = _checked(call, await _in_time(call))
            try:
                return Outcome(call.to_result(value))
            except SynchronousOnlyOperation:
                # The function returned something lazy, such as a queryset: it is evaluated where its other queries ran.
                return Outcome(await sync_to_async(call.to_result)(value))
    except InputRequired as required:
        return Outcome(required=required)
    except (Cancelled, Exception) as error:
        return Outcome(error=error)


async def _in_time(call: Call) -> Any:
    seconds = call.options.budget.seconds if call.options.budget else None
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
    return outcome.error or outcome.required or (_Undone(outcome) if call.options.dry_run else None)


async def _arun_in_callers_thread(call: Call) -> Outcome:
    atomic = _on_terms(call)
    await sync_to_async(atomic.__enter__)()
    error: BaseException | None = None
    try:
        outcome = await _arun_async(call)
        error = _reason_to_undo(call, outcome)
        return outcome
    except BaseException as interruption:
        error = interruption
        raise
    finally:
        await sync_to_async(atomic.__exit__)(type(error) if error else None, error, None)


class _OwnThread(Executor):
    """A thread of one async call's own, for the database work that Django's a-methods send away. It starts when it is
    first needed.

    Being the call's own, its connection can hold a transaction, which a thread shared by all calls could not; and it is
    closed in the end, where nobody would look after that of asgiref's thread for everybody.
    """

    def __init__(self, atomic: AbstractContextManager[object]) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._atomic = atomic
        self._context = ThreadSensitiveContext(executor=self)
        self._token: contextvars.Token[Any] | None = None

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, initializer=self._atomic.__enter__)
        return self._executor.submit(function, *args, **kwargs)

    def __enter__(self) -> "_OwnThread":
        # What `async with` the context does, without its awaits: this is around every asynchronous call.
        self._token = SyncToAsync.thread_sensitive_context.set(self._context)
        SyncToAsync.context_to_thread_executor[self._context] = self
        return self

    def __exit__(self, *error: object) -> None:
        SyncToAsync.context_to_thread_executor.pop(self._context, None)
        if self._token is not None:
            SyncToAsync.thread_sensitive_context.reset(self._token)
            # It knows the context in which this is: a circle, which would wait for the garbage collector.
            self._token = None

    async def finish(self, error: BaseException | None) -> None:
        """Commits what the call wrote, or undoes it, and gives the thread back."""
        executor, self._executor = self._executor, None
        if executor is not None:
            leaving = executor.submit(self._leave, error)
            executor.shutdown(wait=False)
            # Who cancels now does not stop it halfway.
            await asyncio.shield(asyncio.wrap_future(leaving))

    def _leave(self, error: BaseException | None) -> None:
        try:
            self._atomic.__exit__(type(error) if error else None, error, None)
        finally:
            connections.close_all()


def _on_terms(call: Call) -> AbstractContextManager[object]:
    """What a call runs in: its transaction, unless it has none, and its meter, when it has a budget."""
    options = call.options
    transaction = LazyAtomic(read_only=options.read_only) if options.atomic else nullcontext()
    return transaction if options.budget is None else _Metered(transaction, Meter(options.budget))


class _Metered:
    """A meter around a transaction, so that what comes too late is undone."""

    def __init__(self, transaction: AbstractContextManager[object], meter: Meter) -> None:
        self._transaction = transaction
        self._meter = meter
        self._held = ExitStack()

    def __enter__(self) -> None:
        self._held.enter_context(self._transaction)
        self._held.enter_context(self._meter)

    def __exit__(self, *error: Any) -> bool | None:
        return self._held.__exit__(*error)
