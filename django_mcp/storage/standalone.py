"""Sessions' standalone streams: the leases on them, their positions, and their next events, for many streams at once.

The connection that holds a stream has a lease on its session's row. The stream's position is written there when the
lease is renewed or released, so that a client that reconnects without a `Last-Event-ID` gets the events that it missed.
Every function is synchronous; reading for many streams takes the same few queries as for one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Case, Max, Q, Value, When
from django.utils import timezone

from django_mcp.models import Change, Event, Session, Subscription, concerns, to_json_text

from . import changes, events, sessions, subscriptions
from .changes import UPDATED
from .database import alias, insert_numbered
from .events import STANDALONE, TRIM_EVERY, Position, Stored, events_of, trim

EVENTS_LIMIT: Final = 500
"""The maximum number of events per read, all streams together: streams that are far behind catch up in several
steps.
"""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """An open standalone stream: its session, its lease, and its position."""

    session_pk: int
    server: str
    principal: str
    holder: str
    position: Position


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """The next events of a stream, and the position after them. The stream is over when its session has ended, or
    another connection has taken the stream.
    """

    position: Position
    stored: list[Stored] = field(default_factory=list)
    is_over: bool = False
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease on a session's stream: its holder, and its end unless it is renewed."""

    holder: str = ""
    until: datetime | None = None


def take(session_pk: int, holder: str, *, force: bool) -> bool:
    """Takes the lease on a session's stream; `force` takes it from another holder, otherwise only a free lease is
    taken.
    """
    rows = _sessions().active().filter(pk=session_pk)
    if not force:
        rows = rows.exclude(stream_lease_until__gt=timezone.now())
    taken: int = rows.update(stream_holder=holder, stream_lease_until=events.lease())
    return taken > 0


def lease_of(session_pk: int) -> Lease:
    """The lease on a session's stream; an empty one when there is no lease or no session."""
    row = _sessions().filter(pk=session_pk).values_list("stream_holder", "stream_lease_until").first()
    return Lease(*row) if row is not None else Lease()


def ask_holder(session_pk: int) -> Lease:
    """Asks the holder of a session's stream whether it is alive, and returns its current lease. The question is an
    event without a message: it reaches the holder in any process, and reading it renews the lease.
    """
    found = lease_of(session_pk)
    publish(session_pk, "")
    return found


def take_from_dead(session_pk: int, holder: str, lease: Lease) -> bool:
    """Takes a stream from a holder that has not answered, unless the lease was renewed or taken meanwhile."""
    rows = _sessions().active().filter(pk=session_pk, stream_holder=lease.holder, stream_lease_until=lease.until)
    taken: int = rows.update(stream_holder=holder, stream_lease_until=events.lease())
    return taken > 0


def release(stream: OpenStream) -> None:
    """Releases the lease, unless another connection has taken it."""
    _sessions().filter(pk=stream.session_pk, stream_holder=stream.holder).update(
        stream_holder="", stream_lease_until=None, stream_position=_cursor(stream.position)
    )


def last_position(session_pk: int) -> Position:
    """The start of a reopened stream: the position after the events that were sent before."""
    text = _sessions().filter(pk=session_pk).values_list("stream_position", flat=True).first()
    event, _, change = (text or "0.0").partition(".")
    return Position(STANDALONE, int(event), int(change or 0))


def read(streams: Sequence[OpenStream]) -> list[StreamUpdate]:
    """The next events of each of these streams."""
    if not streams:
        return []
    live = _live(streams)
    stored, behind = _read_events(streams)
    updates = [
        _update_of(stream, stored.get(stream.session_pk, []), has_more=stream.session_pk in behind)
        if stream in live
        else StreamUpdate(stream.position, is_over=True)
        for stream in streams
    ]
    _renew_asked([stream for stream, update in zip(streams, updates, strict=True) if _has_question(update)])
    return _with_changes(streams, updates)


def _has_question(update: StreamUpdate) -> bool:
    return not all(item.message for item in update.stored)


def _renew_asked(asked: Sequence[OpenStream]) -> None:
    """Renews the leases of streams whose holder was asked whether it is alive."""
    if asked:
        pks, holders = [stream.session_pk for stream in asked], [stream.holder for stream in asked]
        _sessions().filter(pk__in=pks, stream_holder__in=holders).update(stream_lease_until=events.lease())


def renew(streams: Sequence[OpenStream]) -> list[StreamUpdate]:
    """Renews the leases, stores the positions, and touches the sessions. Terminates the sessions of users who are
    inactive or have changed their password.
    """
    if not streams:
        return []
    pks = [stream.session_pk for stream in streams]
    for session in sessions.revoked(_sessions().filter(pk__in=pks)):
        # Terminated, because otherwise the client would reconnect again and again to a stream that is closed each time.
        sessions.terminate_all(_sessions().filter(pk=session.pk))
    # Of two connections of one session, the later one has taken over the stream.
    newest = {stream.session_pk: stream for stream in streams}
    places: dict[str, list[int]] = {}
    for stream in newest.values():
        places.setdefault(_cursor(stream.position), []).append(stream.session_pk)
    positions = [When(pk__in=there, then=Value(cursor)) for cursor, there in places.items()]
    # A holder's name is unique, so a session with one of these holders is the expected one.
    rows = _sessions().active().filter(pk__in=pks, stream_holder__in=[stream.holder for stream in newest.values()])
    rows.update(stream_lease_until=events.lease(), stream_position=Case(*positions, default="stream_position"))
    sessions.touch_all(pks)
    return read(streams)


