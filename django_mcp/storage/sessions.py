"""Sessions as rows: open, resume, touch, save, terminate, purge.

Knows the Session table, its settings and its signals. Refuses to know HTTP and JSON-RPC: a session that cannot be had
is None or False, whatever the reason, so that no caller can tell a stranger which it was.

Every function is synchronous and whole, with its transaction; asynchronous code runs it behind one hop to a thread.
A principal is text of at most 255 characters without U+0000 or surrogates; "" is anonymous.
"""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connections, models, router, transaction
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import ClientTooLarge, TooManySessions
from django_mcp.models import (
    Change,
    ClientRequest,
    Event,
    Session,
    SessionQuerySet,
    Stream,
    Subscription,
    label,
    new_session_id,
    to_json_text,
)
from django_mcp.signals import session_expired, session_opened, session_terminated

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")

# Far above any client seen (under 1 000), with room for an icon as a data: URI; what is kept is read with every request
# of the session, and MAX_SESSIONS of them must not fill a disk.
MAX_CLIENT_CHARACTERS = 64 * 1024

EXACTLY: Final = 1000
"""So many live sessions are quickly counted."""


@dataclass(slots=True)
class SessionState:
    """A live session, as one request sees it. JSON stays text until somebody asks."""

    pk: int
    session_id: str = field(repr=False)
    server: str
    principal: str
    user_id: Any
    protocol_version: str
    log_level: str
    client_info_text: str = field(repr=False)
    client_capabilities_text: str = field(repr=False)
    state_text: str = field(repr=False)
    needs_touch: bool = False
    _client_info: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _client_capabilities: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _state: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def client_info(self) -> dict[str, Any]:
        if self._client_info is None:
            self._client_info = json.loads(self.client_info_text)
        return self._client_info

    @property
    def client_capabilities(self) -> dict[str, Any]:
        if self._client_capabilities is None:
            self._client_capabilities = json.loads(self.client_capabilities_text)
        return self._client_capabilities

    @property
    def state(self) -> dict[str, Any]:
        """The developer's own: change it in place, or assign another dict. save_state() writes what differs."""
        if self._state is None:
            self._state = json.loads(self.state_text)
        return self._state

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self._state = value

    def discard_changes(self) -> None:
        """Have the state again as it was read."""
        self._state = None

    def state_changes(self) -> tuple[dict[str, Any], set[str]]:
        """The top-level keys that were set, with their values, and those that were removed, since it was read.

        Raises TypeError for a state that is not JSON.
        """
        if self._state is None:
            return {}, set()
        before = {key: to_json_text(value) for key, value in json.loads(self.state_text).items()}
        after = {key: _state_text(key, value) for key, value in self._state.items()}
        return {key: self._state[key] for key in after if after[key] != before.get(key)}, before.keys() - after.keys()


