"""The poller: finds rows that are new since the last poll, for all listeners of a process together, and returns the
groups to ring for.

A poll takes a few queries, however many streams there are. It depends on the tables only, not on the channel layer or
the listeners.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max
from django.utils import timezone

from django_mcp.execution.threads import hop
from django_mcp.models import Change, ClientRequest, Event, Session, Stream
from django_mcp.storage.database import alias

from .groups import calls_group, server_group, session_group

LATE_SECONDS: Final = 3
"""Rows get their number when they are written, but become visible when their transaction ends: so rows with lower
numbers are looked for during this time.
"""

ROWS_LIMIT: Final = 2000
"""With more new rows than this, all groups are rung, which is cheaper than to distinguish them."""

SESSIONS_LIMIT: Final = 500
"""The maximum number of sessions in one query."""


class Poller:
    """The rows that a process has seen. If a poll fails, its partial results are lost, so the next poll wakes every
    listener.
    """

    def __init__(self) -> None:
        self._events = _NewRows(Event, "session_id")
        self._changes = _NewRows(Change, "server")
        self._ends = _EndedSessions()
        self._is_behind = True

    async def poll(self, groups: Sequence[str]) -> list[str]:
        """Polls, and returns the groups to ring for. `groups` are those with listeners; calls among them are queried
        one by one.
        """
        return await hop(self._poll, groups)

    def _poll(self, groups: Sequence[str]) -> list[str]:
        was_behind, self._is_behind = self._is_behind, True
        found = (self._events.read(), self._changes.read(), self._ends.read())
        called = _read_called([int(group.rpartition(".")[2]) for group in groups if group.startswith("mcp.calls.")])
        self._is_behind = False
        sessions, servers, ended = found
        if was_behind or sessions is None or servers is None or ended is None:
            return list(groups)
        rung = {session_group(pk) for pk in (*sessions, *ended)} | {server_group(name) for name in servers}
        return sorted(rung | {calls_group(pk) for pk in (*called, *ended)})


class _NewRows:
    """The new rows of a table to which rows are only added: `of` is the column with the group's session or server."""

    def __init__(self, model: Any, of: str) -> None:
        self._rows = model.objects
        self._of = of
        self._floor: int | None = None
        self._seen: set[int] = set()
        self._marks: list[tuple[float, int]] = []

    def read(self) -> set[Any] | None:
        """The sessions or servers of new rows; `None` when there are too many."""
        now = time.monotonic()
        rows = self._rows.using(alias())
        if self._floor is None:
            last = rows.aggregate(last=Max("pk"))["last"] or 0
            self._floor = max(0, last - ROWS_LIMIT // 2)
        after = self._settle(now)
        found = list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", self._of)[: ROWS_LIMIT + 1])
        new = [(pk, whom) for pk, whom in found if pk not in self._seen]
        self._seen.update(pk for pk, _ in new)
        if found:
            self._marks.append((now, found[-1][0]))
        if len(found) > ROWS_LIMIT:
            self._start_again()
            return None
        return {whom for _, whom in new}

    def _settle(self, now: float) -> int:
        """The number below which no row can become visible any more."""
        assert self._floor is not None
        while self._marks and now - self._marks[0][0] >= LATE_SECONDS:
            self._floor = max(self._floor, self._marks.pop(0)[1])
        self._seen = {pk for pk in self._seen if pk > self._floor}
        return self._floor

    def _start_again(self) -> None:
        self._floor, self._seen, self._marks = None, set(), []


class _EndedSessions:
    """The sessions that have ended: both expiry and termination set a time that has passed."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._seen: dict[int, datetime] = {}

    def read(self) -> set[int] | None:
        now = timezone.now()
        # The clock of the machine that terminated a session may be slow.
        since = (self._since or now) - timedelta(seconds=LATE_SECONDS)
        rows = Session.objects.using(alias()).filter(expires_at__gt=since, expires_at__lte=now)
        found = list(rows.order_by("expires_at").values_list("pk", "expires_at")[: ROWS_LIMIT + 1])
        new = {pk for pk, _ in found if pk not in self._seen}
        self._seen = {pk: ended for pk, ended in (*self._seen.items(), *found) if ended > since}
        self._since = now
        return None if len(found) > ROWS_LIMIT else new


def _read_called(pks: Sequence[int]) -> set[int]:
    """Those of these sessions that have a cancelled or answered call which has not reacted yet."""
    called: set[int] = set()
    for portion in _portions(pks):
        streams = Stream.objects.using(alias()).filter(session__in=portion, ended_at=None, cancelled_at__isnull=False)
        answers = ClientRequest.objects.using(alias()).filter(session__in=portion, answer__isnull=False)
        called.update(streams.values_list("session_id", flat=True))
        called.update(answers.values_list("session_id", flat=True))
    return called


def _portions(pks: Sequence[int]) -> Iterable[Sequence[int]]:
    return (pks[start : start + SESSIONS_LIMIT] for start in range(0, len(pks), SESSIONS_LIMIT))
