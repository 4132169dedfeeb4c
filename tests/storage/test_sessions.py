import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from django_mcp.exceptions import ClientTooLarge, TooManySessions
from django_mcp.models import Session
from django_mcp.signals import session_expired
from django_mcp.storage import events, purge, session_state, sessions, standalone
from tests.storage import rows
from tests.storage.rows import in_threads
from tests.tables import cases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = {"server": "airports", "principal": "user:1"}
AWKWARD = {"a\u0000b": "\ud800", "four bytes": "🛫"}


def after(**delta):
    return NOW + timedelta(**delta)


def open_session(**values):
    return rows.open_session(**{"client_capabilities": {"roots": {}}, "now": NOW} | values)


def row_of(session):
    return Session.objects.get(pk=session.pk)


# Open


@pytest.mark.django_db
def test_an_opened_session_is_a_row_with_all_that_the_client_said():
    user = get_user_model().objects.create_user("ada")

    session = open_session(user=user, client_info={"name": "inspector", "title": "Inspector", "version": "2"})

    row = row_of(session)
    assert row.session_id == session.session_id
    assert (row.server, row.principal, row.user) == ("airports", "user:1", user)
    assert row.protocol_version == "2025-11-25"
    assert row.client_info == {"name": "inspector", "title": "Inspector", "version": "2"}
    assert row.client_name == "inspector"
    assert row.client_capabilities == {"roots": {}}
    assert (row.log_level, row.state) == ("", {})
    assert (row.created_at, row.last_seen_at, row.expires_at) == (NOW, NOW, after(hours=1))
    assert row.terminated_at is None


@pytest.mark.django_db
def test_an_opened_session_is_what_its_next_request_resumes():
    user = get_user_model().objects.create_user("ada")
    opened = open_session(user=user)

    assert sessions.resume(opened.session_id, **OWNER, now=NOW) == opened
    assert opened.user_id == user.pk
    assert opened.client_info == {"name": "test", "version": "1"}
    assert opened.client_capabilities == {"roots": {}}
    assert opened.state == {}
    assert opened.log_level == ""
    assert not opened.needs_touch


@pytest.mark.django_db
@pytest.mark.parametrize("user", [None, AnonymousUser(), object()])
def test_a_user_that_is_no_row_is_left_out(user):
    assert row_of(open_session(user=user)).user is None


@pytest.mark.django_db
def test_what_a_client_says_of_itself_survives_every_character():
    session = open_session(client_info={"name": "\ud800🛫\u0000", **AWKWARD}, client_capabilities=AWKWARD)

    resumed = sessions.resume(session.session_id, **OWNER, now=NOW)
    assert resumed.client_info == {"name": "\ud800🛫\u0000", **AWKWARD}
    assert resumed.client_capabilities == AWKWARD
    assert row_of(session).client_name == "\ufffd🛫\ufffd"


@pytest.mark.django_db
def test_a_client_that_says_too_much_of_itself_is_refused():
    with pytest.raises(ClientTooLarge, match="65536"):
        open_session(client_info={"name": "x" * 40_000}, client_capabilities={"experimental": {"y": "y" * 40_000}})

    assert not Session.objects.exists()


@pytest.mark.django_db
def test_a_session_id_that_is_taken_is_not_given_twice(monkeypatch):
    taken = open_session().session_id
    ids = iter([taken, taken, "n" * 43])
    monkeypatch.setattr(sessions, "new_session_id", lambda: next(ids))

    assert open_session().session_id == "n" * 43


@pytest.mark.django_db
def test_another_integrity_error_is_not_tried_again(monkeypatch):
    def refuse(model, values, **computed):
        raise IntegrityError("the user is gone")

    monkeypatch.setattr(sessions, "insert", refuse)

    with pytest.raises(IntegrityError, match="the user is gone"):
        open_session()


