"""The board answers from memory, and keeps the last known switches while the database is away."""

import logging

import pytest
from django.db import OperationalError

from django_mcp.contrib.operations import board as module
from django_mcp.contrib.operations.board import Board
from django_mcp.contrib.operations.models import Edition
from django_mcp.contrib.operations.switches import find_target, start, stop
from django_mcp.primitives.context import Principal

pytestmark = pytest.mark.django_db

TARGET = find_target("tool", "add", "plain")
ADA = Principal("user:1:client:c1", None, "c1", token_id="t1")


@pytest.fixture
def serving(monkeypatch):
    """A board as in a process that serves, where a thread keeps it fresh."""
    monkeypatch.setattr(module, "is_under_test", lambda: False)
    return Board()


def test_it_reads_once_at_the_first_question_and_then_asks_nothing(serving, django_assert_num_queries):
    stop(TARGET, reason="Closed")
    with django_assert_num_queries(2):
        assert serving.refuse_caller("plain", ADA) is None
    with django_assert_num_queries(0):
        assert serving.refuse_caller("plain", ADA) is None
        assert serving.refuse("plain", "tool", "add") == "The tool add is stopped by an operator: Closed."
        assert serving.refuse("other", "tool", "add") is None
        assert serving.refuse("plain", "prompt", "add") is None


def test_looking_again_costs_one_query_until_a_switch_is_thrown(serving, django_assert_num_queries):
    serving.refuse_caller("plain", ADA)
    with django_assert_num_queries(1):
        serving.refresh()
    stop(TARGET, reason="Closed")
    changes = []
    serving.when_changed.append(lambda before, after: changes.append((len(before.by_target), len(after.by_target))))
    with django_assert_num_queries(2):
        serving.refresh()
    start(TARGET)
    serving.refresh()

    assert changes == [(0, 1), (1, 0)]
    assert serving.refuse("plain", "tool", "add") is None


def test_the_last_known_switches_hold_while_the_database_is_away(serving, monkeypatch, caplog):
    stop(TARGET, reason="Closed")
    serving.refuse_caller("plain", ADA)

    def fails(*_):
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(Edition.objects, "using", fails)
        with caplog.at_level(logging.WARNING, "django_mcp"):
            for _ in range(3):
                serving.refresh()
    assert [record.getMessage() for record in caplog.records] == [
        "The switches cannot be read; edition 1 holds: OperationalError('away')"
    ]
    assert serving.refuse("plain", "tool", "add") is not None

    start(TARGET)
    serving.refresh()
    assert serving.refuse("plain", "tool", "add") is None


@pytest.mark.parametrize(
    ("kind", "name"), [("client", "c1"), ("principal", "user:1:client:c1"), ("token", "t1"), ("user", "user:1")]
)
def test_a_caller_is_known_by_user_client_key_and_token(serving, kind, name):
    target = find_target("principal", name)
    stop(type(target)(kind, "", name, name), reason="Gone")

    refusal = serving.refuse_caller("plain", ADA)
    assert (refusal.status, refusal.message) == (403, "Your access is stopped by an operator: Gone.")
    assert serving.refuse_caller("plain", Principal("", None)) is None
    assert serving.refuse_caller("plain", Principal("user:12", None)) is None
