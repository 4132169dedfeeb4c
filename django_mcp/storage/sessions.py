"""Sessions as rows: open, resume, touch, terminate.

Knows the Session table, its settings and its signals. Refuses to know HTTP and JSON-RPC: a session that cannot be had
is None or False, whatever the reason, so that no caller can tell a stranger which it was.

Every function is synchronous and whole, with its transaction; asynchronous code runs it behind one hop to a thread.
A principal is text of at most 255 characters without U+0000 or surrogates; "" is anonymous.
"""

import random
import re
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connections, transaction
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import ClientTooLarge, TooManySessions
from django_mcp.models import (
    Session,
    SessionQuerySet,
    Stream,
    label,
    new_session_id,
    to_json_text,
)
from django_mcp.signals import session_opened, session_terminated

from .changes import last_change
from .database import alias, batches
from .events import id_text
from .purge import delete_ended
from .session_state import SessionState

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")

# Far above any client seen (under 1 000), with room for an icon as a data: URI; what is kept is read with every request
# of the session, and MAX_SESSIONS of them must not fill a disk.
MAX_CLIENT_CHARACTERS = 64 * 1024

EXACTLY: Final = 1000
"""So many live sessions are quickly counted."""

ENDED_EVERY: Final = 8
"""The ended sessions of a principal are measured about once in so many openings."""


def open(
    *,
    server: str,
    principal: str,
    user: object,
    protocol_version: str,
    client_info: Mapping[str, Any],
    client_capabilities: Mapping[str, Any],
    now: datetime | None = None,
) -> SessionState:
    """A new session. Call it when `initialize` has succeeded, and not before.

    Raises TooManySessions and ClientTooLarge. A `user` that is no row of the user model (anonymous, or an
    authenticator's own) is left out: the principal is what owns the session.
    """
    now = now or timezone.now()
    _refuse_too_large(client_info, client_capabilities)
    user_id = user.pk if isinstance(user, get_user_model()) else None
    _refuse_too_many(principal, user_id, now)
    row = Session(
        server=server,
        user_id=user_id,
        principal=principal,
        protocol_version=protocol_version,
        client_info=dict(client_info),
        client_name=label(client_info.get("name"), 100),
        client_capabilities=dict(client_capabilities),
        created_at=now,
        last_seen_at=now,
        expires_at=now + min(_ttl(), _max_age()),
        auth_hash=auth_hash(user),
        stream_position=f"0.{last_change(server)}",
    )
    _insert(row)
    _delete_oldest_ended(principal, user_id, now)
    session_opened.send_robust(
        sender=Session, session_id=row.session_id, server=server, principal=principal, user_id=row.user_id
    )
    return SessionState(
        pk=row.pk,
        session_id=row.session_id,
        server=server,
        principal=principal,
        user_id=row.user_id,
        protocol_version=protocol_version,
        log_level=row.log_level,
        client_info_text=to_json_text(row.client_info),
        client_capabilities_text=to_json_text(row.client_capabilities),
        state_text="{}",
    )


def auth_hash(user: object) -> str:
    """What a user's open sessions go by: another one when the password changes. "" for who has none."""
    return str(user.get_session_auth_hash()) if isinstance(user, AbstractBaseUser) else ""


def revoked(sessions: SessionQuerySet) -> list[Session]:
    """The sessions, of these, whose user may no longer come in: who is inactive, or has another password than when it
    was opened.
    """
    rows = sessions.filter(user__isnull=False).select_related("user").only("auth_hash", "user")
    return [row for row in rows if not _may_stay(row)]


def _may_stay(row: Session) -> bool:
    user = row.user
    if not isinstance(user, AbstractBaseUser):
        return True
    return user.is_active and (not row.auth_hash or _has_hash(user, row.auth_hash))


def _has_hash(user: AbstractBaseUser, kept: str) -> bool:
    """Whether a user's password is the one that a hash was made of; under an earlier SECRET_KEY, it may be."""
    if constant_time_compare(kept, user.get_session_auth_hash()):
        return True
    return any(constant_time_compare(kept, known) for known in user.get_session_auth_fallback_hash())


def _ttl() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_TTL_SECONDS)


def _max_age() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_MAX_AGE_SECONDS)


def _refuse_too_large(*texts: Mapping[str, Any]) -> None:
    if sum(len(to_json_text(text)) for text in texts) > MAX_CLIENT_CHARACTERS:
        raise ClientTooLarge(MAX_CLIENT_CHARACTERS)


