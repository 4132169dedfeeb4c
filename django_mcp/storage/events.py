"""The event store: what a session's streams say, kept so that it can be said again, and what changed on a server.

The table is the truth. A stream writes what it reads here after the last event that it wrote; resuming is the same
read. Knows its tables and their settings; neither HTTP nor the bus.

A stream is named by its key. `STANDALONE` is the one that a GET opens; its event ids have two counters, of the
session's own events and of the server's changes, which are stored once for everybody. A POST's stream has a random key
and one counter. Every function is synchronous.
"""

import hashlib
import json
import random
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, Min, OuterRef, Q
from django.db.models.functions import Length
from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import UnknownEvent
from django_mcp.models import (
    Change,
    Event,
    Session,
    Stream,
)

from .database import alias

STANDALONE: Final = "s"

EVENT_ID: Final = re.compile(r"(?P<key>[A-Za-z0-9_-]{1,32}):(?P<event>[0-9]{1,18})(?:\.(?P<change>[0-9]{1,18}))?")
"""What can be a place in a stream. Anything else is never asked for: a database may refuse even to compare it."""

READ_LIMIT: Final = 200
"""Events read at once: a stream that is far behind catches up in steps of bounded memory."""

TRIM_EVERY: Final = 64
"""A session's store is measured about once in so many events."""

roll: Callable[[], float] = random.random
"""The dice that say when: from 0 up to 1. Tests put others here."""

EARLY: Final = "~"
"""Begins the key of a cancellation that waits for its request, and that of no stream."""

EARLY_LIMIT: Final = 100
"""Such cancellations that a session may have: who sends more has not made the requests."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a stream: the last event and, in a standalone stream, the last change that were sent."""

    key: str
    event: int
    change: int = 0

    @property
    def event_id(self) -> str:
        return f"{self.key}:{self.event}.{self.change}" if self.key == STANDALONE else f"{self.key}:{self.event}"


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it goes out: where it stands, its message as JSON text ("" for none), whether the stream ends with
    it, and the resource that it tells of, if it does.
    """

    position: Position
    message: str
    is_last: bool = False
    uri: str = ""


# A POST's stream


def new_key() -> str:
    return secrets.token_urlsafe(16)


def open_stream(session_pk: int, key: str, request_id: str | int) -> None:
    """Makes a POST's stream known, so that it can be cancelled and resumed from any process. It may have been cancelled
    already.
    """
    text = id_text(request_id)
    rows = Stream.objects.using(alias())
    rows.create(session_id=session_pk, key=key, request_id=text, lease_until=lease())
    # Read after the row is there, as cancel() writes after it has looked for the row: one of the two sees the other.
    if rows.filter(session_id=session_pk, key=_early_key(text), lease_until__gt=timezone.now()).exists():
        rows.filter(session_id=session_pk, key=key).update(cancelled_at=timezone.now())


def renew_stream(session_pk: int, key: str) -> bool:
    """Says that the request still runs. Whether the client has cancelled it."""
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key)
    rows.filter(ended_at__isnull=True).update(lease_until=lease())
    return rows.filter(cancelled_at__isnull=False).exists()


def is_cancelled(session_pk: int, key: str) -> bool:
    """Whether the client has cancelled the request; a session that has ended has cancelled all of its requests."""
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key)
    row = rows.values_list("cancelled_at", "session__terminated_at").first()
    return row is None or row != (None, None)


def has_ended(session_pk: int, key: str) -> bool:
    """Whether a POST's stream has said its last."""
    return not Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True).exists()


def cancel(session_pk: int, request_id: str | int) -> bool:
    """Marks the running request with this id as cancelled. False when none is known: it has ended, or has hardly
    begun, and then the cancellation waits for it a while.
    """
    text, now = id_text(request_id), timezone.now()
    rows = Stream.objects.using(alias()).filter(session_id=session_pk)
    running = rows.filter(request_id=text, ended_at__isnull=True)
    if running.update(cancelled_at=now) > 0:
        return True
    if rows.filter(key__startswith=EARLY)[:EARLY_LIMIT].count() >= EARLY_LIMIT:
        rows.filter(key__startswith=EARLY, lease_until__lt=now).delete()
        if rows.filter(key__startswith=EARLY)[:EARLY_LIMIT].count() >= EARLY_LIMIT:
            return False
    early = {"request_id": text, "cancelled_at": now, "ended_at": now, "lease_until": lease()}
    rows.update_or_create(session_id=session_pk, key=_early_key(text), defaults=early)
    return running.update(cancelled_at=now) > 0