@pytest.mark.django_db
def test_the_greatest_age_caps_even_the_first_expiry(settings):
    settings.MCP_SESSION_MAX_AGE_SECONDS = 60

    assert row_of(open_session()).expires_at == after(seconds=60)


@pytest.mark.django_db
def test_a_principal_has_a_limit_of_live_sessions(settings):
    settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 2
    first, _ = open_session(), open_session()

    with pytest.raises(TooManySessions) as refused:
        open_session()
    assert (refused.value.scope, refused.value.limit) == ("principal", 2)

    open_session(principal="user:2")
    sessions.terminate(first.session_id, **OWNER, now=NOW)
    open_session()


@pytest.mark.django_db
def test_the_sessions_of_a_user_count_together_whichever_client_opened_them(settings):
    """A user can make any number of tokens, and let in any number of clients."""
    settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 2
    ada, bob = User.objects.create_user("ada"), User.objects.create_user("bob")
    for client in ("", ":client:token-1"):
        open_session(user=ada, principal=f"user:{ada.pk}{client}")

    with pytest.raises(TooManySessions) as refused:
        open_session(user=ada, principal=f"user:{ada.pk}:client:token-2")
    assert (refused.value.scope, refused.value.limit) == ("principal", 2)
    open_session(user=bob, principal=f"user:{bob.pk}:client:token-2")


@pytest.mark.django_db
def test_everybody_together_has_a_limit_of_live_sessions(settings):
    settings.MCP_MAX_SESSIONS = 2
    open_session(principal="user:1")
    open_session(principal="user:2")

    with pytest.raises(TooManySessions) as refused:
        open_session(principal="user:3")
    assert (refused.value.scope, refused.value.limit) == ("server", 2)


@pytest.mark.django_db
def test_expired_sessions_take_no_place(settings):
    settings.MCP_MAX_SESSIONS = settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 1
    open_session()

    open_session(now=after(hours=1))


@pytest.mark.django_db
def test_a_refusal_leaves_the_open_sessions_unharmed(settings):
    settings.MCP_MAX_SESSIONS = 1
    session = open_session()

    with pytest.raises(TooManySessions):
        open_session()

    assert sessions.resume(session.session_id, **OWNER, now=NOW)


@pytest.mark.django_db
def test_anonymous_clients_have_a_share_and_the_rest_is_for_those_who_sign_in(settings):
    settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 1
    settings.MCP_MAX_SESSIONS = 4
    for _ in range(2):
        open_session(principal="")

    with pytest.raises(TooManySessions) as refused:
        open_session(principal="")
    assert (refused.value.scope, refused.value.limit) == ("anonymous", 2)

    open_session(principal="user:1")
    settings.MCP_MAX_ANONYMOUS_SESSIONS = 3
    open_session(principal="")
    with pytest.raises(TooManySessions) as refused:
        open_session(principal="user:2")
    assert refused.value.scope == "server"


@pytest.mark.django_db
def test_sessions_that_are_opened_and_ended_do_not_fill_the_table(settings, monkeypatch):
    """Openings look for them at random: here, one in so many does."""
    chances = itertools.cycle([0.0, *[0.99] * (sessions.ENDED_EVERY - 1)])
    monkeypatch.setattr(sessions.random, "random", lambda: next(chances))
    settings.MCP_MAX_ENDED_SESSIONS_PER_PRINCIPAL = 5
    bystander = open_session(principal="user:2")
    sessions.terminate(bystander.session_id, server="airports", principal="user:2", now=NOW)
    most, lives = 0, open_session()
    for second in range(200):
        opened = open_session(now=after(seconds=second))
        standalone.publish(opened.pk, "x")
        sessions.terminate(opened.session_id, **OWNER, now=after(seconds=second))
        most = max(most, Session.objects.count())

    assert most <= 5 + sessions.ENDED_EVERY + len([bystander, lives, opened])
    assert Session.objects.filter(pk__in=[bystander.pk, lives.pk, opened.pk]).count() == 3


