"""The purge: deletes ended sessions with everything that belongs to them, old events, streams and changes, and the rows
of other apps that age.

It works in batches with a short transaction and limited memory each: a purge may be stopped at any time, and two may
run at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, Final, Protocol

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.models import (
    Change,
    ClientRequest,
    Event,
    Session,
    SpentState,
    Stream,
    Subscription,
)
from django_mcp.signals import session_expired

from .database import alias, batches, delete_in_order
from .events import STANDALONE
from .upkeep import PURGE, note

CHILDREN: Final[tuple[type[models.Model], ...]] = (Event, ClientRequest, Stream, Subscription)
"""The tables whose rows belong to a session. The purge deletes them before the sessions, in batches of their own: one
session may have a million events.
"""


ENDED: Final = ("pk", "session_id", "terminated_at")
"""The columns that `delete_ended()` needs of a session."""


@dataclass(frozen=True, slots=True)
class PurgeCount:
    """The number of sessions that were purged, or would be: expired ones, and terminated ones."""

    expired: int = 0
    terminated: int = 0


class Allowance:
    """The number of rows that a purge may still delete; None: any number."""

    def __init__(self, rows: int | None = None) -> None:
        self.left = rows

    @property
    def is_spent(self) -> bool:
        return self.left == 0

    def of(self, batch_size: int) -> int:
        """The size of the next batch."""
        return batch_size if self.left is None else min(batch_size, self.left)

    def spend(self, rows: int) -> None:
        if self.left is not None:
            self.left = max(0, self.left - rows)


class Purge(Protocol):
    """A purge of another app's rows: returns their numbers, each by a plural noun ("audited calls")."""

    def __call__(self, *, batch_size: int, dry_run: bool, allowance: Allowance) -> Mapping[str, int]: ...


also_purged: Final[list[Purge]] = []
"""The purges of other apps. `mcp_purge`, the task and the sweep call them too."""


def purge_everything(batch_size: int = 1000, *, allowance: Allowance | None = None) -> dict[str, int]:
    """Deletes all that has ended or aged, as far as the allowance goes, and returns the numbers of rows."""
    allowance = allowance or Allowance()
    count = purge(batch_size=batch_size, allowance=allowance)
    before = timezone.now() - timedelta(seconds=mcp_settings.EVENT_MAX_AGE_SECONDS)
    aged = purge_aged(before, batch_size, allowance=allowance)
    others = purge_others(batch_size, allowance=allowance)
    return {"sessions": count.expired + count.terminated, "events": aged, **others}


def purge_others(
    batch_size: int = 1000, *, dry_run: bool = False, allowance: Allowance | None = None
) -> dict[str, int]:
    """Deletes the rows of other apps that have aged, and returns their numbers by noun."""
    allowance = allowance or Allowance()
    counts: dict[str, int] = {}
    for one in also_purged:
        counts |= one(batch_size=batch_size, dry_run=dry_run, allowance=allowance)
    return counts


def purge_daily() -> dict[str, int]:
    """See purge_everything(); for schedulers. The sweep then knows that there is no work for it."""
    counts = purge_everything()
    note(PURGE)
    return counts


def purge(
    *,
    older_than: timedelta | None = None,
    batch_size: int = 1000,
    dry_run: bool = False,
    progress: Callable[[PurgeCount], None] | None = None,
    allowance: Allowance | None = None,
    now: datetime | None = None,
) -> PurgeCount:
    """Deletes the sessions that ended at least `older_than` ago (None: all that have ended), and returns how many.

    It works in batches with a short transaction and limited memory each, children first: a purge may be stopped at any
    time, and two may run at once. Calls `progress` with the count after each batch. A dry run only counts. It stops
    when the allowance is spent.
    """
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    before = (now or timezone.now()) - (older_than or timedelta())
    rows = Session.objects.using(alias()).order_by("expires_at")
    ended = rows.filter(expires_at__lte=before)
    # terminate() sets both times. If only this one is set, the session is still meant to end.
    marked = rows.filter(expires_at__gt=before, terminated_at__lte=before)
    if dry_run:
        return PurgeCount(ended.expired(before).count(), ended.terminated().count() + marked.count())
    allowance = allowance or Allowance()
    count = PurgeCount()
    read = [rows.values_list(*ENDED, named=True) for rows in (marked, ended)]
    for batch in chain.from_iterable(batches(rows, allowance.of(batch_size)) for rows in read):
        deleted = delete_ended(batch, batch_size, allowance)
        count = PurgeCount(count.expired + deleted.expired, count.terminated + deleted.terminated)
        if progress:
            progress(count)
        if allowance.is_spent:
            break
    return count