def _refuse_too_many(principal: str, user_id: Any, now: datetime) -> None:
    """Raise TooManySessions. Each count stops at its limit, so a flood is not answered with ever longer counting.

    A user's sessions count together, whichever client or token opened them: a user can have any number of those.
    Anonymous clients cannot be told apart: together they have a share of the common limit, and the rest is left for
    those who sign in. Openings at the same instant may each see the last free place: the limits keep a table from
    filling, and do not number its rows.
    """
    live = Session.objects.using(alias()).active(now)
    limit = mcp_settings.MAX_SESSIONS_PER_PRINCIPAL
    if principal and limit is not None and _of_one(live, principal, user_id)[:limit].count() >= limit:
        raise TooManySessions("principal", limit)
    limit = _anonymous_limit()
    if not principal and limit is not None and _anonymous_counter.is_full(live.for_principal(""), limit):
        raise TooManySessions("anonymous", limit)
    limit = mcp_settings.MAX_SESSIONS
    if limit is not None and _session_counter.is_full(live, limit):
        raise TooManySessions("server", limit)


def _of_one(rows: SessionQuerySet, principal: str, user_id: Any) -> SessionQuerySet:
    return rows.for_principal(principal) if user_id is None else rows.filter(user=user_id)


def _anonymous_limit() -> int | None:
    """The sessions that anonymous clients may have together: half of all, unless the project says how many."""
    limit = mcp_settings.MAX_ANONYMOUS_SESSIONS
    if limit is None and mcp_settings.MAX_SESSIONS is not None:
        # Of an only place, an anonymous client may have it.
        return (mcp_settings.MAX_SESSIONS + 1) // 2
    return limit


class SessionCounter:
    """How many live sessions there are, about: to count thousands at each opening would make each cost more, the more
    there are.

    They are counted again after a second, and before this process has opened a quarter of what was left; a small limit
    is counted exactly.
    """

    def __init__(self) -> None:
        # Of which limit, how many were left of it, and when: one value, since threads share it.
        self._counted = (0, 0, float("-inf"))
        self._opened = 0

    def is_full(self, live: SessionQuerySet, limit: int) -> bool:
        """Whether one more would be more than `limit`. If not, it is taken to be opened."""
        now = time.monotonic()
        counted_limit, left, counted_at = self._counted
        is_spent = 0 < left <= self._opened * 4
        if limit <= EXACTLY or limit != counted_limit or now - counted_at > 1 or is_spent:
            left = limit - live[:limit].count()
            self._counted, self._opened = (limit, left, now), 0
        self._opened += 1
        return left <= 0


_session_counter: Final = SessionCounter()
_anonymous_counter: Final = SessionCounter()


def _delete_oldest_ended(principal: str, user_id: Any, now: datetime) -> None:
    """Deletes the sessions of a user or client that ended first, beyond the number that is kept until the purge. Those
    that have ended count for no other limit, so to open and end one after the other would fill the table.
    """
    limit = mcp_settings.MAX_ENDED_SESSIONS_PER_PRINCIPAL
    # By chance, so that most openings do not ask; the more are deleted at once.
    if limit is None or random.random() * ENDED_EVERY >= 1:
        return
    ended = _of_one(Session.objects.using(alias()).filter(expires_at__lte=now), principal, user_id)
    excess = ended.order_by("-expires_at").only("session_id", "terminated_at")[limit : limit + 4 * ENDED_EVERY]
    delete_ended(list(excess))


def _insert(row: Session) -> None:
    while True:
        row.session_id = new_session_id()
        try:
            with transaction.atomic(using=alias()):
                return row.save(using=alias(), force_insert=True)
        except IntegrityError:
            # The id was taken: try another. Anything else (the user was deleted meanwhile) is the caller's to know.
            if not Session.objects.using(alias()).filter(session_id=row.session_id).exists():
                raise


@cache
def _resume_sql(database: str, vendor: str, *, with_request: bool) -> str:
    """The one query of every request of a session, written once for a database.

    As ORM .get() the same row costs several times as much, nearly all of it in writing this same SQL again and in the
    model instance. What has to do with the clock is decided in the database, which saves reading datetimes.
    """
    quote = connections[database].ops.quote_name
    said = ("protocol_version", "log_level", "client_info", "client_capabilities", "state")
    columns = ("id", "user_id", *said, "auth_hash", "server", "principal")
    running = (
        f"EXISTS(SELECT 1 FROM {quote(Stream._meta.db_table)} st WHERE st.{quote('session_id')} ="
        f" {quote(Session._meta.db_table)}.{quote('id')} AND st.{quote('request_id')} = %s"
        f" AND st.{quote('ended_at')} IS NULL AND st.{quote('lease_until')} > %s)"
    )
    return (
        f"SELECT {', '.join(map(quote, columns))}, CASE WHEN {quote('last_seen_at')} < %s THEN 1 ELSE 0 END,"
        f" {f'CASE WHEN {running} THEN 1 ELSE 0 END' if with_request else '0'}"
        f" FROM {quote(Session._meta.db_table)}"
        f" WHERE {quote('session_id')} = %s AND {quote('terminated_at')} IS NULL AND {quote('expires_at')} > %s"
    )