@pytest.mark.django_db
def test_expired_sessions_that_are_deleted_early_are_announced_as_at_the_purge(settings, monkeypatch):
    monkeypatch.setattr(sessions.random, "random", lambda: 0)
    settings.MCP_MAX_ENDED_SESSIONS_PER_PRINCIPAL = 1
    gone, stays = open_session(), open_session(now=after(seconds=1))
    told = []

    def hear(session_ids, **kwargs):
        told.extend(session_ids)

    session_expired.connect(hear)
    try:
        new = open_session(now=after(days=1))
    finally:
        session_expired.disconnect(hear)

    assert told == [gone.session_id]
    assert set(Session.objects.values_list("pk", flat=True)) == {stays.pk, new.pk}


@pytest.mark.django_db
def test_a_session_is_opened_even_if_the_ended_ones_cannot_be_deleted(monkeypatch, settings, caplog):
    monkeypatch.setattr(sessions.random, "random", lambda: 0)
    settings.MCP_MAX_ENDED_SESSIONS_PER_PRINCIPAL = 0
    sessions.terminate(open_session().session_id, **OWNER, now=NOW)

    def fail(rows):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(sessions, "delete_ended", fail)

    opened = open_session(now=after(seconds=1))

    assert sessions.resume(opened.session_id, **OWNER, now=after(seconds=1))
    assert caplog.messages == [
        "Ended sessions were not deleted (OperationalError('deadlock detected')); it is tried again later"
    ]


@pytest.mark.django_db
def test_without_limits_nothing_is_counted(settings, django_assert_num_queries):
    settings.MCP_MAX_SESSIONS = settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = None
    settings.MCP_MAX_ENDED_SESSIONS_PER_PRINCIPAL = None

    with django_assert_num_queries(3):  # SAVEPOINT, INSERT, RELEASE SAVEPOINT
        open_session()


@pytest.mark.django_db
def test_counting_stops_at_the_limit(settings, monkeypatch):
    monkeypatch.setattr(sessions, "_session_counter", sessions.SessionCounter())
    settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 7

    with CaptureQueriesContext(connection) as queries:
        open_session()

    counts = [query["sql"] for query in queries if "COUNT" in query["sql"]]
    assert [("LIMIT 7" in sql, "LIMIT 10000" in sql) for sql in counts] == [(True, False), (False, True)]


# Resume


@pytest.mark.django_db
def test_resuming_is_one_query(django_assert_num_queries):
    session = open_session()

    with django_assert_num_queries(1):
        resumed = sessions.resume(session.session_id, **OWNER, now=NOW)
        _ = resumed.client_info, resumed.client_capabilities, resumed.state, resumed.user_id