def _state_text(key: object, value: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"Session state is a JSON object, its keys are strings: {key!r} is not one.")
    try:
        return to_json_text(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Session state is JSON, and state[{key!r}] is not: {error}") from error


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
    alias = router.db_for_write(Session)
    _refuse_too_large(client_info, client_capabilities)
    _refuse_too_many(alias, principal, now)
    row = Session(
        server=server,
        user_id=user.pk if isinstance(user, get_user_model()) else None,
        principal=principal,
        protocol_version=protocol_version,
        client_info=dict(client_info),
        client_name=label(client_info.get("name"), 100),
        client_capabilities=dict(client_capabilities),
        created_at=now,
        last_seen_at=now,
        expires_at=now + min(_ttl(), _max_age()),
        auth_hash=auth_hash(user),
        stream_position=f"0.{last_change(server, alias)}",
    )
    _insert(alias, row)
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


def barred(sessions: SessionQuerySet) -> list[Session]:
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


def last_change(server: str, alias: str) -> int:
    """The number of a server's latest change: a new session hears of those that come."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_last_change_sql(alias, connection.vendor), (server,))
        (last,) = cursor.fetchone()
    return last or 0


@cache
def _last_change_sql(alias: str, vendor: str) -> str:
    """Written once, as _resume_sql() is: the ORM takes eight times as long, and each new session asks."""
    quote = connections[alias].ops.quote_name
    return f"SELECT MAX({quote('sequence')}) FROM {quote(Change._meta.db_table)} WHERE {quote('server')} = %s"


def _ttl() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_TTL_SECONDS)


def _max_age() -> timedelta:
    return timedelta(seconds=mcp_settings.SESSION_MAX_AGE_SECONDS)


def _refuse_too_large(*texts: Mapping[str, Any]) -> None:
    if sum(len(to_json_text(text)) for text in texts) > MAX_CLIENT_CHARACTERS:
        raise ClientTooLarge(MAX_CLIENT_CHARACTERS)


def _refuse_too_many(alias: str, principal: str, now: datetime) -> None:
    """Raise TooManySessions. Each count stops at its limit, so a flood is not answered with ever longer counting.

    Anonymous clients share the principal "": a limit on it would let one stranger lock the others out, so they have
    the common limit only. Openings at the same instant may each see the last free place: the limits keep a table from
    filling, and do not number its rows.
    """
    live = Session.objects.using(alias).active(now)
    limit = mcp_settings.MAX_SESSIONS_PER_PRINCIPAL
    if principal and limit is not None and live.for_principal(principal)[:limit].count() >= limit:
        raise TooManySessions("principal", limit)
    limit = mcp_settings.MAX_SESSIONS
    if limit is not None and _crowd.is_full(live, limit):
        raise TooManySessions("server", limit)


class _Crowd:
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


_crowd: Final = _Crowd()


def _insert(alias: str, row: Session) -> None:
    while True:
        row.session_id = new_session_id()
        try:
            with transaction.atomic(using=alias):
                return row.save(using=alias, force_insert=True)
        except IntegrityError:
            # The id was taken: try another. Anything else (the user was deleted meanwhile) is the caller's to know.
            if not Session.objects.using(alias).filter(session_id=row.session_id).exists():
                raise


@cache
def _resume_sql(alias: str, vendor: str) -> str:
    """The one query of every request of a session, written once for a database.

    As ORM .get() the same row costs several times as much, nearly all of it in writing this same SQL again and in the
    model instance. What has to do with the clock is decided in the database, which saves reading datetimes.
    """
    quote = connections[alias].ops.quote_name
    said = ("protocol_version", "log_level", "client_info", "client_capabilities", "state")
    columns = ("id", "user_id", *said, "auth_hash", "server", "principal")
    return (
        f"SELECT {', '.join(map(quote, columns))}, CASE WHEN {quote('last_seen_at')} < %s THEN 1 ELSE 0 END"
        f" FROM {quote(Session._meta.db_table)}"
        f" WHERE {quote('session_id')} = %s AND {quote('terminated_at')} IS NULL AND {quote('expires_at')} > %s"
    )


def resume(
    session_id: str, *, server: str, principal: str, user: object = None, now: datetime | None = None
) -> SessionState | None:
    """The live session with this id, of this server and this principal; None for every other: unknown, expired,
    terminated, purged, somebody else's, or no id at all. A session whose `user` has another password than when it was
    opened ends here.

    One query, none for what cannot be an id. Read where it is written, since a replica may not know
    a session yet.
    """
    if not SESSION_ID.fullmatch(session_id):
        return None
    now = now or timezone.now()
    alias = router.db_for_write(Session)
    connection = connections[alias]
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            _resume_sql(alias, connection.vendor), (adapt(now - _touch_interval()), session_id, adapt(now))
        )
        row = cursor.fetchone()
    if row is None:
        return None
    *values, owner_server, owner, needs_touch = row
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
    )
    if known_hash and isinstance(user, AbstractBaseUser) and not _has_hash(user, known_hash):
        _terminate(found, alias, now)
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
    _touch(Session.objects.using(router.db_for_write(Session)).filter(pk=session.pk), now)
    session.needs_touch = False


def touch_all(pks: Collection[int], now: datetime | None = None) -> None:
    """Note that these sessions are in use, those of which that has not been noted lately."""
    now = now or timezone.now()
    rows = Session.objects.using(router.db_for_write(Session)).filter(pk__in=pks)
    _touch(rows.filter(last_seen_at__lt=now - _touch_interval()), now)


def _touch(rows: SessionQuerySet, now: datetime) -> None:
    oldest = now + _ttl() - _max_age()
    rows.active(now).update(
        last_seen_at=now,
        expires_at=Case(When(created_at__lt=oldest, then=F("created_at") + _max_age()), default=now + _ttl()),
    )


def save_state(session: SessionState) -> None:
    """Write what was changed in `session.state`, top-level key by key, and bring the rest of it up to date.

    Two calls that change different keys at once both win; of two that change the same key, the later. No query when
    nothing was changed; nothing is written for a session whose row is gone. Raises TypeError for what is not JSON.
    """
    changed, removed = session.state_changes()
    if not changed and not removed:
        return
    alias = router.db_for_write(Session)
    row = Session.objects.using(alias).filter(pk=session.pk)
    with transaction.atomic(using=alias):
        stored = _locked_state(row, alias)
        if stored is None:
            return
        merged = {key: value for key, value in stored.items() if key not in removed} | changed
        row.update(state=merged)
    session.state_text = to_json_text(merged)
    session.state.clear()
    session.state.update(merged)


def _locked_state(row: SessionQuerySet, alias: str) -> dict[str, Any] | None:
    """The state in the row, which nobody else can now write before the transaction ends; None when there is no row."""
    if not connections[alias].features.has_select_for_update:
        # SQLite locks no row. A transaction that writes first waits its turn; one that reads first is thrown out when
        # another has written meanwhile.
        row.update(state=F("state"))
    return row.select_for_update().values_list("state", flat=True).first()


def set_log_level(session_id: str, level: str) -> None:
    """Remember the level that `logging/setLevel` asked for. The caller has resumed the session, so it is theirs."""
    Session.objects.using(router.db_for_write(Session)).active().filter(session_id=session_id).update(log_level=level)


def terminate(
    session_id: str, *, server: str, principal: str, user: object = None, now: datetime | None = None
) -> bool:
    """End a live session of this server and principal. False when there is none to end, for whatever reason."""
    session = resume(session_id, server=server, principal=principal, user=user, now=now)
    return session is not None and _terminate(session, router.db_for_write(Session), now or timezone.now())


def terminate_all(sessions: SessionQuerySet, now: datetime | None = None) -> list[Session]:
    """End the live ones among these sessions, and return those that this call ended."""
    now = now or timezone.now()
    alias = router.db_for_write(Session)
    live = sessions.using(alias).active(now).select_related(None).only("session_id", "server", "principal", "user")
    return [row for batch in _batches(live, 1000) for row in batch if _terminate(row, alias, now)]


def _terminate(session: SessionState | Session, alias: str, now: datetime) -> bool:
    row = Session.objects.using(alias).active(now).filter(pk=session.pk)
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


# For each table that refers to sessions, its rows of the sessions with these primary keys. purge() deletes them before
# the sessions, in batches of their own: one session may have a million events.
CHILDREN: list[Callable[[Sequence[int]], models.QuerySet[Any]]] = [
    lambda pks: Event.objects.filter(session__in=pks),
    lambda pks: ClientRequest.objects.filter(session__in=pks),
    lambda pks: Stream.objects.filter(session__in=pks),
    lambda pks: Subscription.objects.filter(session__in=pks),
]


@dataclass(frozen=True, slots=True)
class PurgeCount:
    """Sessions purged, or to be purged: those that expired, and those that were terminated."""

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
    """Delete the sessions that ended at least `older_than` ago (None: all that have ended), and return how many.

    In batches, each in a short transaction of its own and of bounded memory, children first: a purge may be stopped at
    any time, and two may run at once. `progress` is told the count after each batch. A dry run only counts.
    """
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    before = (now or timezone.now()) - (older_than or timedelta())
    alias = router.db_for_write(Session)
    rows = Session.objects.using(alias).only("session_id", "terminated_at").order_by("expires_at")
    ended = rows.filter(expires_at__lte=before)
    # terminate() sets both times. Who set only this one did not mean the session to stay.
    marked = rows.filter(expires_at__gt=before, terminated_at__lte=before)
    if dry_run:
        return PurgeCount(ended.expired(before).count(), ended.terminated().count() + marked.count())
    count = PurgeCount()
    for batch in chain(_batches(marked, batch_size), _batches(ended, batch_size)):
        expired = [row for row in batch if not row.is_terminated]
        terminated = [row for row in batch if row.is_terminated]
        if deleted := _delete(expired, alias, batch_size):
            session_expired.send_robust(sender=Session, session_ids=[row.session_id for row in expired])
        count = PurgeCount(count.expired + deleted, count.terminated + _delete(terminated, alias, batch_size))
        if progress:
            progress(count)
    return count


def _batches(rows: models.QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """The first so many of these rows, again and again until there are none: what is done with a batch takes it out."""
    while batch := list(rows[:size]):
        yield batch


def _delete(batch: list[Session], alias: str, batch_size: int) -> int:
    """How many sessions of the batch this deleted: fewer when another purge was quicker."""
    if not (pks := [row.pk for row in batch]):
        return 0
    for rows_of in CHILDREN:
        for children in _batches(rows_of(pks).using(alias).only("pk"), batch_size):
            type(children[0])._base_manager.using(alias).filter(pk__in=[child.pk for child in children]).delete()
    return Session.objects.using(alias).filter(pk__in=pks).delete()[1].get(Session._meta.label, 0)
