"""The event store: the events of sessions' streams, kept so that they can be sent again.

The table is the truth. A stream writes the events that it reads here after its last event; resuming is the same read.
Independent of HTTP and of the bus.

A stream is named by its key. `STANDALONE` is the stream of a GET; its event ids have two counters, of the session's own
events and of the server's changes, which are stored once for all sessions. The stream of a POST has a random key and
one counter. Every function is synchronous.
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

from .database import alias, delete_in_order

STANDALONE: Final = "s"

EVENT_ID: Final = re.compile(r"(?P<key>[A-Za-z0-9_-]{1,32}):(?P<event>[0-9]{1,18})(?:\.(?P<change>[0-9]{1,18}))?")
"""The syntax of an event id. Other text never reaches the database, which may refuse even to compare it."""

READ_LIMIT: Final = 200
"""The maximum number of events per read: a stream that is far behind catches up in several steps."""

TRIM_EVERY: Final = 64
"""A session's events are trimmed about once in this many events."""

TRIM_BATCH: Final = 500
"""The number of events that are deleted at once."""

roll: Callable[[], float] = random.random
"""The random numbers for trimming, from 0 up to 1. Tests replace them."""

EARLY: Final = "~"
"""The prefix of the key of a cancellation that waits for its request; no stream's key has it."""

EARLY_LIMIT: Final = 100
"""The maximum number of waiting cancellations of a session: a client that sends more has not sent the requests."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a stream: the last event and, in a standalone stream, the last change that were sent."""

    key: str
    event: int
    change: int = 0

    @property
    def event_id(self) -> str:
        return f"{self.key}:{self.event}.{self.change}" if self.key == STANDALONE else f"{self.key}:{self.event}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored event: its position, its message as JSON text ("" for none), whether it is the last of the stream, and
    the resource that it is about, if any.
    """

    position: Position
    message: str
    is_last: bool = False
    uri: str = ""


# A POST's stream


def new_key() -> str:
    return secrets.token_urlsafe(16)


def open_stream(session_pk: int, key: str, request_id: str | int) -> None:
    """Creates the row of a POST's stream, so that any process can cancel and resume it. The client may have cancelled
    it already.
    """
    text = id_text(request_id)
    rows = Stream.objects.using(alias())
    rows.create(session_id=session_pk, key=key, request_id=text, lease_until=lease())
    # This order is safe: cancel() looks for this row first and writes then, so one of the two sees the other.
    if rows.filter(session_id=session_pk, key=_early_key(text), lease_until__gt=timezone.now()).exists():
        rows.filter(session_id=session_pk, key=key).update(cancelled_at=timezone.now())


def renew_stream(session_pk: int, key: str) -> bool:
    """Renews the lease of a running request. Returns whether the client has cancelled it."""
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key)
    rows.filter(ended_at__isnull=True).update(lease_until=lease())
    return rows.filter(cancelled_at__isnull=False).exists()


def is_cancelled(session_pk: int, key: str) -> bool:
    """Whether the client has cancelled the request; the end of a session cancels all of its requests."""
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key)
    row = rows.values_list("cancelled_at", "session__terminated_at").first()
    return row is None or row != (None, None)


def has_ended(session_pk: int, key: str) -> bool:
    """Whether a POST's stream has ended."""
    return not Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True).exists()