@pytest.mark.django_db
@cases(
    "malformed",
    ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "\n", "a" * 43 + "\n", "é" * 43, "\ud800" * 43, "\u0000" * 43],
)
def test_what_cannot_be_a_session_id_is_not_looked_up(malformed, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert sessions.resume(malformed, **OWNER, now=NOW) is None
        assert not sessions.terminate(malformed, **OWNER, now=NOW)


@pytest.mark.django_db
def test_sessions_that_cannot_be_had_are_all_alike(django_assert_num_queries):
    live, terminated, purged = (open_session().session_id for _ in range(3))
    Session.objects.filter(session_id=terminated).update(terminated_at=NOW)
    Session.objects.filter(session_id=purged).delete()

    cases = {
        "unknown": ("u" * 43, OWNER, NOW),
        "expired": (live, OWNER, after(hours=1)),
        "terminated": (terminated, OWNER, NOW),
        "purged": (purged, OWNER, NOW),
        "other server": (live, OWNER | {"server": "bench"}, NOW),
        "other principal": (live, OWNER | {"principal": "user:2"}, NOW),
        "anonymous": (live, OWNER | {"principal": ""}, NOW),
        "principal in another case": (live, OWNER | {"principal": "USER:1"}, NOW),
        "principal with a space": (live, OWNER | {"principal": "user:1 "}, NOW),
        "id in another case": (live.swapcase(), OWNER, NOW),
    }
    for name, (session_id, owner, now) in cases.items():
        with django_assert_num_queries(1):
            assert sessions.resume(session_id, **owner, now=now) is None, name
        with django_assert_num_queries(1):
            assert sessions.terminate(session_id, **owner, now=now) is False, name
    assert sessions.resume(live, **OWNER, now=after(minutes=59, seconds=59))


@pytest.mark.django_db
def test_a_session_needs_a_touch_when_it_was_last_seen_long_enough_ago(settings):
    settings.MCP_SESSION_TOUCH_SECONDS = 30
    session_id = open_session().session_id

    assert not sessions.resume(session_id, **OWNER, now=after(seconds=30)).needs_touch
    assert sessions.resume(session_id, **OWNER, now=after(seconds=30, microseconds=1)).needs_touch


@pytest.mark.django_db
def test_a_short_ttl_is_touched_before_it_runs_out(settings):
    settings.MCP_SESSION_TTL_SECONDS = 10
    session_id = open_session().session_id

    assert sessions.resume(session_id, **OWNER, now=after(seconds=6)).needs_touch


@pytest.mark.django_db
def test_a_session_is_resumed_by_the_clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    session = open_session(now=None)
    assert sessions.resume(session.session_id, **OWNER)

    time_machine.move_to(after(hours=1), tick=False)
    assert sessions.resume(session.session_id, **OWNER) is None


@pytest.mark.django_db
def test_times_without_a_zone_work_as_well(settings):
    settings.USE_TZ = False
    now = datetime(2026, 3, 1, 12)
    session = open_session(now=now)

    assert sessions.resume(session.session_id, **OWNER, now=now + timedelta(seconds=61)).needs_touch
    assert sessions.resume(session.session_id, **OWNER, now=now + timedelta(hours=1)) is None


@pytest.mark.django_db
def test_a_session_does_not_print_what_is_secret_or_private():
    session = open_session()

    assert session.session_id not in repr(session)
    assert "roots" not in repr(session)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
def test_threads_resume_the_same_session():
    session_id = open_session().session_id
    resumed = in_threads(*[lambda: sessions.resume(session_id, **OWNER, now=NOW).session_id] * 8)

    assert resumed == [session_id] * 8


class FarDatabase:
    """A router that keeps sessions in a database of their own."""

    def db_for_write(self, model, **hints):
        return "far" if model is Session else None


def test_sessions_are_read_and_written_where_the_router_writes_them(settings):
    settings.DATABASE_ROUTERS = [FarDatabase()]

    for use in (
        lambda: open_session(),
        lambda: sessions.resume("a" * 43, **OWNER),
        lambda: sessions.terminate("a" * 43, **OWNER),
        lambda: sessions.set_log_level("a" * 43, "info"),
        lambda: purge.purge(),
    ):
        with pytest.raises(connections.exception_class, match="far"):
            use()


# Touch


@pytest.mark.django_db
def test_a_touch_slides_the_expiry_with_one_update(django_assert_num_queries):
    session = sessions.resume(open_session().session_id, **OWNER, now=after(minutes=30))
    assert session.needs_touch

    with django_assert_num_queries(1):
        sessions.touch(session, now=after(minutes=30))

    assert not session.needs_touch
    row = row_of(session)
    assert (row.last_seen_at, row.expires_at, row.created_at) == (after(minutes=30), after(minutes=90), NOW)
    assert not sessions.resume(session.session_id, **OWNER, now=after(minutes=30, seconds=60)).needs_touch


@pytest.mark.django_db
def test_a_running_request_keeps_its_session_and_a_terminated_one_stays_terminated(time_machine, settings):
    settings.MCP_SESSION_TTL_SECONDS = 10
    time_machine.move_to(NOW, tick=False)
    session = open_session(now=None)
    events.open_stream(session.pk, "k", 1)

    for seconds in (8, 16, 24):
        time_machine.move_to(after(seconds=seconds), tick=False)
        assert not sessions.renew_request(session.pk, "k")
    assert row_of(session).expires_at == after(seconds=34)

    sessions.terminate(session.session_id, **OWNER)
    sessions.renew_request(session.pk, "k")
    assert row_of(session).expires_at == after(seconds=24)


@pytest.mark.parametrize(("ttl", "seconds"), [(3600, 20), (80, 20), (10, 2.5), (1, 0.25)])
def test_an_open_stream_marks_its_session_twice_before_it_would_expire(settings, ttl, seconds):
    settings.MCP_SESSION_TTL_SECONDS = ttl

    assert sessions.touch_seconds(20) == seconds


@pytest.mark.django_db
@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_no_touch_slides_the_expiry_past_the_greatest_age(settings, microsecond):
    settings.MCP_SESSION_TTL_SECONDS = 60
    settings.MCP_SESSION_MAX_AGE_SECONDS = 100
    start = NOW.replace(microsecond=microsecond)
    session = open_session(now=start)

    for seconds, expires in [(39, 99), (40, 100), (41, 100), (99, 100)]:
        sessions.touch(session, now=start + timedelta(seconds=seconds))
        assert row_of(session).expires_at == start + timedelta(seconds=expires)
        assert sessions.resume(session.session_id, **OWNER, now=start + timedelta(seconds=expires - 0.001))
        assert not sessions.resume(session.session_id, **OWNER, now=start + timedelta(seconds=expires))
    assert [*Session.objects.expired(start + timedelta(seconds=100))]


@pytest.mark.django_db
def test_a_touch_brings_no_session_back():
    expired, terminated, purged = (open_session() for _ in range(3))
    Session.objects.filter(pk=terminated.pk).update(terminated_at=NOW)
    Session.objects.filter(pk=purged.pk).delete()

    sessions.touch(expired, now=after(hours=1))
    sessions.touch(terminated, now=after(minutes=1))
    sessions.touch(purged, now=after(minutes=1))

    assert row_of(expired).expires_at == after(hours=1)
    assert row_of(terminated).last_seen_at == NOW
    assert not Session.objects.filter(pk=purged.pk).exists()


# State


def resume(session):
    return sessions.resume(session.session_id, **OWNER, now=NOW)


@pytest.mark.django_db
def test_two_calls_at_once_keep_each_others_keys():
    session = open_session()
    session.state |= {"kept": 0, "removed": 0, "changed": 0}
    session_state.save_state(session)
    one, other = resume(session), resume(session)

    one.state["one"] = [1]
    del one.state["removed"]
    other.state["other"] = [2]
    other.state["changed"] = 1
    session_state.save_state(one)
    session_state.save_state(other)

    assert resume(session).state == {"kept": 0, "changed": 1, "one": [1], "other": [2]}
    assert other.state == {"kept": 0, "changed": 1, "one": [1], "other": [2]}


@pytest.mark.django_db
def test_the_log_level_is_remembered(time_machine):
    time_machine.move_to(NOW, tick=False)
    session = open_session()
    sessions.set_log_level(session.session_id, "warning")

    assert resume(session).log_level == "warning"


# Terminate


@pytest.fixture(params=[True, False], ids=["in one statement", "in two statements"])
def one_statement(request, monkeypatch):
    """Not every database returns the rows of an UPDATE."""
    if not request.param:
        monkeypatch.setattr(sessions, "RETURNING_UPDATE", frozenset())
    return request.param and connection.vendor != "mysql"


@pytest.mark.django_db
def test_a_session_is_terminated_with_few_queries(one_statement, django_assert_num_queries):
    session_id = open_session().session_id

    with django_assert_num_queries(1 if one_statement else 2):
        assert sessions.terminate(session_id, **OWNER, now=NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_statement")
def test_a_session_from_before_the_password_changed_is_ended_and_was_not_its_callers():
    user = get_user_model().objects.create_user("ada", password="old")
    session = open_session(user=user)
    user.set_password("new")

    assert sessions.terminate(session.session_id, **OWNER, user=user, now=NOW) is False
    assert row_of(session).terminated_at == NOW


@pytest.mark.django_db
@pytest.mark.usefixtures("one_statement")
def test_a_terminated_session_is_gone_and_cannot_be_terminated_again():
    session_id = open_session().session_id

    assert sessions.terminate(session_id, **OWNER, now=after(minutes=1)) is True
    assert sessions.resume(session_id, **OWNER, now=after(minutes=1)) is None
    assert sessions.terminate(session_id, **OWNER, now=after(minutes=2)) is False
    row = Session.objects.get()
    assert (row.terminated_at, row.expires_at, row.status) == (after(minutes=1), after(minutes=1), "terminated")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
def test_of_many_that_terminate_a_session_one_has_done_it():
    session_id = open_session().session_id

    results = in_threads(*[lambda: sessions.terminate(session_id, **OWNER, now=NOW)] * 6)

    assert sorted(results) == [False] * 5 + [True]


@pytest.mark.django_db
def test_of_many_sessions_the_live_ones_are_terminated():
    live, other, expired, terminated = (open_session() for _ in range(4))
    Session.objects.filter(pk=expired.pk).update(expires_at=NOW)
    Session.objects.filter(pk=terminated.pk).update(terminated_at=NOW)

    ended = sessions.terminate_all(Session.objects.exclude(pk=other.pk).select_related("user"), now=after(minutes=1))

    assert [row.pk for row in ended] == [live.pk]
    assert row_of(live).terminated_at == after(minutes=1)
    assert row_of(terminated).terminated_at == NOW
    assert row_of(other).terminated_at is None


# Purge


@pytest.mark.django_db
def test_many_sessions_are_not_counted_at_each_opening(settings, monkeypatch):
    """Otherwise opening a session would cost more with each session that is open."""
    monkeypatch.setattr(sessions, "_session_counter", sessions.SessionCounter())
    settings.MCP_MAX_SESSIONS, settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 10_000, None
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            open_session()

    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]
    assert len(counts) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("limit", "counts"), [(100, 3), (101, 1)])
