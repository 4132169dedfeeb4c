"""A poll of the database rings once for each piece of news, however late its row appears."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync

from django_mcp.bus import bell, poller
from django_mcp.bus.poller import Poller
from django_mcp.execution.threads import hop
from django_mcp.models import Event, Session
from django_mcp.storage import changes, client_requests, events, sessions, standalone

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = {"server": "airports", "principal": "user:1"}
TOOLS_CHANGED = "notifications/tools/list_changed"
SERVER = bell.server_group("airports")


@pytest.fixture(autouse=True)
def clock(time_machine, monkeypatch):
    """A clock that stands still. The poller measures time by it too."""
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setattr(poller.time, "monotonic", lambda: datetime.now(UTC).timestamp())
    return time_machine


@pytest.fixture
def session():
    return open_session()


def open_session():
    return sessions.open(
        **OWNER,
        user=None,
        protocol_version="2025-11-25",
        client_info={"name": "test", "version": "1"},
        client_capabilities={},
    )


@pytest.fixture
def look():
    """Looks for a session's streams and calls, and its server; the first look is behind it."""
    mine = Poller()
    mine._poll([])
    return lambda *groups: sorted(set(mine._poll(groups)))


def groups_of(session):
    return sorted([bell.session_group(session.pk), bell.calls_group(session.pk)])


def test_the_first_look_rings_for_everybody(session):
    """News from before the first poll may have come before or after its listeners read."""
    assert Poller()._poll(["a", "b"]) == ["a", "b"]


async def test_it_looks_from_an_event_loop(monkeypatch):
    monkeypatch.setattr(Poller, "_poll", lambda self, groups: [*groups, "more"])

    assert await Poller().poll(["a"]) == ["a", "more"]


def test_nothing_new_rings_for_nobody(session, look):
    assert look(*groups_of(session), SERVER) == []


def test_an_event_rings_for_its_session_once(session, look):
    standalone.publish(session.pk, "{}")

    assert look() == [bell.session_group(session.pk)]
    assert look() == []


def test_a_change_rings_for_its_server_once(look):
    changes.record_change("airports", TOOLS_CHANGED)

    assert look() == [SERVER]
    assert look() == []


def test_a_terminated_session_rings_for_its_streams_and_calls_once(session, look):
    sessions.terminate(session.session_id, **OWNER)

    assert look() == groups_of(session)
    assert look() == []


def test_a_session_that_expires_does_too(session, look, clock):
    Session.objects.update(expires_at=NOW + timedelta(seconds=1))
    assert look() == []

    clock.shift(1)

    assert look() == groups_of(session)


def test_a_session_that_ended_on_a_machine_whose_clock_is_behind_is_noticed(session, look):
    Session.objects.update(terminated_at=NOW, expires_at=NOW - timedelta(seconds=2))

    assert look() == groups_of(session)


def test_a_cancelled_call_is_rung_for_while_it_waits(session, look):
    events.open_stream(session.pk, "key", 1)
    events.cancel(session.pk, 1)

    assert look(bell.calls_group(session.pk)) == [bell.calls_group(session.pk)]
    assert look(bell.session_group(session.pk)) == []
    events.end_stream(session.pk, "key")
    assert look(bell.calls_group(session.pk)) == []


def test_an_answer_is_rung_for_until_it_is_taken(session, look):
    client_requests.ask(session.pk, "server-1", "elicitation/create")
    assert look(bell.calls_group(session.pk)) == []

    client_requests.answer(session.pk, "server-1", {"result": {}})

    assert look(bell.calls_group(session.pk)) == [bell.calls_group(session.pk)]
    client_requests.forget_request(session.pk, "server-1")
    assert look(bell.calls_group(session.pk)) == []


def test_calls_of_many_sessions_are_asked_for_in_portions(look, monkeypatch):
    monkeypatch.setattr(poller, "SESSIONS_LIMIT", 2)
    opened = [open_session() for _ in range(5)]
    for one in opened[1::2]:
        events.open_stream(one.pk, "key", 1)
        events.cancel(one.pk, 1)

    calls = [bell.calls_group(one.pk) for one in opened]
    assert look(*calls) == sorted(calls[1::2])


# Late rows


def store(session, pk):
    Event.objects.create(pk=pk, session_id=session.pk, stream="s", sequence=pk, message="{}")


def test_a_row_that_appears_behind_rows_of_higher_numbers_is_noticed(session, look, clock):
    """Numbers are given out when a row is written, and it appears when its transaction ends."""
    other = open_session()
    store(session, 1000)
    assert look() == [bell.session_group(session.pk)]

    store(other, 999)
    assert look() == [bell.session_group(other.pk)]

    for _ in range(3):
        clock.shift(poller.LATE_SECONDS - 0.1)
        assert look() == []
        store(other, 1001 + Event.objects.count())
        assert look() == [bell.session_group(other.pk)]


def test_rows_are_not_read_again_for_ever(session, look, clock):
    store(session, 1000)
    look()
    for _ in range(2):
        clock.shift(poller.LATE_SECONDS)
        look()

    store(open_session(), 999)

    assert look() == []


def test_a_row_that_was_late_at_the_first_look_is_noticed(session):
    store(open_session(), 1000)
    mine = Poller()
    mine._poll([])

    store(session, 999)

    assert mine._poll([]) == [bell.session_group(session.pk)]


def test_more_rows_than_are_read_at_once_ring_for_everybody(session, look, monkeypatch):
    monkeypatch.setattr(poller, "ROWS_LIMIT", 3)
    for _ in range(4):
        standalone.publish(session.pk, "{}")

    assert look("a", "b") == ["a", "b"]


def test_after_a_look_that_failed_everybody_is_rung_for(session, look, monkeypatch):
    """The poll that failed may have read news that it then did not ring for."""
    changes.record_change("airports", TOOLS_CHANGED)
    with monkeypatch.context() as patched:
        patched.setattr(poller, "_read_called", lambda pks: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            look(SERVER)

    assert look(SERVER, "other") == [SERVER, "other"]
    assert look(SERVER, "other") == []


# The cost of a poll


def test_a_look_costs_three_queries_however_many_streams_there_are(look, django_assert_num_queries):
    groups = [bell.session_group(open_session().pk) for _ in range(5)]

    with django_assert_num_queries(3):
        look(*groups, SERVER)


def test_a_look_for_calls_costs_two_more(session, look, django_assert_num_queries):
    with django_assert_num_queries(5):
        look(*groups_of(session), SERVER)


# Together


def test_a_row_that_nobody_rings_for_rings_a_bell(settings, clock):
    clock.move_to(NOW, tick=True)
    settings.MCP_POLL_SECONDS = 0.01
    settings.CHANNEL_LAYERS = {}

    async def listen():
        async with bell.Wakeup([SERVER]) as wakeup:
            assert await wakeup.wait(10)  # the first look
            await hop(changes.record_change, "airports", TOOLS_CHANGED)
            assert await wakeup.wait(10)

    async_to_sync(listen)()