def end_stream(session_pk: int, key: str) -> None:
    """Notes that a request has ended. Nobody can come back for a stream that said nothing, so its row goes."""
    if not events_of(session_pk, key).exists():
        Stream.objects.using(alias()).filter(session_id=session_pk, key=key).delete()
    else:
        _mark_ended(session_pk, key)


def _mark_ended(session_pk: int, key: str) -> None:
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True)
    rows.update(ended_at=timezone.now())


def append(session_pk: int, key: str, first: int, messages: Sequence[str], *, is_last: bool = False) -> list[Stored]:
    """Stores the next events of a POST's stream, numbered from `first`; the process that runs the request is its only
    writer, unless it was taken for dead: then they are numbered after the end that another has written.

    Nothing is stored for a session whose row is gone; the events go out all the same.
    """
    stored = _numbered(key, first, messages, is_last)
    try:
        _insert(session_pk, stored)
    except IntegrityError:
        if not Session.objects.using(alias()).filter(pk=session_pk).exists():
            return stored
        stored = _numbered(key, _take_up(session_pk, key, first), messages, is_last)
        _insert(session_pk, stored)
    if is_last:
        _mark_ended(session_pk, key)
    # By chance: most streams are short, so none can tell by its own numbers how much its session has said.
    if roll() * TRIM_EVERY < len(messages):
        trim(session_pk)
    return stored


def _numbered(key: str, first: int, messages: Sequence[str], is_last: bool) -> list[Stored]:
    return [
        Stored(Position(key, first + index), message, is_last and index == len(messages) - 1)
        for index, message in enumerate(messages)
    ]


def _insert(session_pk: int, stored: Sequence[Stored]) -> None:
    rows = [
        Event(
            session_id=session_pk,
            stream=item.position.key,
            sequence=item.position.event,
            message=item.message,
            is_last=item.is_last,
        )
        for item in stored
    ]
    with transaction.atomic(using=alias()):
        Event.objects.using(alias()).bulk_create(rows)


def _take_up(session_pk: int, key: str, first: int) -> int:
    """The next free number of a stream that was ended while its process lived. The end is blanked and keeps its number,
    with which a client may come back. Raises IntegrityError when there is no such end.
    """
    rows = events_of(session_pk, key)
    with transaction.atomic(using=alias()):
        Stream.objects.using(alias()).filter(session_id=session_pk, key=key).update(ended_at=None, lease_until=lease())
        rows.filter(is_last=True).update(message="", is_last=False)
        last = rows.aggregate(last=Max("sequence"))["last"] or 0
    if last < first:
        raise IntegrityError(f"Events of stream {key!r} from {first} on cannot be stored.")
    return last + 1


def end_dead_stream(session_pk: int, key: str, message: str) -> None:
    """Ends a stream whose process died with a last message, unless somebody else has already."""
    with transaction.atomic(using=alias()):
        dead = Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True)
        if dead.filter(lease_until__lt=timezone.now()).update(ended_at=timezone.now()):
            last = events_of(session_pk, key).aggregate(last=Max("sequence"))["last"] or 0
            Event.objects.using(alias()).create(
                session_id=session_pk, stream=key, sequence=last + 1, message=message, is_last=True
            )


def dead_request(session_pk: int, key: str) -> Any:
    """The id of the request whose stream this is, when its process is taken for dead; `None` otherwise."""
    row = Stream.objects.using(alias()).filter(
        session_id=session_pk, key=key, ended_at__isnull=True, lease_until__lt=timezone.now()
    )
    text = row.values_list("request_id", flat=True).first()
    return None if text is None else json.loads(text)


