"""The moment at which the server stops waiting for a client's answer. Answers are in test_request_stream."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from django_mcp.endpoint import questions
from django_mcp.endpoint.questions import ClientQuestion
from django_mcp.exceptions import Cancelled
from django_mcp.primitives.asking import Question
from django_mcp.storage.client_requests import TakenAnswer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SESSION = SimpleNamespace(pk=1, principal="user:1", user_id=1)


class Watched:
    """A question whose steps a test takes: it says what each look finds, and how much later the next one comes."""

    def __init__(self, monkeypatch, *, is_left):
        self.now = 1000.0
        monkeypatch.setattr(questions, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.stream = SimpleNamespace(session=SESSION, is_left=is_left, cancelled=False, send=lambda message: None)
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
            wait = self.steps.send(TakenAnswer(**{"seen_at": NOW, **found}))
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
