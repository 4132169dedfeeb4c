"""Writing rows: at once, or from a buffer by a thread of the process, in bulk.

A call never fails because it cannot be audited. Rows wait while the database cannot be reached; those that find no
place in the buffer are lost, counted, and logged once a minute.
"""

import atexit
import json
import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from django.core import mail
from django.db import (
    Error,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connections,
    router,
    transaction,
)

from django_mcp.conf import mcp_settings

from .models import Call
from .rows import COLUMNS, characters_of, in_json
from .signals import call_recorded

logger = logging.getLogger("django_mcp.audit")

BATCH: Final = 500
"""Rows of one transaction."""

LONGEST_PAUSE: Final = 30
"""The most seconds between two attempts while the database cannot be reached."""

UNREACHABLE: Final = (OperationalError, InterfaceError, ProgrammingError)
"""The database is down or locked, or the table is missing: no fault of a row, so the rows wait."""

LOG_EVERY_SECONDS: Final = 60
END_SECONDS: Final = 5
"""How long a process waits at its end to write the buffer."""

_COLUMNS: Final = [str(field.column) for field in Call._meta.concrete_fields if not field.primary_key]
_TIME: Final = COLUMNS.index("started_at")


class Losses:
    """Calls that could not be recorded, in this process."""

    def __init__(self) -> None:
        self.total = 0
        self._unsaid = 0
        self._said_at = float("-inf")
        self._reason = ""
        self._lock = threading.Lock()

    def note(self, count: int, reason: str) -> None:
        with self._lock:
            self.total += count
            self._unsaid += count
            self._reason = reason
            if time.monotonic() - self._said_at >= LOG_EVERY_SECONDS:
                self._say()

    def say_rest(self) -> None:
        """Logs those that were not logged yet; at the end of a process."""
        with self._lock:
            if self._unsaid:
                self._say()

    def _say(self) -> None:
        logger.warning("%d calls are missing in the audit: %s", self._unsaid, self._reason)
        self._unsaid, self._said_at = 0, time.monotonic()


losses: Final = Losses()
note_loss: Final = losses.note


def write(rows: list[list[Any]]) -> None:
    """Writes rows now, in this thread. Counts those that cannot be written."""
    try:
        _insert(rows)
    except Error as error:
        note_loss(len(rows), f"{type(error).__name__}: {error}".strip())


def _insert(rows: list[list[Any]]) -> None:
    """Inserts rows in one transaction, and sends the signal for each. Faster than `bulk_create`, which makes an object
    of each row.
    """
    alias = router.db_for_write(Call)
    connection = connections[alias]
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, _COLUMNS))
    places = ", ".join(["%s"] * len(_COLUMNS))
    values = [_adapted(in_json(row), connection) for row in rows]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {quote(Call._meta.db_table)} ({columns}) VALUES ({places})", values)
    if call_recorded.has_listeners(Call):
        for row in rows:
            call_recorded.send_robust(Call, call=_call_of(in_json(row)))


def _call_of(row: list[Any]) -> Call:
    values = dict(zip(COLUMNS, row, strict=True))
    for name in ("arguments", "result"):
        values[name] = None if values[name] is None else json.loads(values[name])
    return Call(**values)


def _adapted(row: list[Any], connection: Any) -> list[Any]:
    return [*row[:_TIME], connection.ops.adapt_datetimefield_value(row[_TIME]), *row[_TIME + 1 :]]


class Writer:
    """The buffer of a process, and the thread that writes it. In tests there is no thread: `flush()` writes."""

    def __init__(self) -> None:
        self._rows: deque[list[Any]] = deque()
        self._characters = 0
        self._failure = ""
        self._warned_at = float("-inf")
        self._is_ending = False
        self._thread: threading.Thread | None = None
        self._is_urgent = threading.Event()
        self._writing = threading.Lock()
        self._starting = threading.Lock()

    def add(self, row: list[Any]) -> None:
        """Puts a row into the buffer; loses it when the buffer is full. From any thread, without waiting."""
        size = characters_of(row)
        is_full = len(self._rows) >= mcp_settings.AUDIT_BUFFER_CALLS
        if is_full or self._characters + size > mcp_settings.AUDIT_BUFFER_CHARACTERS:
            note_loss(1, self._failure or "they come faster than they are written")
            return
        self._characters += size
        self._rows.append(row)
        if self._thread is None:
            self._start()
        elif len(self._rows) == BATCH:
            self._is_urgent.set()

    def flush(self) -> int:
        """Writes the buffer now, in this thread, and returns the number of rows. Stops when the database cannot be
        reached, and keeps the rest.
        """
        written = 0
        with self._writing:
            while self._rows:
                batch = [self._rows.popleft() for _ in range(min(BATCH, len(self._rows)))]
                size = sum(map(characters_of, batch))
                try:
                    written += self._write(batch)
                except UNREACHABLE as error:
                    self._failure = f"{type(error).__name__}: {error}".strip()
                    self._rows.extendleft(reversed(batch))
                    break
                self._failure = ""
                self._characters -= size
        return written

    def _write(self, batch: list[list[Any]]) -> int:
        try:
            _insert(batch)
        except UNREACHABLE:
            raise
        except Exception as error:
            # One row spoils a batch: write each by itself.
            if len(batch) == 1:
                note_loss(1, f"{type(error).__name__}: {error}".strip())
                return 0
            return sum(self._write([row]) for row in batch)
        return len(batch)

    def _start(self) -> None:
        if is_testing():
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="django_mcp-audit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = 0.0
        while not self._is_ending:
            self._is_urgent.wait(max(pause, mcp_settings.AUDIT_FLUSH_SECONDS))
            self._is_urgent.clear()
            try:
                close_old_connections()
                self.flush()
                close_old_connections()
            except Exception:
                logger.exception("The audit cannot be written")
            if self._failure:
                self._warn()
                _close_connection()
            pause = min(max(1, pause * 2), LONGEST_PAUSE) if self._failure else 0
        _close_connection()

    def _warn(self) -> None:
        if time.monotonic() - self._warned_at >= LOG_EVERY_SECONDS:
            self._warned_at = time.monotonic()
            logger.warning("%d calls wait to be written to the audit: %s", len(self._rows), self._failure)

    def end(self) -> None:
        """Writes what waits at the end of the process, for some seconds at most."""
        if self._thread is None:
            return
        self._is_ending = True
        self._is_urgent.set()
        self._thread.join(END_SECONDS)
        if self._rows:
            note_loss(len(self._rows), self._failure or "the process ended")
        losses.say_rest()


def _close_connection() -> None:
    with suppress(Exception):
        connections[router.db_for_write(Call)].close()


def is_testing() -> bool:
    """Whether Django's test environment is set up: a thread would write outside of the tests' transactions."""
    return hasattr(mail, "outbox")


writer: Final = Writer()
flush: Final = writer.flush
atexit.register(writer.end)
if hasattr(os, "register_at_fork"):
    # A child has the parent's rows but not its thread; the parent writes them.
    os.register_at_fork(after_in_child=writer.__init__)  # type: ignore[misc]
