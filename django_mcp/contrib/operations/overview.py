"""The numbers of the overview: of an hour, a day or a week, in a bounded number of queries whatever the audit holds.

The calls that are counted come from the rollups, and the newest, which are not counted yet, from the audit itself. When
more than `TAIL` of them wait, the numbers end at the last counted call, and `behind` says how many wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db.models import Sum
from django.utils import timezone
from django.utils.formats import number_format

from django_mcp.models import Event, Session

from . import rollups
from .histogram import percentile
from .models import HOUR, MINUTE, MissingCapability, Process, Rollup, RollupMark, RunningCall, Switch, alias
from .rollups import PRIMITIVES, Counts, Deltas
from .running import alive

TAIL: Final = 20_000
"""The most uncounted calls that a page counts itself."""

PORTION: Final = 5_000
"""The most calls that a page adds to the rollups."""

LONGEST: Final = 25
"""The rows of a table of the page."""

MOST_SESSIONS: Final = 10_000
"""The page counts live sessions up to here."""

NEWEST_EVENTS: Final = 10_000
"""The page looks for waiting events among so many of the newest."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period of the page, ending now: its length, and the length of a step of its plots."""

    length: timedelta
    step: timedelta
    grain: int


PERIODS: Final = {
    "hour": Period(timedelta(hours=1), timedelta(minutes=1), MINUTE),
    "day": Period(timedelta(days=1), timedelta(hours=1), HOUR),
    "week": Period(timedelta(days=7), timedelta(hours=6), HOUR),
}


@dataclass(slots=True)
class Step:
    """A step of the plots."""

    at: datetime
    counts: Counts = field(default_factory=Counts)

    @property
    def latency(self) -> tuple[float | None, float | None, float | None]:
        return latency_of(self.counts)


@dataclass(slots=True)
class Row:
    """A row of a table: a tool, a user, a client or a revision."""

    key: str
    counts: Counts
    kind: str = ""
    server: str = ""

    @property
    def calls(self) -> int:
        return self.counts.calls

    @property
    def errors(self) -> int:
        return self.counts.errors

    @property
    def error_share(self) -> float:
        return self.errors / self.calls if self.calls else 0.0

    @property
    def latency(self) -> tuple[float | None, float | None, float | None]:
        return latency_of(self.counts)


@dataclass(slots=True)
class Overview:
    """The numbers of a period. `behind` counts the calls that the numbers leave out."""

    period: str
    steps: list[Step]
    total: Counts
    primitives: list[Row]
    users: list[Row]
    clients: list[Row]
    versions: list[Row]
    behind: int
    now: dict[str, Any]
    is_audited: bool


def latency_of(counts: Counts) -> tuple[float | None, float | None, float | None]:
    """The 50th, 95th and 99th percentile of the durations, in seconds."""
    buckets = counts.buckets
    return percentile(buckets, 0.5), percentile(buckets, 0.95), percentile(buckets, 0.99)


def look(name: str, now: datetime | None = None, *, counts_calls: bool = True) -> Overview:
    """The overview of a period: `hour`, `day` or `week`. With `counts_calls`, first adds calls to the rollups."""
    now = now or timezone.now()
    period = PERIODS[name]
    behind = rollups.catch_up(portion=PORTION, now=now) if counts_calls else rollups.uncounted()
    start = now - period.length
    tail, behind = _tail(behind, start)
    steps = _steps(period, start, now)
    total, primitives = Counts(), dict[tuple[str, str, str], Counts]()
    for (at, kind, server, key), counts in [*_counted(period, start), *tail.items()]:
        if kind in PRIMITIVES.values():
            total.add(counts)
            primitives.setdefault((kind, server, key), Counts()).add(counts)
            steps[_step_of(at, steps, period)].counts.add(counts)
    return Overview(
        period=name,
        steps=steps,
        total=total,
        primitives=_busiest(Row(key, counts, kind, server) for (kind, server, key), counts in primitives.items()),
        users=_ranked("user", period, start, tail),
        clients=_ranked("client", period, start, tail),
        versions=_ranked("version", period, start, tail),
        behind=behind,
        now=look_at_now(now),
        is_audited=rollups.audited_calls() is not None,
    )


