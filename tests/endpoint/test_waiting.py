"""How many calls wait for their clients, and when a client is given up."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from django_mcp.endpoint import questions
from django_mcp.endpoint.questions import ClientQuestion
from django_mcp.endpoint.waiting import WaitingCalls
from django_mcp.primitives.asking import ClientCannot, Question
from django_mcp.primitives.context import Cancelled
from django_mcp.storage.client_requests import Taken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session(pk=1, principal="", user_id=None):
    return SimpleNamespace(pk=pk, principal=principal, user_id=user_id)


def enter_until_refused(waiting, *sessions):
    """How many could wait, and the refusal of the next."""
    for count in range(1000):
        try:
            waiting.enter(sessions[count % len(sessions)])
        except ClientCannot as refusal:
            return count, str(refusal)
    raise AssertionError("Nobody was refused.")


def test_a_users_calls_count_together_whichever_client_they_came_with(settings):
    settings.MCP_MAX_WAITING_CALLS_PER_PRINCIPAL = 3
    waiting = WaitingCalls()

    count, refusal = enter_until_refused(waiting, session(1, "user:7", 7), session(2, "user:7:client:app", 7))

    assert count == 3
    assert refusal == (
        "The client cannot be asked now: 3 calls of the same caller wait for answers "
        "(MCP_MAX_WAITING_CALLS_PER_PRINCIPAL). Try again when some are answered."
    )
    waiting.enter(session(3, "user:8", 8))
    waiting.leave(session(1, "user:7", 7))
    waiting.enter(session(2, "user:7:client:app", 7))
    assert len(waiting) == 4


def test_anonymous_callers_have_half_of_the_places_and_one_session_of_theirs_has_not_all(settings):
    settings.MCP_MAX_WAITING_CALLS, settings.MCP_MAX_WAITING_CALLS_PER_PRINCIPAL = 12, 4
    waiting = WaitingCalls()

    assert enter_until_refused(waiting, session(1))[0] == 4
    count, refusal = enter_until_refused(waiting, session(2), session(3))
    assert (count, "6 anonymous calls" in refusal) == (2, True)
    count, refusal = enter_until_refused(waiting, *(session(9, f"user:{pk}", pk) for pk in range(6)))
    assert (count, "12 calls wait" in refusal) == (6, True)

    for pk in (1, 1, 1, 1, 2, 3):
        waiting.leave(session(pk))
    assert len(waiting) == 6
    waiting.enter(session(2))


class Watched:
    """A question whose steps a test takes: it says what each look finds, and how much later the next one comes."""

    def __init__(self, monkeypatch, *, is_left):
        self.now = 1000.0
        monkeypatch.setattr(questions, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.stream = SimpleNamespace(
            session=session(1, "user:1", 1), is_left=is_left, cancelled=False, send=lambda message: None
        )
        self.question = ClientQuestion(Question("roots/list", {}, {}, None, 10_000), self.stream)
        self.steps = self.question.steps()
        next(self.steps)
        next(self.steps)

    def looks(self, *, seconds, until=3600, **found):
        """After how many seconds the call is given up; `None` when it still waits."""
        begun = self.now
        while self.now - begun < until:
            if self.look(**found):
                return self.now - begun
            self.now += seconds
        return None

    def look(self, **found):
        try:
            wait = self.steps.send(Taken(**{"seen_at": NOW, **found}))
        except Cancelled:
            return True
        assert isinstance(wait, float | int)
        next(self.steps)
        return False


@pytest.fixture
def watch(monkeypatch):
    watched = []

    def watch(**arguments):
        watched.append(Watched(monkeypatch, **arguments))
        return watched[-1]

    yield watch
    for one in watched:
        one.question._is_asked = False
        one.question.forget()


def test_a_call_whose_client_has_no_connection_is_given_up_in_time(watch, settings):
    settings.MCP_CLIENT_GONE_SECONDS = 60

    # The first look may have come just before the client went.
    assert watch(is_left=True).looks(seconds=15) in (60, 75)


def test_a_client_that_has_a_connection_or_is_heard_of_is_not_given_up(watch, settings):
    settings.MCP_CLIENT_GONE_SECONDS = 60

    assert watch(is_left=False).looks(seconds=15) is None
    assert watch(is_left=True).looks(seconds=15, has_stream=True) is None

    heard = watch(is_left=True)
    for minute in range(10):
        assert heard.looks(seconds=15, until=60, seen_at=NOW + timedelta(minutes=minute)) is None

    # A client that comes back has the whole of the time once more.
    returned = watch(is_left=True)
    assert returned.looks(seconds=15, until=50) is None
    assert not returned.look(has_stream=True)
    assert returned.looks(seconds=15, until=50) is None
    assert returned.looks(seconds=15) is not None
