"""Worker threads for the sync work of the ASGI lane. They keep their database connections as Django's settings say.

Django's `sync_to_async` has one thread for everything, or a new one for each request. A `ThreadPoolExecutor` wakes the
event loop for each result; here, one wake-up delivers the results of several threads, so a hop costs less the busier a
process is.
"""

import asyncio
import atexit
import contextvars
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync, sync_to_async
from django.core.cache import caches
from django.db import close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_mcp.conf import mcp_settings
from django_mcp.protocol.records import record

from .loops import caller_waits, serving_loop
from .transactions import drop_transaction, release_connections
from .under_test import under_test

logger = logging.getLogger("django_mcp")

_USUAL_THREADS: Final = min(32, (os.cpu_count() or 1) + 4)
"""The limit when `MCP_THREADS` is None. Read once, because `os.cpu_count()` opens a system file each time."""

IDLE_SECONDS: Final = 5
"""A thread above `MCP_THREADS` that had no work for this long ends: sooner, a busy process would open connections again
and again.
"""

END_SECONDS: Final = 5
"""How long a process waits at its end for its threads."""

P = ParamSpec("P")
T = TypeVar("T")


@record(frozen=True, slots=True)
class LoopContext:
    """The place where a request is served: its event loop, and whether a sync caller waits for it (a test, WSGI). Sync
    work then runs in the caller's thread, so that it sees the caller's transaction.
    """

    loop: asyncio.AbstractEventLoop
    caller_waits: bool

    @classmethod
    def on(cls, loop: asyncio.AbstractEventLoop) -> "LoopContext":
        """The context for a known loop: finding the running loop is a system call before Python 3.12."""
        waits = loop in AsyncToSync.loop_thread_executors or caller_waits.get() or under_test().caller_waits
        return cls(loop, waits)

    @classmethod
    def here(cls) -> "LoopContext":
        return cls.on(asyncio.get_running_loop())

    async def hop(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a sync function in a worker thread, and returns its result."""
        if self.caller_waits:
            return await sync_to_async(function)(*args, **kwargs)
        work = partial(contextvars.copy_context().run, _with_connections, self.loop, function, args, kwargs)
        result: T = await _pool.submit(self.loop, work)
        return result


async def hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a sync function in a worker thread, and returns its result; in the caller's thread if a sync caller
    waits.
    """
    return await LoopContext.here().hop(function, *args, **kwargs)


@contextmanager
def waiting_thread() -> Iterator[bool]:
    """Around a wait in a worker thread: the pool may start another thread meanwhile, and this one closes the
    connections that it does not need. Otherwise threads that wait for answers would block the answers. Yields whether
    the thread is in a transaction.

    The caller must limit its waits: there are `MCP_THREADS` threads, and one more for each that waits.
    """
    in_transaction = release_connections()
    with _pool.waiting():
        yield in_transaction


class Pool:
    """Worker threads, started on demand up to a limit; threads that wait for a client do not count. Without work,
    only `MCP_THREADS` of them stay after a while.
    """

    def __init__(self, limit: Callable[[], int] | None = None, name: str = "django_mcp") -> None:
        self._most = limit or usual_threads
        self._name = name
        self.forget()

    def forget(self) -> None:
        """Begins anew, also in a process that was forked: the threads are the parent's."""
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._results: WeakKeyDictionary[asyncio.AbstractEventLoop, _Results] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._open = 0
        self._waiting = 0

    def submit(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> "asyncio.Future[T]":
        """The future of a function's result. Must be called on the loop."""
        results = self._results.get(loop)
        if results is None:
            results = self._results[loop] = _Results(loop)
        future = loop.create_future()
        self._add((work, (future, results)))
        return future

    def start(self, work: Callable[[], object]) -> None:
        """Runs a function whose result nobody waits for; it must not raise."""
        self._add((work, None))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a wait in one of the threads, which does not count meanwhile."""
        with self._lock:
            self._waiting += 1
        self._grow()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def stop(self, seconds: float) -> None:
        """Lets the threads finish their work, and end."""
        end(self._threads, self._work, seconds)

    def _add(self, work: "_Work") -> None:
        with self._lock:
            self._open += 1
        self._work.put(work)
        self._grow()

    def _limit(self) -> int:
        return self._most() + self._waiting

    def _grow(self) -> None:
        if self._open <= len(self._threads):
            return
        with self._lock:
            count = len(self._threads)
            if self._open <= count or count >= self._limit():
                return
            thread = threading.Thread(target=self._serve, name=f"{self._name}-{count}", daemon=True)
            self._threads.add(thread)
        thread.start()

    def _serve(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._do(*item)
                # Keep no reference while waiting for the next item.
                del item
                if len(self._threads) > self._limit() and self._leaves(is_idle=False):
                    return
        finally:
            connections.close_all()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _next(self) -> "_Work | None":
        """The next work; `None` when this thread must end."""
        while True:
            is_spare = len(self._threads) > usual_threads()
            try:
                return self._work.get(timeout=IDLE_SECONDS if is_spare else None)
            except Empty:
                if self._leaves(is_idle=True):
                    return None

    def _leaves(self, *, is_idle: bool) -> bool:
        """True when this thread must end: the pool is above its limit, or has had no work for this one."""
        with self._lock:
            is_over = len(self._threads) > (max(usual_threads(), self._open) if is_idle else self._limit())
            if is_over:
                self._threads.discard(threading.current_thread())
        return is_over

    def _do(self, work: Callable[[], Any], awaited: "tuple[asyncio.Future[Any], _Results] | None") -> None:
        value, error = None, None
        if awaited is None or not awaited[0].cancelled():
            try:
                value = work()
            except BaseException as raised:
                error = raised
        with self._lock:
            self._open -= 1
        if awaited is not None:
            future, results = awaited
            results.deliver(future, value, error)
        elif error is not None:
            logger.error("Work in a thread failed", exc_info=error)


class _Results:
    """Results of threads on their way to an event loop."""

    __slots__ = ("__weakref__", "_done", "_is_scheduled", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # A weak reference: the loop is the key of this object in a WeakKeyDictionary.
        self._loop = weakref.ref(loop)
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_scheduled = False

    def deliver(self, future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        """Delivers the result of a future; from any thread."""
        self._done.append((future, value, error))
        loop = self._loop()
        if self._is_scheduled or loop is None:
            return
        # Two threads may both get here; the second wake-up then finds nothing.
        self._is_scheduled = True
        try:
            loop.call_soon_threadsafe(self._take)
        except RuntimeError:
            # Nobody waits any more.
            logger.debug("A thread had a result after its event loop was closed")

    def _take(self) -> None:
        # Results from here on schedule another wake-up, so none is left behind.
        self._is_scheduled = False
        while self._done:
            future, value, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is not None:
                future.set_exception(for_future(error))
            else:
                future.set_result(value)


def for_future(error: BaseException) -> BaseException:
    """An exception as a future takes it: asyncio refuses `StopIteration` before Python 3.12, and whoever waits for the
    future would wait for ever.
    """
    if not isinstance(error, StopIteration):
        return error
    failure = RuntimeError("The function raised StopIteration")
    failure.__cause__ = error
    return failure


_Work: TypeAlias = tuple[Callable[[], Any], tuple["asyncio.Future[Any]", _Results] | None]
"""A function, and the future of its result with the way there."""


def usual_threads() -> int:
    return mcp_settings.THREADS or _USUAL_THREADS


_pool: Final = Pool()
_lent: Final = Pool(lambda: mcp_settings.ASYNC_THREADS, "django_mcp-async")
# A thread of the server waits for each of these, so there are never more than the server has.
_awaited: Final = Pool(lambda: sys.maxsize, "django_mcp-call")
for _each in (_pool, _lent, _awaited):
    atexit.register(_each.stop, END_SECONDS)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_each.forget)


def lent_threads() -> Pool:
    """The threads of async calls."""
    return _lent


def lend_thread(work: Callable[[], object]) -> None:
    """Runs a function in a thread of its own, however long it takes, in the caller's context. Call it on an event
    loop.
    """
    loop = asyncio.get_running_loop()
    _lent.start(partial(contextvars.copy_context().run, _with_connections, loop, work, (), {}))


def start_in_thread(work: Callable[[], object]) -> None:
    """Runs a function in a worker thread, in the caller's context, and does not wait for it. Call it on an event
    loop.
    """
    loop = asyncio.get_running_loop()
    _pool.start(partial(contextvars.copy_context().run, _with_connections, loop, work, (), {}))


def run_in_thread(work: Callable[[], object]) -> None:
    """Runs a function in a thread of its own, however long it takes, in the caller's context. For a thread of the
    server, which waits for its messages.
    """
    _awaited.start(partial(contextvars.copy_context().run, _looked_after, work))


def _looked_after(work: Callable[[], object]) -> None:
    look_after_connections()
    try:
        work()
    finally:
        close_spent_connections()


def _with_connections(
    loop: asyncio.AbstractEventLoop, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> T:
    serving_loop.set(loop)
    look_after_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_spent_connections()


def end(threads: Iterable[threading.Thread], work: SimpleQueue[Any], seconds: float) -> None:
    """Tells the threads of a pool to end, by `None` on their queue, and waits for them for so many seconds in all."""
    ending = list(threads)
    for _ in ending:
        work.put(None)
    deadline = time.monotonic() + seconds
    for thread in ending:
        thread.join(max(0, deadline - time.monotonic()))


def look_after_connections() -> None:
    """Runs before a thread works: `close_old_connections`, and with it Django's health check, at most once a second."""
    now = time.monotonic()
    if now - getattr(_thread, "looked_at", float("-inf")) >= 1:
        _thread.looked_at = now
        close_old_connections()
        # Kept until the next look: to find them takes longer than to ask them.
        _thread.connections = connections.all()


def close_spent_connections() -> None:
    """Runs after a thread worked: closes connections that have failed, are too old, or are not in autocommit mode."""
    for connection in getattr(_thread, "connections", ()):
        if connection.in_atomic_block and not _is_of_test(connection):
            drop_transaction(connection)
        if connection.connection is None:
            continue
        # Not `get_autocommit()`, which would open a closed connection.
        if connection.errors_occurred or not connection.autocommit or _is_old(connection):
            connection.close_if_unusable_or_obsolete()


def _is_of_test(connection: Any) -> bool:
    """Whether the transaction is that of a `TestCase`, in whose thread a request is answered."""
    return any(block._from_testcase for block in connection.atomic_blocks)


def _is_old(connection: BaseDatabaseWrapper) -> bool:
    return connection.close_at is not None and time.monotonic() >= connection.close_at


def keep_caches() -> None:
    """Runs before a thread works in a context of its own, where Django would make each cache anew, and with it the
    connections to Redis: the work uses the caches of the thread. Copies of the context have them too.
    """
    kept = getattr(_thread, "caches", None)
    if kept is None or kept[0] is not caches.settings:
        # A cache that cannot be made fails where it is used.
        with suppress(Exception):
            _thread.caches = kept = caches.settings, [(alias, caches[alias]) for alias in caches]
    elif _caches_here.get() is not kept:
        for alias, cache in kept[1]:
            caches[alias] = cache
    _caches_here.set(kept)


_caches_here: Final[contextvars.ContextVar[object]] = contextvars.ContextVar("django_mcp_caches", default=None)
_thread: Final = threading.local()
