"""Sessions as rows: open, resume, touch, terminate.

Uses the Session table, its settings and its signals; independent of HTTP and JSON-RPC. A session that cannot be used is
None or False, whatever the reason, so that no caller can reveal the reason to a client.

Every function is synchronous, and runs its own transaction; async code calls it with one hop to a thread. A principal
is text of at most 255 characters without U+0000 or surrogates; "" is anonymous.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, IntegrityError, connections
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

from . import sweep
from .changes import position_after_last_change
from .database import alias, batches, insert
from .events import id_text, renew_stream
from .purge import ENDED, delete_ended
from .session_state import SessionState

logger = logging.getLogger("django_mcp")

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")

# Far above any known client (under 1 000), with room for an icon as a data: URI. Each request of the session reads it,
# and MAX_SESSIONS of them must not fill a disk.
MAX_CLIENT_CHARACTERS = 64 * 1024

RETURNING_UPDATE: Final = frozenset({"sqlite", "postgresql"})
"""The vendors whose UPDATE returns its rows, where their INSERT does (SQLite from 3.35 on)."""

EXACTLY: Final = 1000
"""Up to this many live sessions are counted exactly."""

ENDED_EVERY: Final = 128
"""A principal's ended sessions are counted about once in this many openings."""


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
    """Creates a session. Call it only after `initialize` has succeeded.

    Raises TooManySessions and ClientTooLarge. A `user` that is not a row of the user model (anonymous, or an
    authenticator's own) is not stored: the principal is the owner of the session.
    """
    now = now or timezone.now()
    info_text, capabilities_text = to_json_text(client_info), to_json_text(client_capabilities)
    if len(info_text) + len(capabilities_text) > MAX_CLIENT_CHARACTERS:
        raise ClientTooLarge(MAX_CLIENT_CHARACTERS)
    user_id = user.pk if isinstance(user, get_user_model()) else None
    _refuse_too_many(principal, user_id, now)
    pk, session_id = _insert(
        {
            "server": server,
            "user_id": user_id,
            "principal": principal,
            "protocol_version": protocol_version,
            "client_info": client_info,
            "client_name": label(client_info.get("name"), 100),
            "client_capabilities": client_capabilities,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + min(_ttl(), _max_age()),
            "auth_hash": auth_hash(user),
        }
    )
    _delete_oldest_ended(principal, user_id, now)
    sweep.consider()
    session_opened.send_robust(
        sender=Session, session_id=session_id, server=server, principal=principal, user_id=user_id
    )
    return SessionState(
        pk=pk,
        session_id=session_id,
        server=server,
        principal=principal,
        user_id=user_id,
        protocol_version=protocol_version,
        log_level="",
        client_info_text=info_text,
        client_capabilities_text=capabilities_text,
        state_text="{}",
    )


def auth_hash(user: object) -> str:
    """A hash that changes with the user's password, and ends the user's sessions then. "" for other users."""
    return str(user.get_session_auth_hash()) if isinstance(user, AbstractBaseUser) else ""


def revoked(sessions: SessionQuerySet) -> list[Session]:
    """Those of these sessions whose user is inactive, or has changed the password since the session was opened."""
    rows = sessions.filter(user__isnull=False).select_related("user").only("auth_hash", "user")
    return [row for row in rows if not _may_stay(row)]


def _may_stay(row: Session) -> bool:
    user = row.user
    if not isinstance(user, AbstractBaseUser):
        return True
    return user.is_active and (not row.auth_hash or _has_hash(user, row.auth_hash))


def _has_hash(user: AbstractBaseUser, kept: str) -> bool:
    """Whether the user's password is unchanged since the session was opened. Also tries SECRET_KEY_FALLBACKS."""
    if constant_time_compare(kept, user.get_session_auth_hash()):
        return True
    return any(constant_time_compare(kept, known) for known in user.get_session_auth_fallback_hash())


def _is_unchanged(user: object, known_hash: str) -> bool:
    """Whether the caller's password is that of when the session was opened, if it has one."""
    return not known_hash or not isinstance(user, AbstractBaseUser) or _has_hash(user, known_hash)


def _ttl() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_TTL_SECONDS)


def _max_age() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_MAX_AGE_SECONDS)


