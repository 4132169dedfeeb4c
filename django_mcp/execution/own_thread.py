"""The thread of an async call, for the database work of Django's async methods.

No other call uses the thread at the same time, so its connection can hold the call's transaction. After the call,
another call gets the thread, with its connection if Django's settings keep it open.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from .threads import for_future, lend_thread, lent_threads, start_in_thread
from .transactions import release_connections

T = TypeVar("T")


class OwnThread(Executor):
    """The thread of a call, as a context manager around it. It is taken from the pool on first use, and then enters
    the context of `make_context`, such as a transaction.
    """

    def __init__(self, make_context: Callable[[], AbstractContextManager[object]]) -> None:
        self._make_context = make_context
        self._entered: AbstractContextManager[object]
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any], bool]] | None = None
        self._is_over = False
        self._token: contextvars.Token[Any] | None = None

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        if self._is_over:
            # Of a task that outlives the call: nobody would return the thread.
            future: Future[T] = Future()
            start_in_thread(partial(_do, future, partial(function, *args, **kwargs)))
            return future
        if self._work is None:
            self._work = SimpleQueue()
            lend_thread(partial(self._serve, self._work))
        return self._put(self._work, partial(function, *args, **kwargs))

    def __enter__(self) -> "OwnThread":
        # The same as `async with` the context, but faster, because this is around every async call. Nothing here refers
        # to the context, which refers to this object: the cycle, with all that the call holds, would wait for the
        # garbage collector.
        context = ThreadSensitiveContext(executor=self)
        self._token = SyncToAsync.thread_sensitive_context.set(context)
        # A weak key: a task that outlives the call keeps the context, and so finds this object again.
        SyncToAsync.context_to_thread_executor[context] = self
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        token, self._token = self._token, None
        if token is not None:
            SyncToAsync.thread_sensitive_context.reset(token)

    @property
    def is_lent(self) -> bool:
        return self._work is not None

    async def finish(self, error: BaseException | None) -> None:
        """Commits or rolls back what the call wrote, and returns the thread, which must have been lent, to the pool."""
        self._is_over = True
        work, self._work = self._work, None
        assert work is not None
        leave = partial(self._leave, error)
        # A cancellation must not stop this halfway.
        await asyncio.shield(asyncio.wrap_future(self._put(work, leave, is_last=True)))

    def _begin(self) -> None:
        self._entered = self._make_context()
        self._entered.__enter__()

    def _leave(self, error: BaseException | None) -> None:
        self._entered.__exit__(type(error) if error else None, error, None)

    @staticmethod
    def _put(work: "SimpleQueue[Any]", function: Callable[[], T], *, is_last: bool = False) -> "Future[T]":
        future: Future[T] = Future()
        work.put((future, function, is_last))
        return future

    def _serve(self, work: "SimpleQueue[tuple[Future[Any], Callable[[], Any], bool]]") -> None:
        """Runs in the thread: does the call's work, to the last item."""
        failure = _failure_of(self._begin)
        while True:
            future, function, is_last = work.get()
            if failure is None:
                _do(future, function)
            elif future.set_running_or_notify_cancel():
                future.set_exception(failure)
            if is_last:
                return
            # Keep no reference while waiting for the next item.
            del future, function


def _failure_of(begin: Callable[[], object]) -> BaseException | None:
    try:
        begin()
    except BaseException as error:
        return error
    return None


def _do(future: "Future[Any]", function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = function()
    except BaseException as error:
        future.set_exception(for_future(error))
    else:
        future.set_result(value)


async def release_own_connections() -> bool:
    """Whether the thread of the running call is in a transaction; see transactions.release_connections."""
    own = _own_thread()
    if own is None or not own.is_lent:
        return False
    return await asyncio.wrap_future(own.submit(release_connections))


@contextmanager
def waiting_call() -> Iterator[None]:
    """Around an async call's wait for its client; its thread does not count meanwhile."""
    own = _own_thread()
    with lent_threads().waiting() if own is not None and own.is_lent else nullcontext():
        yield


def _own_thread() -> OwnThread | None:
    context = SyncToAsync.thread_sensitive_context.get(None)
    own = SyncToAsync.context_to_thread_executor.get(context) if context is not None else None
    return own if isinstance(own, OwnThread) else None