def cancel(session_pk: int, request_id: str | int) -> bool:
    """Marks the running request with this id as cancelled. False when it is unknown: it has ended, or its row does not
    exist yet; the cancellation then waits for the row.
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
    """Marks a request as ended. Deletes the row of a stream without events, which no client can resume."""
    if not events_of(session_pk, key).exists():
        Stream.objects.using(alias()).filter(session_id=session_pk, key=key).delete()
    else:
        _mark_ended(session_pk, key)


def _mark_ended(session_pk: int, key: str) -> None:
    rows = Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True)
    rows.update(ended_at=timezone.now())


def append(session_pk: int, key: str, first: int, messages: Sequence[str], *, is_last: bool = False) -> list[Stored]:
    """Stores the next events of a POST's stream, numbered from `first`. Only the process that runs the request writes
    them, unless the stream counted as dead: then they are numbered after the end that another process has written. For
    a session whose row is deleted, the events are sent but not stored.
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
    # At random: most streams are short, so no single stream knows how many events its session has.
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
    """The next free number of a stream that was ended although its process is alive. The end is replaced by an empty
    event with the same number, from which a client may resume. Raises IntegrityError when there is no such end.
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
    """Ends the stream of a dead process with a last message, unless another process has done so."""
    with transaction.atomic(using=alias()):
        dead = Stream.objects.using(alias()).filter(session_id=session_pk, key=key, ended_at__isnull=True)
        if dead.filter(lease_until__lt=timezone.now()).update(ended_at=timezone.now()):
            last = events_of(session_pk, key).aggregate(last=Max("sequence"))["last"] or 0
            Event.objects.using(alias()).create(
                session_id=session_pk, stream=key, sequence=last + 1, message=message, is_last=True
            )


def dead_request(session_pk: int, key: str) -> Any:
    """The request id of a stream whose lease has expired; `None` for other streams."""
    row = Stream.objects.using(alias()).filter(
        session_id=session_pk, key=key, ended_at__isnull=True, lease_until__lt=timezone.now()
    )
    text = row.values_list("request_id", flat=True).first()
    return None if text is None else json.loads(text)


# Reading


def locate(session_pk: int, server: str, last_event_id: str) -> Position:
    """The position that a client's `Last-Event-ID` names. Raises `UnknownEvent` when the stream cannot continue from it
    without a gap.
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
    """The next events of a POST's stream after a position, oldest first, at most READ_LIMIT."""
    rows = events_of(session_pk, position.key).filter(sequence__gt=position.event).order_by("sequence")[:READ_LIMIT]
    return [Stored(Position(position.key, row.sequence), row.message, row.is_last) for row in rows]


# Limits


def trim(session_pk: int) -> int:
    """Deletes a session's oldest events above the limits on their number and size, and streams without events; returns
    the number of deleted events.

    The newest event of the standalone stream and of each running POST stays, because the number of the next event
    depends on it.
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
    for pk, stream, length in rows.iterator(chunk_size=TRIM_BATCH):
        kept, size = kept + 1, size + length
        beyond = kept > mcp_settings.EVENTS_PER_SESSION or size > mcp_settings.EVENT_BYTES_PER_SESSION
        if beyond and (stream in newest or stream not in numbered):
            excess.append(pk)
        newest.add(stream)
    for start in range(0, len(excess), TRIM_BATCH):
        delete_in_order(Event.objects.filter(pk__in=excess[start : start + TRIM_BATCH]))
    _forget_empty_streams(session_pk)
    return len(excess)


def _forget_empty_streams(session_pk: int) -> None:
    """Deletes ended streams without events, and waiting cancellations that are too old."""
    its_events = Event.objects.filter(session=OuterRef("session"), stream=OuterRef("key"))
    ended = Stream.objects.using(alias()).filter(session_id=session_pk, ended_at__isnull=False)
    waits = Q(key__startswith=EARLY, lease_until__gte=timezone.now())
    delete_in_order(ended.filter(~waits & ~Exists(its_events)))


def events_of(session_pk: int, key: str) -> Any:
    return Event.objects.using(alias()).filter(session_id=session_pk, stream=key)


def lease() -> datetime:
    return timezone.now() + timedelta(seconds=mcp_settings.STREAM_LEASE_SECONDS)


def _early_key(request_id: str) -> str:
    """The key of the row of a cancellation whose request is not known yet."""
    return EARLY + hashlib.sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()[:31]


_to_readable_json: Final = json.JSONEncoder(ensure_ascii=False).encode


def id_text(request_id: str | int) -> str:
    """A JSON-RPC id as the column stores it: escaped only where JSON requires it, so that the longest valid id fits."""
    return str(request_id) if type(request_id) is int else _to_readable_json(request_id)


def _check_bounds(number: int, bounds: dict[str, int | None], *, may_be_empty: bool) -> None:
    first, last = bounds["first"], bounds["last"]
    if first is None or last is None:
        if not may_be_empty or number != 0:
            raise UnknownEvent
    elif not first - 1 <= number <= last:
        raise UnknownEvent