def test_few_sessions_are_counted_at_each_opening(settings, monkeypatch, limit, counts):
    monkeypatch.setattr(sessions, "_session_counter", sessions.SessionCounter())
    monkeypatch.setattr(sessions, "EXACTLY", 100)
    settings.MCP_MAX_SESSIONS, settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = limit, None
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            open_session()

    assert len([query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]) == counts


@pytest.mark.django_db
def test_near_the_limit_they_are_counted_again_and_again(settings, monkeypatch):
    monkeypatch.setattr(sessions, "_session_counter", sessions.SessionCounter())
    monkeypatch.setattr(sessions, "EXACTLY", 0)
    settings.MCP_MAX_SESSIONS = 20
    for _ in range(20):
        open_session()

    with pytest.raises(TooManySessions):
        open_session()


@pytest.mark.django_db
def test_a_server_that_was_full_has_room_again_a_second_later(settings, monkeypatch):
    crowd = sessions.SessionCounter()
    monkeypatch.setattr(sessions, "_session_counter", crowd)
    monkeypatch.setattr(sessions, "EXACTLY", 0)
    settings.MCP_MAX_SESSIONS = 1
    one = open_session()
    with pytest.raises(TooManySessions):
        open_session()
    sessions.terminate(one.session_id, **OWNER, now=NOW)

    crowd._counted = (*crowd._counted[:2], crowd._counted[2] - 1.1)

    open_session()
