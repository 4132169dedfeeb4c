"""Rollups: the audited calls, counted by the minute and by the hour: a page over a week reads a few thousand rows.

A run counts the calls after the mark, at most `PORTION` in one transaction. The overview runs it before it shows its
numbers, `mcp_purge` and the watch of each process run it too. Runs take turns by the row of the mark. A call is counted
once, into the minute in which it started, however late its row was written.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, get_args

from django.apps import apps
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from django_mcp.observers import CallOutcome

from .histogram import EMPTY, added, bucket_of
from .models import HOUR, MINUTE, Rollup, RollupMark, alias

PORTION: Final = 50_000
"""The most calls that one transaction counts."""

SETTLED: Final = timedelta(seconds=10)
"""A call is counted when so much time has passed since its key was seen: earlier keys are visible by then."""

TOP: Final = 100
"""The users and clients that a portion keeps apart for each minute; the others are counted together."""

OTHERS: Final = "…"
"""The key of those that are counted together."""

KEEP: Final = {MINUTE: timedelta(days=2), HOUR: timedelta(days=35)}
"""How long counts are kept."""

Key: TypeAlias = tuple[datetime, str, str, str]
"""The minute or hour, the kind, the server and the key of a count."""

Deltas: TypeAlias = dict[Key, "Counts"]

PRIMITIVES: Final = {
    "tools/call": "tool",
    "resources/read": "resource",
    "prompts/get": "prompt",
    "completion/complete": "complete",
}
"""The kinds of what is called; each call is counted once among them."""

ERRORS: Final = frozenset(get_args(CallOutcome)) - {"ok", "dry_run", "input_required", "cancelled"}
"""The outcomes that count as errors."""

COLUMNS: Final = (
    "started_at",
    "seconds",
    "method",
    "name",
    "outcome",
    "server",
    "user_name",
    "principal",
    "client_name",
    "protocol_version",
)


@dataclass(slots=True)
class Counts:
    """The counts of one thing."""

    calls: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=list)

    def note(self, is_error: bool, seconds: float | None) -> None:
        """Counts a call; `None` counts no duration."""
        self.calls += 1
        self.errors += is_error
        if seconds is not None:
            self.buckets = self.buckets or list(EMPTY)
            self.buckets[bucket_of(seconds)] += 1

    def add(self, other: "Counts | Rollup") -> None:
        self.calls += other.calls
        self.errors += other.errors
        if other.buckets:
            self.buckets = added(self.buckets, other.buckets)


def audited_calls() -> Any:
    """The model of audited calls; `None` where the audit is not installed."""
    audit = "django_mcp_audit"
    return apps.get_model(audit, "Call") if apps.is_installed("django_mcp.contrib.audit") else None


def catch_up(portions: int = 1, portion: int = PORTION, now: datetime | None = None) -> int:
    """Counts the next calls, and returns how many keys come after the last counted one; 0 without the audit."""
    model = audited_calls()
    if model is None:
        return 0
    now = now or timezone.now()
    newest = model.objects.aggregate(newest=Max("pk"))["newest"] or 0
    mark = RollupMark(pk=1)
    for _ in range(portions):
        mark, is_done = _count_portion(model, newest, portion, now)
        if is_done:
            break
    return max(0, newest - int(mark.counted))


def uncounted() -> int:
    """The number of keys of calls after the last counted one; 0 without the audit. Writes nothing."""
    model = audited_calls()
    if model is None:
        return 0
    newest = model.objects.aggregate(newest=Max("pk"))["newest"] or 0
    counted = RollupMark.objects.using(alias()).filter(pk=1).values_list("counted", flat=True).first() or 0
    return max(0, newest - counted)


def _count_portion(model: Any, newest: int, portion: int, now: datetime) -> tuple[RollupMark, bool]:
    """Counts one portion in a transaction. Returns the mark, and whether all settled calls are counted."""
    marks = RollupMark.objects.using(alias())
    if not marks.filter(pk=1).exists():
        marks.get_or_create(pk=1)
    with transaction.atomic(using=alias()):
        # The update locks the row, so that runs take turns.
        marks.filter(pk=1).update(counted=F("counted"))
        mark: RollupMark = marks.get(pk=1)
        if mark.seen_at is None:
            mark.seen, mark.seen_at = newest, now
        elif now - mark.seen_at >= SETTLED:
            mark.settled, mark.seen, mark.seen_at = mark.seen, max(newest, mark.seen), now
        upto = min(mark.settled, mark.counted + portion)
        if upto > mark.counted:
            _store(count(model.objects.filter(pk__gt=mark.counted, pk__lte=upto)), now)
            mark.counted = upto
        mark.save(using=alias())
    return mark, mark.counted >= mark.settled


def count(rows: Any) -> Deltas:
    """The counts of these calls by the minute."""
    minutes: dict[datetime, dict[tuple[str, str, str], Counts]] = {}
    for started, seconds, method, name, outcome, server, user, principal, client, version in (
        rows.order_by().values_list(*COLUMNS).iterator(chunk_size=5000)
    ):
        minute, is_error = started.replace(second=0, microsecond=0), outcome in ERRORS
        counts = minutes.get(minute)
        if counts is None:
            counts = minutes[minute] = defaultdict(Counts)
        # A name that nothing has is the client's own invention.
        known = name if outcome != "unknown" else OTHERS
        counts[PRIMITIVES.get(method, "tool"), server, known].note(is_error, seconds)
        for kind, key in (("user", user or principal), ("client", client), ("version", version)):
            if key:
                counts[kind, "", key].note(is_error, None)
    return _bounded({(minute, *key): one for minute, counts in minutes.items() for key, one in counts.items()})


def delete_old(now: datetime | None = None, batch_size: int = 5000) -> int:
    """Deletes counts that are past their age, at most a batch of each length, and returns how many."""
    deleted, rows = 0, Rollup.objects.using(alias())
    for seconds, age in KEEP.items():
        old = rows.filter(seconds=seconds, at__lt=(now or timezone.now()) - age).order_by("at")
        pks = list(old.values_list("pk", flat=True)[:batch_size])
        deleted += rows.filter(pk__in=pks)._raw_delete(rows.db) if pks else 0
    return deleted


def _bounded(deltas: Deltas) -> Deltas:
    """The counts with the busiest of each kind and minute apart, and the others together."""
    groups: dict[tuple[datetime, str], list[Key]] = {}
    for key in deltas:
        groups.setdefault(key[:2], []).append(key)
    for (at, kind), keys in groups.items():
        for key in sorted(keys, key=lambda key: -deltas[key].calls)[TOP:]:
            deltas.setdefault((at, kind, "", OTHERS), Counts()).add(deltas.pop(key))
    return deltas


def _store(deltas: Deltas, now: datetime) -> None:
    hours: Deltas = {}
    for (at, *rest), counts in deltas.items():
        hours.setdefault((at.replace(minute=0), *rest), Counts()).add(counts)  # type: ignore[arg-type]
    for seconds, by_key in ((MINUTE, deltas), (HOUR, hours)):
        oldest = now - KEEP[seconds]
        _merge(seconds, {key: counts for key, counts in by_key.items() if key[0] >= oldest})


def _merge(seconds: int, deltas: Deltas) -> None:
    """Adds counts to those of the table."""
    if not deltas:
        return
    rows = Rollup.objects.using(alias())
    times = [key[0] for key in deltas]
    replaced = []
    for row in rows.filter(seconds=seconds, at__gte=min(times), at__lte=max(times)).iterator(chunk_size=5000):
        if (counts := deltas.get((row.at, row.kind, row.server, row.key))) is not None:
            counts.add(row)
            replaced.append(row.pk)
    for start in range(0, len(replaced), 1000):
        rows.filter(pk__in=replaced[start : start + 1000])._raw_delete(rows.db)
    rows.bulk_create(
        (
            Rollup(
                seconds=seconds,
                at=at,
                kind=kind,
                server=server,
                key=key,
                calls=counts.calls,
                errors=counts.errors,
                buckets=counts.buckets,
            )
            for (at, kind, server, key), counts in deltas.items()
        ),
        batch_size=1000,
    )
