"""Runs a `Call`: the one module with two colours.

`run` is for code in a thread, `arun` for code on an event loop; both give the same `Outcome`. What the function wrote
to a database is undone when it fails, in every combination of the two.
"""

import asyncio
import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import close_old_connections, connections

from django_mcp.conf import mcp_settings
from django_mcp.methods.requests import Call, Outcome

from .transactions import LazyAtomic

P = ParamSpec("P")
T = TypeVar("T")


def run(call: Call) -> Outcome:
    """The outcome of a call, made in this thread. An async function gets an event loop of its own for as long as it
    runs.
    """
    function = async_to_sync(call.function) if call.is_async else call.function
    try:
        with _atomic(call):
            return Outcome(call.to_result(function(*call.args, **call.kwargs)))
    except Exception as error:  # whatever a tool raises is its outcome
        return Outcome(error=error)


async def arun(call: Call) -> Outcome:
    """See run(). A sync function runs in a worker thread, an async one here."""
    if not call.is_async:
        return await hop(run, call)
    if not call.atomic:
        return await _arun_async(call)
    if _sync_caller_waits():
        return await _arun_in_callers_thread(call)
    async with _OwnThread() as thread:
        outcome = await _arun_async(call)
        await thread.finish(outcome.error)
        return outcome


async def hop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a sync function returns, run in a worker thread whose database connections are kept as Django's settings
    say.

    The threads are a pool: Django's own `sync_to_async` has one thread for everybody, or a new one for each request.
    Where a sync caller waits for this event loop (a test, WSGI), its thread is used, so that it sees its own
    transaction.
    """
    if _sync_caller_waits():
        return await sync_to_async(function)(*args, **kwargs)
    context = contextvars.copy_context()
    work = partial(context.run, _with_connections, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)


async def _arun_async(call: Call) -> Outcome:
    try:
        value = await call.function(*call.args, **call.kwargs)
        try:
            return Outcome(call.to_result(value))
        except SynchronousOnlyOperation:
            # The function returned something lazy, such as a queryset: it is evaluated where its other queries ran.
            return Outcome(await sync_to_async(call.to_result)(value))
    except Exception as error:
        return Outcome(error=error)


async def _arun_in_callers_thread(call: Call) -> Outcome:
    atomic = LazyAtomic()
    await sync_to_async(atomic.__enter__)()
    error: BaseException | None = None
    try:
        outcome = await _arun_async(call)
        error = outcome.error
        return outcome
    except BaseException as interruption:
        error = interruption
        raise
    finally:
        await sync_to_async(atomic.__exit__)(type(error) if error else None, error, None)


class _OwnThread(Executor):
    """A thread of one async call's own, for the database work that Django's a-methods send away. It starts when it is
    first needed.

    Being the call's own, its connection can hold a transaction, which a thread shared by all calls could not.
    """

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._atomic = LazyAtomic()
        self._context = ThreadSensitiveContext(executor=self)

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, initializer=self._atomic.__enter__)
        return self._executor.submit(function, *args, **kwargs)

    async def __aenter__(self) -> "_OwnThread":
        await self._context.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            await asyncio.shield(self.finish(error))
        await self._context.__aexit__(kind, error, traceback)

    async def finish(self, error: BaseException | None) -> None:
        """Commits what the call wrote, or undoes it, and gives the thread back."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.wrap_future(executor.submit(self._leave, error))
            executor.shutdown(wait=False)

    def _leave(self, error: BaseException | None) -> None:
        try:
            self._atomic.__exit__(type(error) if error else None, error, None)
        finally:
            connections.close_all()


def _atomic(call: Call) -> AbstractContextManager[object]:
    return LazyAtomic() if call.atomic else nullcontext()


def _sync_caller_waits() -> bool:
    return getattr(AsyncToSync.executors, "current", None) is not None


def _with_connections(function: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


@cache
def _pool() -> ThreadPoolExecutor:
    threads = mcp_settings.THREADS or min(32, (os.cpu_count() or 1) + 4)
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="django_mcp")