def look_at_now(now: datetime | None = None) -> dict[str, Any]:
    """The numbers of this moment."""
    now = now or timezone.now()
    processes = list(alive(now).values_list("running", "streams"))
    return {
        "sessions": at_most(Session.objects.active(now), MOST_SESSIONS),
        "streams": sum(streams for _, streams in processes),
        "running": sum(running for running, _ in processes),
        "processes": len(processes),
        "long": RunningCall.objects.using(alias()).filter(process__in=alive(now)).count(),
        "waiting": events_waiting(),
        "stopped": sum(row.is_off(now) for row in Switch.objects.using(alias()).filter(is_stopped=True)[:1000]),
        "reports": at_most(MissingCapability.objects.filter(reported_at__gte=now - timedelta(days=7)), 1000),
        "purged_at": purged_at(),
    }


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of rows; `is_more` where there are more than are counted. As text "10,000+"."""

    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"

    @property
    def localized(self) -> str:
        """The text with the separators of the language."""
        return f"{number_format(self.number, force_grouping=True)}{'+' if self.is_more else ''}"


def at_most(rows: Any, limit: int) -> Counted:
    """The number of rows, counted up to a limit."""
    found = rows.order_by()[: limit + 1].count()
    return Counted(min(found, limit), found > limit)


def events_waiting() -> int:
    """The events of standalone streams that have not been sent, among the newest of all events."""
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = Event.objects.filter(pk__gt=newest - NEWEST_EVENTS, stream="s")
    found = rows.values_list("sequence", "session__stream_position")
    return sum(sequence > sent_upto(position) for sequence, position in found)


def sent_upto(position: str) -> int:
    """The number of the last event that a standalone stream has sent, as its session's row says."""
    event = position.partition(".")[0]
    return int(event) if event.isdigit() else 0


def purged_at() -> datetime | None:
    """The time of the last purge; `None` when there was none."""
    upkeep: Any = apps.get_model("django_mcp", "Upkeep")
    rows = upkeep.objects.filter(job__in=("purge", "swept"))
    return max(rows.values_list("ran_at", flat=True), default=None)


def _tail(behind: int, start: datetime) -> tuple[Deltas, int]:
    """The counts of the uncounted calls since a time, and how many are left out."""
    model = rollups.audited_calls()
    if model is None or not behind:
        return {}, 0
    if behind > TAIL:
        return {}, behind
    mark = RollupMark.objects.using(alias()).filter(pk=1).values_list("counted", flat=True).first() or 0
    return rollups.count(model.objects.filter(pk__gt=mark, started_at__gte=start)), 0


def _counted(period: Period, start: datetime) -> Iterable[tuple[tuple[datetime, str, str, str], Counts]]:
    rows = Rollup.objects.using(alias()).filter(
        seconds=period.grain, at__gte=_begin_of(start, period), kind__in=PRIMITIVES.values()
    )
    for at, kind, server, key, calls, errors, buckets in rows.values_list(
        "at", "kind", "server", "key", "calls", "errors", "buckets"
    ):
        yield (at, kind, server, key), Counts(calls, errors, buckets)


def _begin_of(start: datetime, period: Period) -> datetime:
    """The beginning of the minute or hour in which a period begins."""
    begin = start.replace(second=0, microsecond=0)
    return begin if period.grain == MINUTE else begin.replace(minute=0)


def _steps(period: Period, start: datetime, now: datetime) -> list[Step]:
    begin = _begin_of(start, period)
    return [Step(begin + number * period.step) for number in range((now - begin) // period.step + 1)]


def _step_of(at: datetime, steps: Sequence[Step], period: Period) -> int:
    return min(max(0, (at - steps[0].at) // period.step), len(steps) - 1)


def _ranked(kind: str, period: Period, start: datetime, tail: Deltas) -> list[Row]:
    """The busiest users, clients or revisions."""
    rows = Rollup.objects.using(alias()).filter(seconds=period.grain, at__gte=_begin_of(start, period), kind=kind)
    sums = rows.values("key").annotate(calls_of=Sum("calls"), errors_of=Sum("errors")).order_by("-calls_of", "key")
    found = {row["key"]: Counts(row["calls_of"], row["errors_of"]) for row in sums[: 4 * LONGEST]}
    for (_at, of, _server, key), counts in tail.items():
        if of == kind:
            found.setdefault(key, Counts()).add(counts)
    return _busiest(Row(key, counts) for key, counts in found.items())


def _busiest(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.calls, row.key, row.kind, row.server))[:LONGEST]


def processes() -> list[Process]:
    """The processes that are alive, the oldest first."""
    return list(alive().order_by("started_at", "pk")[:100])
