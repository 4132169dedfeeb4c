"""The event loop that a process keeps for coroutines that are called where no loop runs: async tools under WSGI, in
batches and in the workers of tasks, and rings of the bell.

It runs in a thread of its own, made on first use: in each worker of a server that forks, and not before. A loop for
each call would cost more than the call, and connections of a client library, such as httpx or redis, belong to a loop.
"""

import asyncio
import atexit
import contextvars
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, _restore_context, async_to_sync
from django.core.exceptions import ImproperlyConfigured

from .loops import caller_waits, serving_loop
from .threads import END_SECONDS

logger = logging.getLogger("django_mcp")

GREENLETS: Final = (
    "Async functions need threads, and those of this process are greenlets. Run gunicorn with --worker-class gthread "
    "in place of gevent, or serve the project by ASGI."
)

P = ParamSpec("P")
T = TypeVar("T")


class KeptLoop:
    """An event loop in a thread of its own, from its first use to the end of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._of_parents: list[_Running] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._get().loop

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Starts a task on the loop, with a copy of the context of this thread, and returns at once. Raises
        `ImproperlyConfigured` where there can be no loop.
        """
        self._get().start(function)

    def stop(self, seconds: float) -> None:
        """Cancels the tasks, waits for them for so long, and ends the thread."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop(seconds)

    def forget(self) -> None:
        """Runs in a process that was forked: the thread is the parent's, and so are the files of the loop."""
        self._lock = threading.Lock()
        if self._running is not None:
            # Kept, because closing it would take the parent's sockets out of a selector that both processes share.
            self._of_parents.append(self._running)
        self._running = None

    def _get(self) -> "_Running":
        running = self._running
        if running is None:
            if _has_greenlets():
                raise ImproperlyConfigured(GREENLETS)
            with self._lock:
                running = self._running = self._running or _Running()
        return running


class _Running:
    """A loop, and its thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._is_ending = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name="django_mcp-loop", daemon=True)
        self._thread.start()

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self.loop.call_soon_threadsafe(self._start, function, context=contextvars.copy_context())

    def _start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        # The language, the time zone and the like that are active in the thread that asks.
        take_over_locals()
        # Sync work must not go to a thread that waits for this task.
        AsyncToSync.executors.current = None
        task = self.loop.create_task(function())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _serve(self) -> None:
        while not self._is_ending:
            try:
                self.loop.run_forever()
            except BaseException:
                # A task that raises SystemExit stops a loop. The tasks of others go on.
                logger.exception("A task has stopped the event loop, which goes on")
        self.loop.close()

    def stop(self, seconds: float) -> None:
        ended = asyncio.run_coroutine_threadsafe(self._end_tasks(), self.loop)
        with suppress(Exception):
            ended.result(seconds)
        self._is_ending = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(seconds)

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()


def _has_greenlets() -> bool:
    """Whether the threads of this process are greenlets. All of them would see that an event loop runs in their thread,
    and Django refuses the ORM there.
    """
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    return bool(gevent is not None and gevent.is_module_patched("threading")) or bool(
        eventlet is not None and eventlet.is_monkey_patched("thread")
    )


kept_loop: Final = KeptLoop()
# Stops before the pools of threads, which were registered before: tasks that end may need them.
atexit.register(kept_loop.stop, END_SECONDS)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=kept_loop.forget)


def wait_for(function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of an async function, for sync code: it runs on the loop that serves, else on the kept one. Its sync
    work comes back to this thread, and so to the thread's transaction.
    """
    with _loop_of_async_to_sync():
        result: T = async_to_sync(function)(*args, **kwargs)
    return result


@contextmanager
def _loop_of_async_to_sync() -> Iterator[None]:
    """Has `async_to_sync` find a loop in place of making one."""
    local, waits = SyncToAsync.threadlocal, caller_waits.set(True)
    earlier = getattr(local, "main_event_loop", None), getattr(local, "main_event_loop_pid", None)
    try:
        # Code that an async caller waits for has a loop already.
        if earlier[0] is None or earlier[1] != os.getpid() or not earlier[0].is_running():
            local.main_event_loop, local.main_event_loop_pid = _serving_loop() or kept_loop.loop, os.getpid()
        yield
    finally:
        local.main_event_loop, local.main_event_loop_pid = earlier
        caller_waits.reset(waits)


def _serving_loop() -> asyncio.AbstractEventLoop | None:
    serving = serving_loop.get()
    return serving if serving is not None and serving.is_running() else None


def take_over_locals() -> None:
    """Has this thread see the values of asgiref's `Local`, such as Django's language, that came with the context of
    another thread. As asgiref itself does where it hands work to a thread.
    """
    _restore_context(contextvars.copy_context())
