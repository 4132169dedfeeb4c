"""Facts about sessions for the operators' page: streams, waiting events, calls. A few queries for a whole page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q
from django.utils import timezone

from django_mcp.bus import bell
from django_mcp.models import Event, Session, Stream, Subscription

from .overview import sent_upto
from .rollups import ERRORS, audited_calls

STANDALONE = "s"


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a session. `calls` and `errors` are `None` without the audit."""

    streams: int = 0
    waiting: int = 0
    calls: int | None = None
    errors: int | None = None
    last_call_at: datetime | None = None


def facts_of(sessions: Collection[Session]) -> dict[int, Facts]:
    """The facts of some sessions, by primary key."""
    pks = [session.pk for session in sessions]
    if not pks:
        return {}
    now = timezone.now()
    posts = dict(
        Stream.objects.filter(session__in=pks, ended_at=None, lease_until__gt=now)
        .values_list("session")
        .annotate(count=Count("pk"))
    )
    events = Event.objects.filter(session__in=pks, stream=STANDALONE)
    last = dict(events.values_list("session").annotate(last=Max("sequence")))
    calls = _calls_of(pks)
    return {
        session.pk: Facts(
            streams=posts.get(session.pk, 0) + has_stream(session, now),
            waiting=max(0, last.get(session.pk, 0) - sent_upto(session.stream_position)),
            **calls.get(session.pk, {"calls": 0, "errors": 0} if audited_calls() is not None else {}),
        )
        for session in sessions
    }


def has_stream(session: Session, now: datetime | None = None) -> bool:
    """Whether the session's standalone stream is open."""
    until = session.stream_lease_until
    return session.is_active and until is not None and until > (now or timezone.now())


def _calls_of(pks: Iterable[int]) -> dict[int, dict[str, Any]]:
    model = audited_calls()
    if model is None:
        return {}
    rows = model.objects.filter(session_pk__in=pks).order_by().values("session_pk")
    found = rows.annotate(
        calls=Count("pk"), errors=Count("pk", filter=Q(outcome__in=ERRORS)), last_call_at=Max("started_at")
    )
    return {row.pop("session_pk"): row for row in found}


def subscriptions_of(session: Session, limit: int = 100) -> list[str]:
    """The resources to which a session has subscribed."""
    return list(Subscription.objects.filter(session=session).order_by("uri_key").values_list("uri", flat=True)[:limit])


def close_streams(sessions: Any) -> list[Session]:
    """Closes the standalone streams of these sessions, in whatever process they are, and returns the sessions that had
    one. A client may open its stream again.
    """
    now = timezone.now()
    had = list(sessions.select_related(None).filter(stream_lease_until__gt=now).exclude(stream_holder=""))
    for session in had:
        # The stream ends when its process finds that it holds the lease no longer.
        rows = Session.objects.filter(pk=session.pk, stream_holder=session.stream_holder)
        rows.update(stream_holder="", stream_lease_until=None)
    bell.ring([bell.session_group(session.pk) for session in had])
    return had


def send_message(sessions: Iterable[Session], text: str, level: str = "notice") -> list[Session]:
    """Sends a log message to the clients of live sessions, and returns these sessions. A client gets it now, or when it
    opens its stream.
    """
    live = [session for session in sessions if session.is_active]
    for session in live:
        session.send("notifications/message", {"level": level, "logger": "operator", "data": text})
    return live
