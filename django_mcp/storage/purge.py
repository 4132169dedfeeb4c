"""The purge: deletes ended sessions with everything that belongs to them, and old events, streams and changes.

It works in batches with a short transaction and limited memory each: a purge may be stopped at any time, and two may
run at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

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

from .database import alias, batches
from .events import STANDALONE

# For each table that refers to sessions, its rows for sessions with these primary keys. purge() deletes them before the
# sessions, in their own batches, because one session may have a million events.
CHILDREN: list[Callable[[Sequence[int]], models.QuerySet[Any]]] = [
    lambda pks: Event.objects.filter(session__in=pks),
    lambda pks: ClientRequest.objects.filter(session__in=pks),
    lambda pks: Stream.objects.filter(session__in=pks),
    lambda pks: Subscription.objects.filter(session__in=pks),
]


@dataclass(frozen=True, slots=True)
class PurgeCount:
    """The number of sessions that were purged, or would be: expired ones, and terminated ones."""

    expired: int = 0
    terminated: int = 0


def purge(
    *,
    older_than: timedelta | None = None,
    batch_size: int = 1000,
    dry_run: bool = False,
    progress: Callable[[PurgeCount], None] | None = None,
    now: datetime | None = None,
) -> PurgeCount:
    """Deletes the sessions that ended at least `older_than` ago (None: all that have ended), and returns how many.

    It works in batches with a short transaction and limited memory each, children first: a purge may be stopped at any
    time, and two may run at once. Calls `progress` with the count after each batch. A dry run only counts.
    """
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    before = (now or timezone.now()) - (older_than or timedelta())
    rows = Session.objects.using(alias()).only("session_id", "terminated_at").order_by("expires_at")
    ended = rows.filter(expires_at__lte=before)
    # terminate() sets both times. If only this one is set, the session is still meant to end.
    marked = rows.filter(expires_at__gt=before, terminated_at__lte=before)
    if dry_run:
        return PurgeCount(ended.expired(before).count(), ended.terminated().count() + marked.count())
    count = PurgeCount()
    for batch in chain(batches(marked, batch_size), batches(ended, batch_size)):
        deleted = delete_ended(batch, batch_size)
        count = PurgeCount(count.expired + deleted.expired, count.terminated + deleted.terminated)
        if progress:
            progress(count)
    return count


def delete_ended(sessions: list[Session], batch_size: int = 1000) -> PurgeCount:
    """Deletes ended sessions with everything that belongs to them, and returns how many."""
    expired = [row for row in sessions if not row.is_terminated]
    terminated = [row for row in sessions if row.is_terminated]
    if deleted := _delete(expired, batch_size):
        session_expired.send_robust(sender=Session, session_ids=[row.session_id for row in expired])
    return PurgeCount(deleted, _delete(terminated, batch_size))


def _delete(batch: list[Session], batch_size: int) -> int:
    """The number of sessions of the batch that this call deleted; another purge may have deleted some of them."""
    if not (pks := [row.pk for row in batch]):
        return 0
    for rows_of in CHILDREN:
        _delete_in_batches(rows_of(pks).using(alias()), batch_size)
    return Session.objects.using(alias()).filter(pk__in=pks).delete()[1].get(Session._meta.label, 0)


def purge_aged(before: datetime, batch_size: int = 1000, *, dry_run: bool = False) -> int:
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
    return sum(_delete_in_batches(rows, batch_size) for rows in aged)


def _delete_in_batches(rows: models.QuerySet[Any], batch_size: int) -> int:
    """Deletes these rows, and returns how many."""
    return sum(
        rows.model._base_manager.using(alias()).filter(pk__in=[row.pk for row in batch]).delete()[0]
        for batch in batches(rows.only("pk"), batch_size)
    )
