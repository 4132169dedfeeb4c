"""Requests of the server's: asked, answered once, taken."""

from datetime import UTC, datetime, timedelta

import pytest

from django_mcp.exceptions import TooManyClientRequests
from django_mcp.models import ClientRequest, Session
from django_mcp.storage import client_requests, sessions, standalone
from django_mcp.storage.client_requests import TakenAnswer
from tests import wire
from tests.storage.rows import open_session
from tests.tables import cases

pytestmark = pytest.mark.django_db


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


OWNER = {"server": "airports", "principal": "user:1"}


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def end(session):
    Session.objects.filter(pk=session).update(terminated_at=NOW, expires_at=NOW)


def taken(session, request_id):
    """Whether the session lives, and the answer if it has come."""
    found = client_requests.take_answer(session, request_id)
    return found.is_alive, found.answer


def test_a_clients_answer_comes_to_whoever_waits_for_it(session):
    client_requests.ask(session, "server-1", "roots/list")
    assert taken(session, "server-1") == (True, None)

    message = wire.answer({"roots": [{"uri": "file:///a\u0000b", "name": "🛫"}]}, "server-1")
    assert client_requests.answer(session, "server-1", message)
    assert taken(session, "server-1") == (True, message)


def test_who_waits_learns_whether_the_client_is_there(session, clock):
    client_requests.ask(session, "server-1", "roots/list")
    assert client_requests.take_answer(session, "server-1") == TakenAnswer(seen_at=NOW)

    standalone.take(session, "holder", force=False)
    assert client_requests.take_answer(session, "server-1") == TakenAnswer(has_stream=True, seen_at=NOW)

    later = NOW + timedelta(minutes=5)
    clock.move_to(later, tick=False)
    sessions.note_presence(session)
    assert client_requests.take_answer(session, "server-1") == TakenAnswer(seen_at=later)


def test_a_request_is_answered_once(session):
    client_requests.ask(session, "server-1", "roots/list")
    first = wire.answer({"roots": []}, "server-1")
    assert client_requests.answer(session, "server-1", first)

    assert not client_requests.answer(session, "server-1", wire.error(-1, "no", "server-1"))
    assert taken(session, "server-1") == (True, first)


@cases(
    "request_id",
    [1, 1.0, None, True, "", "2", " 1", "a\u0000b", "é🛫", pytest.param("1" * 255, id="long")],
    undone=True,
)
def test_an_answer_to_what_was_not_asked_is_nobodys(session, request_id):
    client_requests.ask(session, "1", "roots/list")

    assert not client_requests.answer(session, request_id, wire.answer({}, request_id))
    assert taken(session, "1") == (True, None)


def test_an_id_that_only_begins_like_one_that_was_asked_is_another(session):
    asked = "x" * 64
    client_requests.ask(session, asked, "roots/list")

    assert not client_requests.answer(session, asked + "y", wire.answer({}))


def test_nobody_answers_for_another_session(session):
    client_requests.ask(session, "server-1", "roots/list")

    assert not client_requests.answer(open_session().pk, "server-1", wire.answer({}))
    assert taken(session, "server-1") == (True, None)


def test_who_waits_learns_that_the_session_has_ended(session):
    client_requests.ask(session, "server-1", "roots/list")
    end(session)

    assert taken(session, "server-1") == (False, None)


def test_an_answer_that_came_before_the_end_of_the_session_is_taken(session):
    client_requests.ask(session, "server-1", "roots/list")
    client_requests.answer(session, "server-1", wire.answer({}))
    end(session)

    assert taken(session, "server-1") == (True, wire.answer({}))


def test_a_request_that_was_forgotten_cannot_be_answered(session):
    client_requests.ask(session, "server-1", "roots/list")
    client_requests.forget_request(session, "server-1")

    assert not client_requests.answer(session, "server-1", wire.answer({}))
    assert not ClientRequest.objects.exists()


def test_a_client_has_a_limit_of_requests_to_answer(session, settings):
    settings.MCP_MAX_CLIENT_REQUESTS = 2
    for request_id in ("1", "2"):
        client_requests.ask(session, request_id, "roots/list")

    with pytest.raises(TooManyClientRequests):
        client_requests.ask(session, "3", "roots/list")

    client_requests.ask(open_session().pk, "3", "roots/list")
    client_requests.answer(session, "1", wire.answer({}))
    client_requests.ask(session, "4", "roots/list")
    assert set(ClientRequest.objects.filter(session=session).values_list("request_id", flat=True)) == {"1", "2", "4"}


def test_questions_of_a_process_that_died_count_for_as_long_as_a_client_may_take(session, settings, clock):
    settings.MCP_MAX_CLIENT_REQUESTS = 1
    settings.MCP_CLIENT_REQUEST_TIMEOUT_SECONDS = 60
    client_requests.ask(session, "dead", "roots/list")

    clock.move_to(NOW + timedelta(seconds=59), tick=False)
    with pytest.raises(TooManyClientRequests):
        client_requests.ask(session, "too soon", "roots/list")
    clock.move_to(NOW + timedelta(seconds=60), tick=False)
    client_requests.ask(session, "living", "roots/list")

    assert set(ClientRequest.objects.values_list("request_id", flat=True)) == {"dead", "living"}
