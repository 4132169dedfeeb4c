"""The developer's own state in a session: kept key by key, by many at once."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from django_mcp.models import Session
from django_mcp.storage import session_state, sessions
from tests.storage import rows
from tests.storage.rows import in_threads

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


OWNER = {"server": "airports", "principal": "user:1"}


AWKWARD = {"a\u0000b": "\ud800", "four bytes": "🛫"}


def open_session(**values):
    return rows.open_session(**{"client_capabilities": {"roots": {}}, "now": NOW} | values)


def resume(session):
    return sessions.resume(session.session_id, **OWNER, now=NOW)


@pytest.mark.django_db
def test_state_is_there_for_the_next_request():
    session = open_session()
    session.state["cart"] = {"legs": ["OSL", "BGO"], **AWKWARD}
    session_state.save_state(session)

    assert resume(session).state == {"cart": {"legs": ["OSL", "BGO"], **AWKWARD}}


@pytest.mark.django_db
def test_state_that_nobody_changed_costs_no_query(django_assert_num_queries):
    session = open_session()
    session.state["n"] = 1
    session_state.save_state(session)
    read, unread = resume(session), resume(session)
    assert read.state == {"n": 1}

    with django_assert_num_queries(0):
        session_state.save_state(read)
        session_state.save_state(unread)
        session_state.save_state(session)


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "now"), [(1, True), (1, 1.0), ({"a": 1}, {"a": True}), ([1], [1, 2])])
def test_values_that_python_calls_equal_are_still_changes_to_json(before, now):
    session = open_session()
    session.state["value"] = before
    session_state.save_state(session)

    session.state["value"] = now
    session_state.save_state(session)

    stored = resume(session).state["value"]
    assert repr(stored) == repr(now)


@pytest.mark.django_db
def test_state_can_be_replaced_and_emptied():
    session = open_session()
    session.state = {"a": 1, "b": 2}
    session_state.save_state(session)
    assert resume(session).state == {"a": 1, "b": 2}

    session.state = {"b": 3}
    session_state.save_state(session)
    assert resume(session).state == {"b": 3}

    session.state.clear()
    session_state.save_state(session)
    assert resume(session).state == {}


@pytest.mark.django_db
def test_state_saved_twice_in_one_call_is_the_same_dict_throughout():
    session = open_session()
    state = session.state
    state["a"] = 1
    session_state.save_state(session)
    state["b"] = 2
    session_state.save_state(session)

    assert resume(session).state == {"a": 1, "b": 2}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "complaint"), [({"when": NOW}, r"state\['when'\]"), ({1: "one"}, "keys are strings: 1 is not")]
)
def test_state_that_is_not_json_is_refused_by_name(state, complaint):
    session = open_session()
    session.state = state

    with pytest.raises(TypeError, match=complaint):
        session_state.save_state(session)


@pytest.mark.django_db
def test_state_of_a_session_that_was_purged_meanwhile_is_dropped():
    session = open_session()
    session.state["a"] = 1
    Session.objects.all().delete()

    session_state.save_state(session)

    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
def test_no_change_of_state_is_lost_among_threads():
    session = open_session()

    def change(key):
        mine = resume(session)
        for number in range(10):
            mine.state[f"{key}-{number}"] = number
            session_state.save_state(mine)

    in_threads(*[lambda key=key: change(key) for key in range(6)])

    assert resume(session).state == {f"{key}-{number}": number for key in range(6) for number in range(10)}
