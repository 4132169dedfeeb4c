"""The watch: one background thread in each process that serves, which reads the switches and does what is due.

It starts at the first request, so that a process that forks has one in each child, and never in a test.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.execution.loops import serving_loop

from .board import Stops, board, is_under_test
from .models import Edition, alias
from .rarely import Rarely
from .rollups import PORTION, catch_up, delete_old
from .running import running
from .switches import GROUP, announce, start_expired

logger = logging.getLogger("django_mcp")

COUNT_SECONDS: Final = 15
"""How often each process counts audited calls; any of them counts all."""

SETTLE_SECONDS: Final = 2.5
"""After this time every process has read a new edition: clients are told once more, since a client that was quick may
have read an old list.
"""


class Watch:
    """The background thread of a process, and its jobs."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = [
            board.refresh,
            self._start_expired,
            self._announce_settled,
            running.sync,
            self._count_calls,
        ]
        self._counts_at = 0.0
        self._starting = threading.Lock()
        self._rung = threading.Event()
        self._process: int | None = None
        self._failures = Rarely(60)
        self._unsettled: list[tuple[float, int, set[tuple[str, str]]]] = []
        board.when_changed.append(self._note_change)

    def start(self) -> None:
        """Starts the thread, once for each process."""
        if self._process == os.getpid() or is_under_test():
            return
        with self._starting:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._listen()
                threading.Thread(target=self._run, name="django_mcp-operations", daemon=True).start()

    def wake(self) -> None:
        """Does the jobs at once."""
        self._rung.set()

    def look(self) -> None:
        """Does each job once. A job that fails is logged once a minute, and does not keep the others from running."""
        for job in self.jobs:
            try:
                job()
            except DatabaseError as failure:
                self._failures.log(logger, "The database of the operators is away: %r", failure)
            except Exception:
                logger.exception("A job of the operators failed")

    def _run(self) -> None:
        try:
            while self._process == os.getpid():
                self._rung.wait(mcp_settings.OPERATIONS_POLL_SECONDS)
                self._rung.clear()
                close_old_connections()
                self.look()
                close_old_connections()
        finally:
            connections.close_all()

    def _listen(self) -> None:
        """Hears the bell of other processes, where there is one and an event loop serves."""
        loop = serving_loop.get()
        if loop is None or not bell.spans_processes():
            return
        asyncio.run_coroutine_threadsafe(bell.listen([GROUP], self.wake), loop)

    def _note_change(self, before: Stops, after: Stops) -> None:
        changed = {(kind, server) for kind, server, name in before.by_target.keys() ^ after.by_target.keys()}
        self._unsettled.append((time.monotonic() + SETTLE_SECONDS, after.number, changed))

    def _announce_settled(self) -> None:
        """Tells clients of changes again when every process has read them. One of the processes does it."""
        while self._unsettled and self._unsettled[0][0] <= time.monotonic():
            _, number, changed = self._unsettled.pop(0)
            rows = Edition.objects.using(alias()).filter(pk=1, announced__lt=number)
            if changed and rows.update(announced=number):
                announce(changed)

    def _start_expired(self) -> None:
        if any(not stop.holds() for stop in board.stops.by_target.values()):
            start_expired()
            board.refresh()

    def _count_calls(self) -> None:
        if time.monotonic() >= self._counts_at:
            self._counts_at = time.monotonic() + COUNT_SECONDS
            if catch_up() > PORTION:
                # Far behind: goes on at the next look.
                self._counts_at = 0.0
            delete_old()


watch: Final = Watch()
"""The watch of this process."""
