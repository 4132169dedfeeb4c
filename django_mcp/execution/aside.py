"""Threads for writes that must be outside of a tool's transaction.

There are a few for the whole process, however many calls wait. Each keeps its database connection while it has work,
and ends when it has none.
"""

import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from django.db import connections

from .threads import end, look_after_connections

T = TypeVar("T")

LIMIT: Final = 4
"""The maximum number of threads; their work takes milliseconds."""

IDLE_SECONDS: Final = 2
"""A thread without work for this long ends, and closes its connections."""


class Aside:
    """The pool of these threads."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begins anew, also in a process that was forked: the threads are the parent's."""
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._open = 0

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """The future of a function's result. The function has the context variables of this thread, such as a project's
        tenant.
        """
        future: Future[T] = Future()
        with self._lock:
            self._open += 1
            self._work.put((future, partial(contextvars.copy_context().run, function)))
            thread = self._one_more()
        if thread is not None:
            thread.start()
        return future

    def stop(self, seconds: float) -> None:
        """Lets the threads finish their work, and end."""
        end(self._threads, self._work, seconds)

    def _one_more(self) -> threading.Thread | None:
        if len(self._threads) >= min(LIMIT, self._open):
            return None
        thread = threading.Thread(target=self._serve, name="django_mcp-aside", daemon=True)
        self._threads.add(thread)
        return thread

    def _serve(self) -> None:
        try:
            while (item := self._take()) is not None:
                self._do(*item)
                del item
        finally:
            connections.close_all()

    def _take(self) -> "tuple[Future[Any], Callable[[], Any]] | None":
        """The next work; `None` when this thread must end, which is then no longer counted."""
        try:
            item = self._work.get(timeout=IDLE_SECONDS)
        except Empty:
            item = None
        if item is None:
            with self._lock:
                # Work submitted meanwhile relied on this thread.
                with suppress(Empty):
                    item = self._work.get_nowait()
                if item is None:
                    self._threads.discard(threading.current_thread())
        return item

    def _do(self, future: "Future[Any]", function: Callable[[], Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                look_after_connections()
                future.set_result(function())
        except BaseException as error:
            future.set_exception(error)
        finally:
            with self._lock:
                self._open -= 1


aside: Final = Aside()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=aside.forget)