def delete_ended(sessions: Sequence[Any], batch_size: int = 1000, allowance: Allowance | None = None) -> PurgeCount:
    """Deletes ended sessions with everything that belongs to them, and returns how many. Takes rows of `ENDED`."""
    expired = [row for row in sessions if row.terminated_at is None]
    terminated = [row for row in sessions if row.terminated_at is not None]
    allowance = allowance or Allowance()
    if deleted := _delete(expired, batch_size, allowance):
        session_expired.send_robust(sender=Session, session_ids=[row.session_id for row in expired])
    return PurgeCount(deleted, _delete(terminated, batch_size, allowance))


def _delete(batch: Sequence[Any], batch_size: int, allowance: Allowance) -> int:
    """The number of sessions of the batch that this call deleted; another purge may have deleted some of them. Deletes
    none when their rows have spent the allowance.
    """
    if not (pks := [row.pk for row in batch][: allowance.of(len(batch))]):
        return 0
    if parents := _parents(pks):
        for model in CHILDREN:
            delete_in_batches(model._base_manager.using(alias()).filter(session__in=parents), batch_size, allowance)
    if allowance.is_spent:
        return 0
    deleted = delete_in_order(Session.objects.filter(pk__in=pks))[1].get(Session._meta.label, 0)
    allowance.spend(deleted)
    return deleted


def _parents(pks: Sequence[int]) -> list[int]:
    """Those of these sessions that have rows in other tables. One query: most sessions have none."""
    has_children = reduce(or_, (Exists(model._base_manager.filter(session=OuterRef("pk"))) for model in CHILDREN))
    return list(Session.objects.using(alias()).filter(has_children, pk__in=pks).values_list("pk", flat=True))


def purge_aged(
    before: datetime, batch_size: int = 1000, *, dry_run: bool = False, allowance: Allowance | None = None
) -> int:
    """Deletes events, ended streams and changes that are older than a time, in batches, and returns the number of rows.

    The newest event of a standalone stream and the newest change of a server stay, because the next number depends on
    them.
    """
    later_events = Event.objects.filter(
        session=OuterRef("session"), stream=STANDALONE, sequence__gt=OuterRef("sequence")
    )
    later_changes = Change.objects.filter(server=OuterRef("server"), sequence__gt=OuterRef("sequence"))
    old_events = Event.objects.using(alias()).filter(created_at__lt=before)
    aged = (
        old_events.filter(~Q(stream=STANDALONE) | Exists(later_events)),
        Change.objects.using(alias()).filter(Exists(later_changes), created_at__lt=before),
        Stream.objects.using(alias()).filter(ended_at__lt=before),
        SpentState.objects.using(alias()).filter(expires_at__lt=timezone.now()),
    )
    if dry_run:
        return sum(rows.count() for rows in aged)
    allowance = allowance or Allowance()
    return sum(delete_in_batches(rows, batch_size, allowance) for rows in aged)


def delete_in_batches(rows: models.QuerySet[Any], batch_size: int, allowance: Allowance) -> int:
    """Deletes these rows, as far as the allowance goes, and returns how many."""
    count = 0
    while not allowance.is_spent and (pks := [row.pk for row in rows.only("pk")[: allowance.of(batch_size)]]):
        deleted = delete_in_order(rows.model._base_manager.filter(pk__in=pks))[0]
        allowance.spend(len(pks))
        count += deleted
    return count