def _live(streams: Sequence[OpenStream]) -> set[OpenStream]:
    rows = _sessions().active().filter(pk__in=[stream.session_pk for stream in streams])
    holders = dict(rows.values_list("pk", "stream_holder"))
    return {stream for stream in streams if holders.get(stream.session_pk) == stream.holder}


def _read_events(streams: Sequence[OpenStream]) -> tuple[dict[int, list[Stored]], Collection[int]]:
    """The next events by session, and the sessions that may have more events."""
    # Streams at the same position, as most are, share one condition.
    places: dict[int, list[int]] = {}
    for stream in streams:
        places.setdefault(stream.position.event, []).append(stream.session_pk)
    after = [Q(session_id__in=pks, sequence__gt=event) for event, pks in places.items()]
    found_after = Event.objects.using(alias()).filter(reduce(or_, after), stream=STANDALONE)
    rows = list(found_after.order_by("session_id", "sequence")[:EVENTS_LIMIT])
    found: dict[int, list[Stored]] = {}
    for row in rows:
        stored = Stored(Position(STANDALONE, row.sequence), row.message, row.is_last)
        found.setdefault(row.session_id, []).append(stored)
    if len(rows) < EVENTS_LIMIT:
        return found, ()
    return found, {stream.session_pk for stream in streams if stream.session_pk >= rows[-1].session_id}


def _update_of(stream: OpenStream, stored: Iterable[Stored], *, has_more: bool) -> StreamUpdate:
    position = stream.position
    unsent = []
    for item in stored:
        if item.position.event > position.event:
            position = Position(STANDALONE, item.position.event, position.change)
            unsent.append(Stored(position, item.message, item.is_last))
    return StreamUpdate(position, unsent, has_more=has_more)


def _with_changes(streams: Sequence[OpenStream], updates: list[StreamUpdate]) -> list[StreamUpdate]:
    """The updates with the changes of the servers that concern each stream."""
    places: dict[str, int] = {}
    for stream in streams:
        places[stream.server] = min(stream.position.change, places.get(stream.server, stream.position.change))
    changed = {server: changes.read_rows(server, after) for server, after in places.items()}
    wanted = _subscriptions(streams, [change for rows in changed.values() for change in rows])
    return [
        update
        if update.is_over
        else _with_changes_of(update, stream.principal, changed[stream.server], wanted.get(stream.session_pk, set()))
        for stream, update in zip(streams, updates, strict=True)
    ]


def _with_changes_of(
    update: StreamUpdate, principal: str, changed: Sequence[Change], wanted: Collection[str]
) -> StreamUpdate:
    position, stored = update.position, list(update.stored)
    for change in changed:
        if change.sequence <= position.change:
            continue
        position = Position(STANDALONE, position.event, change.sequence)
        if concerns(change.principal, principal) and (change.method != UPDATED or change.uri in wanted):
            stored.append(Stored(position, to_json_text(changes.to_notification(change)), uri=change.uri))
    return StreamUpdate(position, stored, has_more=update.has_more or len(changed) >= changes.READ_LIMIT)


def _subscriptions(streams: Sequence[OpenStream], changed: Iterable[Change]) -> dict[int, set[str]]:
    """For each session, the resources among the changed ones to which it has subscribed."""
    keys = {subscriptions.uri_key(change.uri): change.uri for change in changed if change.method == UPDATED}
    if not keys:
        return {}
    rows = Subscription.objects.using(alias()).filter(
        session_id__in=[stream.session_pk for stream in streams], uri_key__in=keys
    )
    wanted: dict[int, set[str]] = {}
    for session_pk, key in rows.values_list("session_id", "uri_key"):
        wanted.setdefault(session_pk, set()).add(keys[key])
    return wanted


def _cursor(position: Position) -> str:
    return f"{position.event}.{position.change}"


def _sessions() -> Any:
    return Session.objects.using(alias())


def publish(session_pk: int, message: str) -> None:
    """Adds a message to a session's standalone stream; from any process."""

    def insert(sequence: int) -> None:
        Event.objects.using(alias()).create(
            session_id=session_pk, stream=STANDALONE, sequence=sequence, message=message
        )

    number = insert_numbered(
        lambda: events_of(session_pk, STANDALONE).aggregate(last=Max("sequence"))["last"] or 0, insert
    )
    if number % TRIM_EVERY == 0:
        trim(session_pk)
