"""Where synchronous work of the ASGI lane runs: worker threads beside the event loop, whose database connections are
kept as Django's settings say.

Django's own `sync_to_async` has one thread for everybody, or a new one for each request. A `ThreadPoolExecutor` wakes
the event loop for each function by itself; here what several threads have done meanwhile comes back in one go, so that
the busier a process is, the less a hop costs.
"""

import asyncio
import atexit
import contextvars
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_mcp.conf import mcp_settings
from django_mcp.protocol.records import record

from .loops import serving_loop
from .under_test import under_test

MAX_WAITING_THREADS: Final = 256
"""Sync functions of one process that may wait for a client's answer at once; an async one waits without a thread."""

END_SECONDS: Final = 5
"""How long a process that ends waits for its threads."""

P = ParamSpec("P")
T = TypeVar("T")


@record(frozen=True, slots=True)
class LoopContext:
    """Where a request is served: on which event loop, and whether a sync caller waits for it (a test, WSGI), whose
    thread is used then, so that it sees its own transaction.
    """

    loop: asyncio.AbstractEventLoop
    caller_waits: bool

    @classmethod
    def on(cls, loop: asyncio.AbstractEventLoop) -> "LoopContext":
        """Here, for who knows the loop: to ask which one is running is a system call before Python 3.12."""
        return cls(loop, loop in AsyncToSync.loop_thread_executors or under_test().caller_waits)

    @classmethod
    def here(cls) -> "LoopContext":
        return cls.on(asyncio.get_running_loop())

    async def hop(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What a sync function returns, run in a worker thread."""
        if self.caller_waits:
            return await sync_to_async(function)(*args, **kwargs)
        work = partial(contextvars.copy_context().run, _with_connections, self.loop, function, args, kwargs)
        result: T = await _pool.submit(self.loop, work)
        return result


async def hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What a sync function returns, run in a worker thread; in the caller's own where one waits."""
    return await LoopContext.here().hop(function, *args, **kwargs)


@contextmanager
def waiting_thread() -> Iterator[None]:
    """Around a wait in a worker thread: another may work meanwhile. Else threads that wait for answers would keep the
    answers out.
    """
    _pool.wait_begins()
    try:
        yield
    finally:
        _pool.wait_ends()


class Pool:
    """Threads that start when there is work for one more, up to `MCP_THREADS`; those that wait for a client do not
    count.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any], _Returns] | None] = SimpleQueue()
        self._returns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Returns] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._open = 0
        self._waiting = 0

    def submit(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> "asyncio.Future[T]":
        """The future of some work, on the loop; to be called there."""
        returns = self._returns.get(loop)
        if returns is None:
            returns = self._returns[loop] = _Returns(loop)
        future = loop.create_future()
        with self._lock:
            self._open += 1
        self._work.put((work, future, returns))
        self._grow()
        return future

    def wait_begins(self) -> None:
        with self._lock:
            self._waiting += 1
        self._grow()

    def wait_ends(self) -> None:
        with self._lock:
            self._waiting -= 1

    def stop(self, seconds: float) -> None:
        """Lets the threads finish what they do, and end."""
        threads = list(self._threads)
        for _ in threads:
            self._work.put(None)
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _limit(self) -> int:
        threads: int = mcp_settings.THREADS or min(32, (os.cpu_count() or 1) + 4)
        return threads + min(self._waiting, MAX_WAITING_THREADS)

    def _grow(self) -> None:
        if self._open <= len(self._threads):
            return
        with self._lock:
            count = len(self._threads)
            if self._open <= count or count >= self._limit():
                return
            thread = threading.Thread(target=self._serve, name=f"django_mcp-{count}", daemon=True)
            self._threads.add(thread)
        thread.start()

    def _serve(self) -> None:
        try:
            while (item := self._work.get()) is not None:
                self._do(*item)
                # Nothing of it is kept while the next is waited for.
                del item
                if self._leaves():
                    return
        finally:
            connections.close_all()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _leaves(self) -> bool:
        """Whether this thread is one too many, since others wait no more. As many as the limit says stay, so that what
        is handed in finds one.
        """
        if len(self._threads) <= self._limit():
            return False
        with self._lock:
            is_over = len(self._threads) > self._limit()
            if is_over:
                self._threads.discard(threading.current_thread())
        return is_over

    def _do(self, work: Callable[[], Any], future: "asyncio.Future[Any]", returns: "_Returns") -> None:
        value, error = None, None
        if not future.cancelled():
            try:
                value = work()
            except BaseException as raised:
                error = raised
        with self._lock:
            self._open -= 1
        returns.give(future, value, error)


class _Returns:
    """What threads have done for an event loop, on its way there."""

    __slots__ = ("__weakref__", "_done", "_is_rung", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop is the key that this is found by: to hold it would be to keep both for ever.
        self._loop = weakref.ref(loop)
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_rung = False

    def give(self, future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        """From any thread: hands over what became of a future."""
        self._done.append((future, value, error))
        loop = self._loop()
        if self._is_rung or loop is None:
            return
        # Two threads may both come here, and then it is rung twice for the same.
        self._is_rung = True
        with suppress(RuntimeError):  # The loop is closed, and nobody waits.
            loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        # What is given from here on rings again, so nothing stays behind.
        self._is_rung = False
        while self._done:
            future, value, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)


_pool: Final = Pool()
atexit.register(_pool.stop, END_SECONDS)


def _with_connections(
    loop: asyncio.AbstractEventLoop, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> T:
    serving_loop.set(loop)
    _look_after_connections()
    try:
        return function(*args, **kwargs)
    finally:
        _close_spent_connections()


def _look_after_connections() -> None:
    """Before a thread works: `close_old_connections`, and so Django's health check, at most once a second. A connection
    that has just answered does not need to be asked whether it does.
    """
    now = time.monotonic()
    if now - getattr(_looked_at, "when", float("-inf")) >= 1:
        _looked_at.when = now
        close_old_connections()


def _close_spent_connections() -> None:
    """After it: those that have failed, are too old, or were left in another mode."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is None:
            continue
        # `get_autocommit()` would open one that is closed.
        if connection.errors_occurred or not connection.autocommit or _is_old(connection):
            connection.close_if_unusable_or_obsolete()


def _is_old(connection: BaseDatabaseWrapper) -> bool:
    return connection.close_at is not None and time.monotonic() >= connection.close_at


_looked_at: Final = threading.local()
