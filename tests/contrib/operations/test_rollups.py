"""Rollups count each call once, in the minute in which it started, whenever its row was written."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from django_mcp.contrib.operations import rollups
from django_mcp.contrib.operations.models import HOUR, MINUTE, Rollup, RollupMark
from django_mcp.contrib.operations.rollups import OTHERS, SETTLED, catch_up, delete_old
from tests.contrib.operations.calls import count_from_here, record

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 29, 3, 0, 30, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def run(clock, **arguments):
    """Two runs, so that what the first has seen is settled."""
    catch_up()
    clock.shift(SETTLED)
    return catch_up(**arguments)


def counts(seconds, kind="tool"):
    rows = Rollup.objects.filter(seconds=seconds, kind=kind).order_by("at", "key")
    return [(f"{row.at:%H:%M}", row.server, row.key, row.calls, row.errors) for row in rows]


def test_calls_are_counted_by_the_minute_and_by_the_hour(clock):
    record(2)
    record(outcome="tool_error", seconds=3)
    record(name="route", started_at=START + timedelta(minutes=1))
    record(outcome="cancelled", started_at=START + timedelta(minutes=70))

    assert run(clock) == 0
    assert counts(MINUTE) == [
        ("03:00", "airports", "distance", 3, 1),
        ("03:01", "airports", "route", 1, 0),
        ("04:10", "airports", "distance", 1, 0),
    ]
    assert counts(HOUR) == [
        ("03:00", "airports", "distance", 3, 1),
        ("03:00", "airports", "route", 1, 0),
        ("04:00", "airports", "distance", 1, 0),
    ]
    assert counts(HOUR, "user") == [("03:00", "", "ada", 4, 1), ("04:00", "", "ada", 1, 0)]
    assert counts(HOUR, "client") == [("03:00", "", "inspector", 4, 1), ("04:00", "", "inspector", 1, 0)]
    assert counts(HOUR, "version") == [("03:00", "", "2025-11-25", 4, 1), ("04:00", "", "2025-11-25", 1, 0)]
    assert sum(Rollup.objects.get(seconds=MINUTE, at=START.replace(second=0), kind="tool").buckets) == 3


def test_a_row_that_comes_late_is_counted_in_its_minute(clock):
    record()
    run(clock)
    clock.shift(300)
    record(outcome="failed", started_at=START)
    run(clock)

    assert counts(MINUTE) == [("03:00", "airports", "distance", 2, 1)]


def test_a_key_is_counted_when_it_has_settled(clock):
    count_from_here()
    record()
    assert catch_up() == 1
    clock.shift(SETTLED - timedelta(seconds=1))
    record()
    assert catch_up() == 2
    assert counts(MINUTE) == []
    clock.shift(1)
    assert catch_up() == 1
    assert counts(MINUTE) == [("03:00", "airports", "distance", 1, 0)]
    clock.shift(SETTLED)
    assert [catch_up(), catch_up()] == [0, 0]
    assert [row[3] for row in counts(MINUTE)] == [2]


def test_a_run_counts_a_portion_and_says_how_many_wait(clock):
    count_from_here()
    record(10)
    assert run(clock, portion=4) == 6
    assert catch_up(portion=4) == 2
    assert catch_up(portions=9, portion=1) == 0
    assert counts(HOUR) == [("03:00", "airports", "distance", 10, 0)]


def test_two_runs_at_once_count_nothing_twice(clock, monkeypatch):
    """The second finds the mark where the first has left it."""
    record(5)
    catch_up()
    clock.shift(SETTLED)
    real, runs = rollups._store, []

    def store(deltas, now):
        runs.append(deltas)
        real(deltas, now)

    monkeypatch.setattr(rollups, "_store", store)
    newest = 10_000_000
    assert [catch_up(), catch_up()] == [0, 0]
    assert len(runs) == 1
    assert RollupMark.objects.get().counted < newest


def test_the_busiest_are_kept_apart_and_the_others_counted_together(clock, monkeypatch):
    monkeypatch.setattr(rollups, "TOP", 2)
    for number, name in ((3, "ada"), (2, "bob"), (1, "cyd"), (1, "dan")):
        record(number, user_name=name)
    run(clock)

    assert counts(MINUTE, "user") == [
        ("03:00", "", "ada", 3, 0),
        ("03:00", "", "bob", 2, 0),
        ("03:00", "", OTHERS, 2, 0),
    ]


def test_the_inventions_of_clients_have_no_counts_of_their_own(clock):
    for number in range(5):
        record(name=f"invented{number}", outcome="unknown")
    record(method="resources/read", name="airport://LHR")
    record(user_name="", principal="client:c1")
    run(clock)

    assert counts(MINUTE) == [("03:00", "airports", "distance", 1, 0), ("03:00", "airports", OTHERS, 5, 5)]
    assert counts(MINUTE, "resource") == [("03:00", "airports", "airport://LHR", 1, 0)]
    assert ("03:00", "", "client:c1", 1, 0) in counts(MINUTE, "user")


def test_old_counts_are_deleted_and_never_made(clock):
    record(started_at=START - timedelta(days=3))
    record(started_at=START - timedelta(days=40))
    record()
    run(clock)
    assert (Rollup.objects.filter(seconds=MINUTE).count(), Rollup.objects.filter(seconds=HOUR).count()) == (4, 8)

    clock.shift(timedelta(days=2, minutes=2))
    assert delete_old() == 4
    assert delete_old(now=START + timedelta(days=36)) == 8


def test_without_the_audit_there_is_nothing_to_count(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_mcp.contrib.audit"]
    assert catch_up() == 0
    assert not RollupMark.objects.exists()