def resume(
    session_id: str,
    *,
    server: str,
    principal: str,
    user: object = None,
    request_id: str | int | None = None,
    now: datetime | None = None,
) -> SessionState | None:
    """The live session with this id, of this server and this principal; None for every other: unknown, expired,
    terminated, purged, somebody else's, or no id at all. A session whose `user` has another password than when it was
    opened ends here. With a `request_id`, it says whether a request with that id still runs in the session, in whatever
    process.

    One query, none for what cannot be an id. Read where it is written, since a replica may not know
    a session yet.
    """
    if not SESSION_ID.fullmatch(session_id):
        return None
    now = now or timezone.now()
    database = alias()
    connection = connections[database]
    adapt = connection.ops.adapt_datetimefield_value
    sql = _resume_sql(database, connection.vendor, with_request=request_id is not None)
    asked = () if request_id is None else (id_text(request_id), adapt(now))
    with connection.cursor() as cursor:
        cursor.execute(sql, (adapt(now - _touch_interval()), *asked, session_id, adapt(now)))
        row = cursor.fetchone()
    if row is None:
        return None
    *values, owner_server, owner, needs_touch, has_request = row
    if (owner_server, owner) != (server, principal):
        return None
    pk, user_id, protocol_version, log_level, client_info, client_capabilities, state, known_hash = values
    found = SessionState(
        pk=pk,
        session_id=session_id,
        server=server,
        principal=principal,
        user_id=Session._meta.get_field("user").to_python(user_id),
        protocol_version=protocol_version,
        log_level=log_level,
        client_info_text=client_info,
        client_capabilities_text=client_capabilities,
        state_text=state,
        needs_touch=bool(needs_touch),
        has_request=bool(has_request),
    )
    if known_hash and isinstance(user, AbstractBaseUser) and not _has_hash(user, known_hash):
        _terminate(found, now)
        return None
    return found


def _touch_interval() -> timedelta:
    """SESSION_TOUCH_SECONDS; for a short TTL half of that, or a session in use would expire between two touches."""
    return timedelta(seconds=min(mcp_settings.SESSION_TOUCH_SECONDS, mcp_settings.SESSION_TTL_SECONDS / 2))


def touch(session: SessionState, now: datetime | None = None) -> None:
    """Note that the session is in use: it expires a TTL from now, though never past its greatest age.

    Call it when `session.needs_touch`. One UPDATE, which leaves a session that has ended meanwhile ended.
    """
    now = now or timezone.now()
    _touch(Session.objects.using(alias()).filter(pk=session.pk), now)
    session.needs_touch = False


def touch_all(pks: Collection[int], now: datetime | None = None) -> None:
    """Note that these sessions are in use, those of which that has not been noted lately."""
    now = now or timezone.now()
    rows = Session.objects.using(alias()).filter(pk__in=pks)
    _touch(rows.filter(last_seen_at__lt=now - _touch_interval()), now)


def note_presence(pk: int, now: datetime | None = None) -> None:
    """Note at once that a session's client is there: a call of its may be waiting to know."""
    _touch(Session.objects.using(alias()).filter(pk=pk), now or timezone.now())


def touch_seconds(seconds: float) -> float:
    """How often an open stream must say that its session is in use: every so many seconds, or twice in what is left of
    a short TTL when a touch is due.
    """
    return float(min(seconds, mcp_settings.SESSION_TTL_SECONDS / 4))


def _touch(rows: SessionQuerySet, now: datetime) -> None:
    oldest = now + _ttl() - _max_age()
    rows.active(now).update(
        last_seen_at=now,
        expires_at=Case(When(created_at__lt=oldest, then=F("created_at") + _max_age()), default=now + _ttl()),
    )


def set_log_level(session_id: str, level: str) -> None:
    """Remember the level that `logging/setLevel` asked for. The caller has resumed the session, so it is theirs."""
    Session.objects.using(alias()).active().filter(session_id=session_id).update(log_level=level)


def terminate(
    session_id: str, *, server: str, principal: str, user: object = None, now: datetime | None = None
) -> bool:
    """End a live session of this server and principal. False when there is none to end, for whatever reason."""
    session = resume(session_id, server=server, principal=principal, user=user, now=now)
    return session is not None and _terminate(session, now or timezone.now())


def terminate_all(sessions: SessionQuerySet, now: datetime | None = None) -> list[Session]:
    """End the live ones among these sessions, and return those that this call ended."""
    now = now or timezone.now()
    live = sessions.using(alias()).active(now).select_related(None).only("session_id", "server", "principal", "user")
    return [row for batch in batches(live, 1000) for row in batch if _terminate(row, now)]


def _terminate(session: SessionState | Session, now: datetime) -> bool:
    row = Session.objects.using(alias()).active(now).filter(pk=session.pk)
    if ended := row.update(terminated_at=now, expires_at=now) == 1:
        session_terminated.send_robust(
            sender=Session,
            session_pk=session.pk,
            session_id=session.session_id,
            server=session.server,
            principal=session.principal,
            user_id=session.user_id,
        )
    return ended