def _refuse_too_many(principal: str, user_id: Any, now: datetime) -> None:
    """Raises TooManySessions. Each count stops at its limit, so a flood of requests does not make counting slower.

    A user's sessions count together, because a user can have any number of clients and tokens. Anonymous clients cannot
    be distinguished: they share a part of the common limit, and the rest is reserved for users. Requests at the same
    instant may each see the last free place: the limits protect the table, and are not exact.
    """

    def live() -> SessionQuerySet:
        return Session.objects.using(alias()).active(now)

    limit = mcp_settings.MAX_SESSIONS_PER_PRINCIPAL
    if principal and limit is not None and _of_one(live(), principal, user_id)[:limit].count() >= limit:
        raise TooManySessions("principal", limit)
    limit = _anonymous_limit()
    if not principal and limit is not None and _anonymous_counter.is_full(lambda: live().for_principal(""), limit):
        raise TooManySessions("anonymous", limit)
    limit = mcp_settings.MAX_SESSIONS
    if limit is not None and _session_counter.is_full(live, limit):
        raise TooManySessions("server", limit)


def _of_one(rows: SessionQuerySet, principal: str, user_id: Any) -> SessionQuerySet:
    return rows.for_principal(principal) if user_id is None else rows.filter(user=user_id)


def _anonymous_limit() -> int | None:
    """The maximum number of anonymous sessions together: MCP_MAX_ANONYMOUS_SESSIONS, or half of all."""
    limit = mcp_settings.MAX_ANONYMOUS_SESSIONS
    if limit is None and mcp_settings.MAX_SESSIONS is not None:
        # Rounded up: if there is only one place, an anonymous client may have it.
        return (mcp_settings.MAX_SESSIONS + 1) // 2
    return limit


class SessionCounter:
    """The approximate number of live sessions, because counting thousands at each opening would be slow.

    They are counted again after a second, and before this process has opened a quarter of the free places; small
    numbers are counted exactly.
    """

    def __init__(self) -> None:
        # The limit, the number of free places and the time: one tuple, because threads share it.
        self._counted = (0, 0, float("-inf"))
        self._opened = 0

    def is_full(self, live: Callable[[], SessionQuerySet], limit: int) -> bool:
        """Whether another session would exceed `limit`. If not, it counts as opened. `live()` makes the query of the
        sessions to count: only when they are counted, because making it takes longer than the rest.
        """
        now = time.monotonic()
        counted_limit, left, counted_at = self._counted
        is_spent = 0 < left <= self._opened * 4
        if limit <= EXACTLY or limit != counted_limit or now - counted_at > 1 or is_spent:
            left = limit - live()[:limit].count()
            self._counted, self._opened = (limit, left, now), 0
        self._opened += 1
        return left <= 0


_session_counter: Final = SessionCounter()
_anonymous_counter: Final = SessionCounter()


def _delete_oldest_ended(principal: str, user_id: Any, now: datetime) -> None:
    """Deletes the oldest ended sessions of a user or client above the number that is kept until the purge. Ended
    sessions count for no other limit, so a client could fill the table by opening and terminating sessions.
    """
    limit = mcp_settings.MAX_ENDED_SESSIONS_PER_PRINCIPAL
    # At random, so that most openings skip this.
    if limit is None or random.random() * ENDED_EVERY >= 1:
        return
    ended = _of_one(Session.objects.using(alias()).filter(expires_at__lte=now), principal, user_id)
    excess = ended.order_by("-expires_at").values_list(*ENDED, named=True)[limit : limit + 4 * ENDED_EVERY]
    try:
        delete_ended(list(excess))
    except DatabaseError as failure:
        # The session is open; a lock or a deadlock of others must not cost its client the answer.
        logger.warning("Ended sessions were not deleted (%r); it is tried again later", failure)


def _insert(values: Mapping[str, Any]) -> tuple[int, str]:
    """The primary key and the id of a new session's row."""
    while True:
        session_id = new_session_id()
        position = position_after_last_change(values["server"])
        try:
            return insert(Session, {"session_id": session_id, **values}, stream_position=position), session_id
        except IntegrityError:
            # The id exists already: try another. Any other reason (such as a deleted user) is raised.
            if not Session.objects.using(alias()).filter(session_id=session_id).exists():
                raise