# Reading


def locate(session_pk: int, server: str, last_event_id: str) -> Position:
    """The place that a client's `Last-Event-ID` names. Raises `UnknownEvent` when it cannot be gone on from without a
    gap.
    """
    match = EVENT_ID.fullmatch(last_event_id)
    if match is None or (match["change"] is None) == (match["key"] == STANDALONE):
        raise UnknownEvent
    key = match["key"]
    position = Position(key, int(match["event"]), int(match["change"] or 0))
    bounds = events_of(session_pk, key).aggregate(first=Min("sequence"), last=Max("sequence"))
    _check_bounds(position.event, bounds, may_be_empty=key == STANDALONE)
    if key == STANDALONE:
        changes = Change.objects.using(alias()).filter(server=server)
        _check_bounds(
            position.change, changes.aggregate(first=Min("sequence"), last=Max("sequence")), may_be_empty=True
        )
    return position


def read_after(position: Position, session_pk: int) -> list[Stored]:
    """What a POST's stream says after a position, oldest first and a bounded number at once."""
    rows = events_of(session_pk, position.key).filter(sequence__gt=position.event).order_by("sequence")[:READ_LIMIT]
    return [Stored(Position(position.key, row.sequence), row.message, row.is_last) for row in rows]


# Bounds


def trim(session_pk: int) -> int:
    """Deletes a session's oldest events beyond the bounds on their number and size, and returns how many; and the
    streams of which nothing is left.

    The newest event of the standalone stream, and of each POST that still runs, stays: what ends it may be numbered
    after it.
    """
    running = Stream.objects.using(alias()).filter(session_id=session_pk, ended_at__isnull=True)
    numbered = {STANDALONE, *running.values_list("key", flat=True)}
    kept = size = 0
    excess: list[int] = []
    newest: set[str] = set()
    rows = (
        Event.objects.using(alias())
        .filter(session_id=session_pk)
        .order_by("-pk")
        .values_list("pk", "stream", Length("message"))
    )
    for pk, stream, length in rows.iterator(chunk_size=500):
        kept, size = kept + 1, size + length
        beyond = kept > mcp_settings.EVENTS_PER_SESSION or size > mcp_settings.EVENT_BYTES_PER_SESSION
        if beyond and (stream in newest or stream not in numbered):
            excess.append(pk)
        newest.add(stream)
    for start in range(0, len(excess), 500):
        Event.objects.using(alias()).filter(pk__in=excess[start : start + 500]).delete()
    _forget_empty_streams(session_pk)
    return len(excess)


def _forget_empty_streams(session_pk: int) -> None:
    """Deletes the ended streams of which no event is kept, and the cancellations that have waited long enough."""
    said = Event.objects.filter(session=OuterRef("session"), stream=OuterRef("key"))
    ended = Stream.objects.using(alias()).filter(session_id=session_pk, ended_at__isnull=False)
    waits = Q(key__startswith=EARLY, lease_until__gte=timezone.now())
    ended.filter(~waits & ~Exists(said)).delete()


def events_of(session_pk: int, key: str) -> Any:
    return Event.objects.using(alias()).filter(session_id=session_pk, stream=key)


def lease() -> datetime:
    return timezone.now() + timedelta(seconds=mcp_settings.STREAM_LEASE_SECONDS)


def _early_key(request_id: str) -> str:
    """The key of the row that stands for a cancellation before its request is known."""
    return EARLY + hashlib.sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()[:31]


def id_text(request_id: str | int) -> str:
    """A JSON-RPC id as the column has it: escaped only where it must be, so that the longest legal id fits."""
    return json.dumps(request_id, ensure_ascii=False)


def _check_bounds(number: int, bounds: dict[str, int | None], *, may_be_empty: bool) -> None:
    first, last = bounds["first"], bounds["last"]
    if first is None or last is None:
        if not may_be_empty or number != 0:
            raise UnknownEvent
    elif not first - 1 <= number <= last:
        raise UnknownEvent
