"""The overview: the same numbers whether the calls are counted already or not, in a bounded number of queries."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from django_mcp.contrib.operations import overview as module
from django_mcp.contrib.operations.models import Process
from django_mcp.contrib.operations.overview import PERIODS, Counted, events_waiting, look, look_at_now
from django_mcp.contrib.operations.rollups import SETTLED, catch_up
from django_mcp.models import Session, Upkeep
from django_mcp.storage import standalone
from tests.asgi.connections import open_session
from tests.contrib.operations.calls import count_from_here, record

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 29, 3, 30, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def numbers(period):
    seen = look(period)
    return (
        (seen.total.calls, seen.total.errors),
        [(row.kind, row.key, row.server, row.calls, row.errors) for row in seen.primitives],
        [(row.key, row.calls) for row in seen.users],
        [(row.key, row.calls) for row in seen.clients],
        [(row.key, row.calls) for row in seen.versions],
        [step.counts.calls for step in seen.steps if step.counts.calls],
    )


EXPECTED = (
    (6, 2),
    [("tool", "distance", "airports", 5, 2), ("prompt", "packing", "airports", 1, 0)],
    [("ada", 5), ("bob", 1)],
    [("inspector", 6)],
    [("2025-11-25", 6)],
)


@pytest.mark.parametrize("period", PERIODS)
def test_the_numbers_are_the_same_before_and_after_the_calls_are_counted(clock, period):
    record(3, seconds=0.3)
    record(2, outcome="failed", started_at=NOW - timedelta(minutes=5), seconds=0.3)
    record(method="prompts/get", name="packing", user_name="bob", seconds=0.3)
    record(9, started_at=NOW - timedelta(days=8))
    before = numbers(period)
    catch_up()
    clock.shift(SETTLED)
    assert look(period).behind == 0
    after = numbers(period)

    assert before[:5] == after[:5] == EXPECTED
    assert sum(before[5]) == sum(after[5]) == 6
    assert all(0.2 < value <= 0.5 for value in look(period).primitives[0].latency)


@pytest.mark.parametrize("period", PERIODS)
def test_what_has_as_many_calls_is_sorted_by_its_name_its_kind_and_its_server(clock, period):
    for server in ("rail", "air"):
        record(server=server)
        record(server=server, method="prompts/get")
        record(server=server, name="board")

    assert [(row.key, row.kind, row.server) for row in look(period).primitives] == [
        ("board", "tool", "air"),
        ("board", "tool", "rail"),
        ("distance", "prompt", "air"),
        ("distance", "prompt", "rail"),
        ("distance", "tool", "air"),
        ("distance", "tool", "rail"),
    ]


def test_the_numbers_end_at_the_last_counted_call_when_too_many_wait(clock, monkeypatch):
    monkeypatch.setattr(module, "TAIL", 3)
    monkeypatch.setattr(module, "PORTION", 2)
    count_from_here()
    record(10)
    assert (look("hour").behind, look("hour").total.calls) == (10, 0)
    clock.shift(SETTLED)
    seen = look("hour")
    assert (seen.behind, seen.total.calls) == (8, 2)
    for _ in range(3):
        seen = look("hour")
    assert (seen.behind, seen.total.calls) == (0, 10)


@pytest.mark.parametrize("period", PERIODS)
def test_a_page_takes_as_many_queries_for_many_calls_as_for_one(clock, period, django_assert_max_num_queries):
    record()
    catch_up()
    clock.shift(SETTLED)
    for number in range(50):
        record(3, name=f"tool{number}", user_name=f"user{number}", started_at=NOW - timedelta(minutes=number))
    with django_assert_max_num_queries(28):
        look(period)


def test_the_numbers_of_this_moment(clock):
    first, other = open_session(), open_session()
    for _ in range(3):
        standalone.publish(first.pk, "{}")
    Session.objects.filter(pk=first.pk).update(stream_position="1.0")
    Session.objects.filter(pk=other.pk).update(expires_at=timezone.now())
    Process.objects.create(name="a", running=3, streams=2)
    Process.objects.create(name="dead", running=9, streams=9, seen_at=NOW - timedelta(minutes=5))
    Upkeep.objects.create(job="swept", ran_at=NOW - timedelta(hours=2))

    assert events_waiting() == 2
    assert look_at_now() == {
        "sessions": Counted(1, False),
        "streams": 2,
        "running": 3,
        "processes": 1,
        "long": 0,
        "waiting": 2,
        "stopped": 0,
        "reports": Counted(0, False),
        "purged_at": NOW - timedelta(hours=2),
    }


def test_a_count_stops_at_its_limit():
    for _ in range(3):
        open_session()
    assert [str(module.at_most(Session.objects.all(), limit)) for limit in (2, 3, 4)] == ["2+", "3", "3"]