@cache
def _resume_sql(database: str, vendor: str, *, with_request: bool) -> str:
    """The single query of every request in a session, as cached SQL for a database.

    The ORM's .get() costs several times as much, mostly for making the same SQL again and for the model instance. The
    database compares the times, which avoids parsing datetimes. Parameters have names here, since Django takes long on
    SQLite to find those that have none.
    """
    quote = connections[database].ops.quote_name
    from_client = ("protocol_version", "log_level", "client_info", "client_capabilities", "state")
    columns = ("id", "user_id", *from_client, "auth_hash", "server", "principal")
    running = (
        f"EXISTS(SELECT 1 FROM {quote(Stream._meta.db_table)} st WHERE st.{quote('session_id')} ="
        f" {quote(Session._meta.db_table)}.{quote('id')} AND st.{quote('request_id')} = %(request_id)s"
        f" AND st.{quote('ended_at')} IS NULL AND st.{quote('lease_until')} > %(now)s)"
    )
    return (
        f"SELECT {', '.join(map(quote, columns))},"
        f" CASE WHEN {quote('last_seen_at')} < %(touched)s THEN 1 ELSE 0 END,"
        f" {f'CASE WHEN {running} THEN 1 ELSE 0 END' if with_request else '0'}"
        f" FROM {quote(Session._meta.db_table)} WHERE {quote('session_id')} = %(session_id)s"
        f" AND {quote('terminated_at')} IS NULL AND {quote('expires_at')} > %(now)s"
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
    terminated, purged, another principal's, or not a session id. If the `user` has changed the password since the
    session was opened, terminates it. With a `request_id`, the result says whether a request with that id is still
    running in the session, in any process.

    Makes one query, or none for text that cannot be an id. Reads from the database for writing, because a replica may
    not have the session yet.
    """
    if not SESSION_ID.fullmatch(session_id):
        return None
    now = now or timezone.now()
    database = alias()
    connection = connections[database]
    adapt = connection.ops.adapt_datetimefield_value
    sql = _resume_sql(database, connection.vendor, with_request=request_id is not None)
    values = {"session_id": session_id, "now": adapt(now), "touched": adapt(now - _touch_interval())}
    if request_id is not None:
        values["request_id"] = id_text(request_id)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    if row is None:
        return None
    *own, owner_server, owner, needs_touch, has_request = row
    if (owner_server, owner) != (server, principal):
        return None
    pk, user_id, protocol_version, log_level, client_info, client_capabilities, state, known_hash = own
    session = SessionState(
        pk=pk,
        session_id=session_id,
        server=server,
        principal=principal,
        user_id=_user_id(user_id),
        protocol_version=protocol_version,
        log_level=log_level,
        client_info_text=client_info,
        client_capabilities_text=client_capabilities,
        state_text=state,
        needs_touch=bool(needs_touch),
        has_request=bool(has_request),
    )
    if not _is_unchanged(user, known_hash):
        _terminate(session, now)
        return None
    return session


def _user_id(value: Any) -> Any:
    """The key of a user as the model has it; a UUID is text in some databases."""
    return Session._meta.get_field("user").to_python(value)


def _touch_interval() -> timedelta:
    """SESSION_TOUCH_SECONDS, or half of a shorter TTL: otherwise a session could expire between two touches."""
    return timedelta(seconds=min(mcp_settings.SESSION_TOUCH_SECONDS, mcp_settings.SESSION_TTL_SECONDS / 2))


def touch(session: SessionState, now: datetime | None = None) -> None:
    """Marks the session as used: it expires a TTL from now, but not later than its maximum age.

    Call it when `session.needs_touch`. Makes one UPDATE, which does not change a session that has ended meanwhile.
    """
    now = now or timezone.now()
    _touch(Session.objects.using(alias()).filter(pk=session.pk), now)
    session.needs_touch = False


def touch_all(pks: Collection[int], now: datetime | None = None) -> None:
    """Marks these sessions as used, except those that were touched recently."""
    now = now or timezone.now()
    rows = Session.objects.using(alias()).filter(pk__in=pks)
    _touch(rows.filter(last_seen_at__lt=now - _touch_interval()), now)


def renew_request(pk: int, stream_key: str) -> bool:
    """Renews the lease of a running request, and marks its session as used: a long call keeps its session. Returns
    whether the client has cancelled the request.
    """
    touch_all([pk])
    return renew_stream(pk, stream_key)


def note_presence(pk: int, now: datetime | None = None) -> None:
    """Marks the session as used immediately: a call may wait to see whether its client is still there."""
    _touch(Session.objects.using(alias()).filter(pk=pk), now or timezone.now())


def touch_seconds(seconds: float) -> float:
    """How often an open stream must mark its session as used: every so many seconds, or twice per remaining time of a
    short TTL.
    """
    return float(min(seconds, mcp_settings.SESSION_TTL_SECONDS / 4))


def _touch(rows: SessionQuerySet, now: datetime) -> None:
    oldest = now + _ttl() - _max_age()
    rows.active(now).update(
        last_seen_at=now,
        expires_at=Case(When(created_at__lt=oldest, then=F("created_at") + _max_age()), default=now + _ttl()),
    )


def set_log_level(session_id: str, level: str) -> None:
    """Stores the level of `logging/setLevel`. The caller must have resumed the session before."""
    Session.objects.using(alias()).active().filter(session_id=session_id).update(log_level=level)


def terminate(
    session_id: str, *, server: str, principal: str, user: object = None, now: datetime | None = None
) -> bool:
    """Terminates a live session of this server and principal. False when there is none, whatever the reason, or when
    the `user` has changed the password since it was opened.
    """
    now = now or timezone.now()
    database = alias()
    connection = connections[database]
    if connection.vendor not in RETURNING_UPDATE or not connection.features.can_return_columns_from_insert:
        session = resume(session_id, server=server, principal=principal, user=user, now=now)
        return session is not None and _terminate(session, now)
    if not SESSION_ID.fullmatch(session_id):
        return False
    own = {"session_id": session_id, "server": server, "principal": principal}
    with connection.cursor() as cursor:
        sql = _terminate_own_sql(database, connection.vendor)
        cursor.execute(sql, {**own, "now": connection.ops.adapt_datetimefield_value(now)})
        # SQLite ends the statement when all of its rows have been read.
        rows = cursor.fetchall()
    if not rows:
        return False
    ((pk, user_id, known_hash),) = rows
    _announce_end(pk, session_id, server, principal, _user_id(user_id))
    return _is_unchanged(user, known_hash)


def terminate_all(sessions: SessionQuerySet, now: datetime | None = None) -> list[Session]:
    """Terminates the live ones among these sessions, and returns those that this call terminated."""
    now = now or timezone.now()
    live = sessions.using(alias()).active(now).select_related(None).only("session_id", "server", "principal", "user")
    return [row for batch in batches(live, 1000) for row in batch if _terminate(row, now)]


def _terminate(session: SessionState | Session, now: datetime) -> bool:
    database = alias()
    connection = connections[database]
    values = {"id": session.pk, "now": connection.ops.adapt_datetimefield_value(now)}
    with connection.cursor() as cursor:
        cursor.execute(_terminate_sql(database, connection.vendor, "id"), values)
        ended: bool = cursor.rowcount == 1
    if ended:
        _announce_end(session.pk, session.session_id, session.server, session.principal, session.user_id)
    return ended


def _announce_end(pk: int, session_id: str, server: str, principal: str, user_id: Any) -> None:
    session_terminated.send_robust(
        sender=Session,
        session_pk=pk,
        session_id=session_id,
        server=server,
        principal=principal,
        user_id=user_id,
    )


@cache
def _terminate_sql(database: str, vendor: str, *columns: str) -> str:
    """Cached SQL for a database, as that of `resume()`: each conversation ends with it. Ends the session whose
    `columns` have the values of the parameters.
    """
    quote = connections[database].ops.quote_name
    found = " AND ".join(f"{quote(column)} = %({column})s" for column in columns)
    return (
        f"UPDATE {quote(Session._meta.db_table)}"
        f" SET {quote('terminated_at')} = %(now)s, {quote('expires_at')} = %(now)s"
        f" WHERE {found} AND {quote('terminated_at')} IS NULL AND {quote('expires_at')} > %(now)s"
    )


@cache
def _terminate_own_sql(database: str, vendor: str) -> str:
    """See `_terminate_sql()`: ends a caller's session, and returns its row."""
    quote = connections[database].ops.quote_name
    returned = ", ".join(map(quote, ("id", "user_id", "auth_hash")))
    return f"{_terminate_sql(database, vendor, 'session_id', 'server', 'principal')} RETURNING {returned}"
