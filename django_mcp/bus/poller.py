"""Looks into the database for what has appeared since the last look, for all listeners of a process together, and says
which groups to ring for.

It costs a few queries, however many streams there are. Knows the tables; neither the channel layer nor who listens.
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
"""Numbers are given out when a row is written, and it appears when its transaction ends: for so long, rows of lower
numbers are looked for.
"""

ROWS_LIMIT: Final = 2000
"""More new rows than this ring for everybody, which is cheaper than to tell them apart."""

SESSIONS_LIMIT: Final = 500
"""Sessions asked for in one query."""


class Poller:
    """What one process has seen. After a look that failed, the next rings for everybody: what was read is not told."""

    def __init__(self) -> None:
        self._events = _Tail(Event, "session_id")
        self._changes = _Tail(Change, "server")
        self._ends = _Ends()
        self._is_behind = True

    async def look(self, groups: Sequence[str]) -> list[str]:
        """The groups to ring for; of `groups`, those of calls are asked for one by one."""
        return await hop(self._look, groups)

    def _look(self, groups: Sequence[str]) -> list[str]:
        was_behind, self._is_behind = self._is_behind, True
        found = (self._events.read(), self._changes.read(), self._ends.read())
        called = _read_called([int(group.rpartition(".")[2]) for group in groups if group.startswith("mcp.calls.")])
        self._is_behind = False
        sessions, servers, ended = found
        if was_behind or sessions is None or servers is None or ended is None:
            return list(groups)
        rung = {session_group(pk) for pk in (*sessions, *ended)} | {server_group(name) for name in servers}
        return sorted(rung | {calls_group(pk) for pk in (*called, *ended)})


class _Tail:
    """The end of a table to which rows are only added: `of` names the column that says whom a row concerns."""

    def __init__(self, model: Any, of: str) -> None:
        self._rows = model.objects
        self._of = of
        self._floor: int | None = None
        self._seen: set[int] = set()
        self._marks: list[tuple[float, int]] = []

    def read(self) -> set[Any] | None:
        """Whom the rows that are new concern; `None` when they are too many to say."""
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
        """The number below which no row can appear any more."""
        assert self._floor is not None
        while self._marks and now - self._marks[0][0] >= LATE_SECONDS:
            self._floor = max(self._floor, self._marks.pop(0)[1])
        self._seen = {pk for pk in self._seen if pk > self._floor}
        return self._floor

    def _start_again(self) -> None:
        self._floor, self._seen, self._marks = None, set(), []


class _Ends:
    """The sessions that have ended, by themselves or on purpose: either is a time that passes."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._seen: dict[int, datetime] = {}

    def read(self) -> set[int] | None:
        now = timezone.now()
        # The clock of the machine that ended a session may be behind.
        since = (self._since or now) - timedelta(seconds=LATE_SECONDS)
        rows = Session.objects.using(alias()).filter(expires_at__gt=since, expires_at__lte=now)
        found = list(rows.order_by("expires_at").values_list("pk", "expires_at")[: ROWS_LIMIT + 1])
        new = {pk for pk, _ in found if pk not in self._seen}
        self._seen = {pk: ended for pk, ended in (*self._seen.items(), *found) if ended > since}
        self._since = now
        return None if len(found) > ROWS_LIMIT else new


def _read_called(pks: Sequence[int]) -> set[int]:
    """The sessions, of these, with a call that has been cancelled or answered, and has not noticed yet."""
    called: set[int] = set()
    for portion in _portions(pks):
        streams = Stream.objects.using(alias()).filter(session__in=portion, ended_at=None, cancelled_at__isnull=False)
        answers = ClientRequest.objects.using(alias()).filter(session__in=portion, answer__isnull=False)
        called.update(streams.values_list("session_id", flat=True))
        called.update(answers.values_list("session_id", flat=True))
    return called


def _portions(pks: Sequence[int]) -> Iterable[Sequence[int]]:
    return (pks[start : start + SESSIONS_LIMIT] for start in range(0, len(pks), SESSIONS_LIMIT))
