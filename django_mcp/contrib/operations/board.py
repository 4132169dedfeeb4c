"""The board: the switches in the memory of a process, and the gate that asks them.

A background thread compares the edition every `MCP_OPERATIONS_POLL_SECONDS`, and at once when a switch was thrown in
this process or the bell rings. While the database is away, the last known switches hold.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from django.core import mail
from django.db import Error as DatabaseError
from django.utils import timezone

from django_mcp.contrib.times import localtime
from django_mcp.gates import Gate, Kind, Refusal, gates_changed
from django_mcp.primitives.context import Principal

from .models import CALLERS, Edition, Switch, alias
from .rarely import Rarely

logger = logging.getLogger("django_mcp")


@dataclass(frozen=True, slots=True)
class Stop:
    """A stopped target in memory: the text for the client, its end in seconds since 1970, and its version."""

    message: str
    until: float | None
    cancels: bool
    version: int

    def holds(self) -> bool:
        return self.until is None or timezone.now().timestamp() < self.until


Target: TypeAlias = tuple[str, str, str]
"""The kind, the server ("" is every server) and the name."""


@dataclass(frozen=True, slots=True)
class Stops:
    """An edition of the switches: those that are off."""

    number: int = 0
    by_target: Mapping[Target, Stop] = field(default_factory=dict)
    has_callers: bool = False

    def find(self, kind: str, server: str, name: str) -> Stop | None:
        """The stop of a target, on this server or on every server."""
        for where in (server, ""):
            stop = self.by_target.get((kind, where, name))
            if stop is not None and stop.holds():
                return stop
        return None

    def find_caller(self, server: str, principal: Principal) -> Stop | None:
        for kind, name in names_of(principal):
            if name and (stop := self.find(kind, server, name)) is not None:
                return stop
        return None


def names_of(principal: Principal) -> tuple[tuple[str, str], ...]:
    """The kinds and names under which a caller can be stopped."""
    return (
        ("user", principal.account),
        ("client", principal.client_id),
        ("principal", principal.key),
        ("token", principal.token_id),
    )


class Board(Gate):
    """The switches of this process."""

    def __init__(self) -> None:
        self._stops = Stops()
        self._is_loaded = False
        self._loading = threading.Lock()
        self._failures = Rarely(60)
        self.when_asked: Callable[[], None] | None = None
        """Called at the first question: starts the background thread."""
        self.when_changed: list[Callable[[Stops, Stops], None]] = []
        """Called with the switches before and after a change."""

    @property
    def is_ready(self) -> bool:
        # A test may roll a switch back, which no process hears of.
        return self._is_loaded and not (self._stops.by_target and is_under_test())

    @property
    def may_close(self) -> bool:
        return bool(self._stops.by_target)

    @property
    def stops(self) -> Stops:
        return self._stops

    def refuse_caller(self, server: str, principal: Principal) -> Refusal | None:
        if not self.is_ready and not is_on_event_loop():
            self._begin()
        stops = self._stops
        if not stops.by_target:
            return None
        if (stop := stops.find("server", server, "")) is not None:
            return Refusal(stop.message, 503)
        if stops.has_callers and (stop := stops.find_caller(server, principal)) is not None:
            return Refusal(stop.message)
        return None

    def refuse(self, server: str, kind: Kind, key: str) -> str | None:
        stops = self._stops
        stop = stops.find(kind, server, key) if stops.by_target else None
        return stop.message if stop is not None else None

    def refresh(self) -> None:
        """Reads the edition, and the switches if it has changed. Logs an error of the database once a minute, and keeps
        the last known switches.
        """
        with self._loading:
            try:
                stops = self._read()
            except DatabaseError as failure:
                number = self._stops.number
                self._failures.log(logger, "The switches cannot be read; edition %d holds: %r", number, failure)
                return
            before, self._stops = self._stops, stops
        if before is not stops:
            self._tell(before, stops)

    def forget(self) -> None:
        """Forgets everything; the next question reads again."""
        self._stops, self._is_loaded = Stops(), False

    def _begin(self) -> None:
        self.refresh()
        self._is_loaded = True
        if self.when_asked is not None:
            self.when_asked()

    def _read(self) -> Stops:
        number = Edition.objects.using(alias()).filter(pk=1).values_list("number", flat=True).first() or 0
        if number == self._stops.number and self._is_loaded and not is_under_test():
            return self._stops
        return _stops_of(number, Switch.objects.using(alias()).filter(is_stopped=True))

    def _tell(self, before: Stops, after: Stops) -> None:
        if before.by_target == after.by_target:
            return
        for listener in self.when_changed:
            listener(before, after)
        gates_changed()


def _stops_of(number: int, rows: Iterable[Switch]) -> Stops:
    by_target = {(row.kind, row.server, row.name): _stop_of(row) for row in rows if row.is_off()}
    return Stops(number, by_target, any(kind in CALLERS for kind, _, _ in by_target))


def _stop_of(row: Switch) -> Stop:
    until = f" Until {localtime(row.until):%Y-%m-%d %H:%M %Z}".rstrip() + "." if row.until is not None else ""
    reason = row.reason if row.reason.endswith((".", "!", "?")) else f"{row.reason}."
    return Stop(
        message=f"{_SUBJECTS.get(row.kind, f'The {row.kind} {row.name}')} is stopped by an operator: {reason}{until}",
        until=row.until.timestamp() if row.until is not None else None,
        cancels=row.cancels,
        version=row.version,
    )


_SUBJECTS: Final = {**dict.fromkeys(CALLERS, "Your access"), "server": "This server"}


def is_under_test() -> bool:
    """Whether a test runs: Django's test runner and pytest-django keep mails in memory. Then no thread is started,
    since a test's database is not for threads.
    """
    return hasattr(mail, "outbox")


def is_on_event_loop() -> bool:
    """Whether this thread runs an event loop, on which nothing queries the database."""
    return asyncio._get_running_loop() is not None


board: Final = Board()
"""The board of this process."""
