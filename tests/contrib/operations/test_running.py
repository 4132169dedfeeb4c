"""The calls that run now: rows for long ones alone, cancelled on demand, and gone with their process."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from django_mcp import observers
from django_mcp.contrib.operations.models import Process, RunningCall
from django_mcp.contrib.operations.running import DEAD, Running, alive, ask_to_cancel
from django_mcp.contrib.operations.switches import find_target, stop
from django_mcp.observers import observe, stop_observing
from django_mcp.primitives.context import Principal
from django_mcp.testing import MCPClient
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-29 03:00:00Z", tick=False) as clock:
        yield clock


def call(name="slow", **values):
    cancelled = []

    def cancel():
        cancelled.append(name)
        stream.cancelled = True

    stream = SimpleNamespace(cancelled=False, cancel=cancel)
    values = {
        "method": "tools/call",
        "name": name,
        "server": "plain",
        "principal": Principal("user:7:client:c1", "ada", "c1", token_id="t1"),
        "client_info": {"name": "inspector"},
        "session": SimpleNamespace(pk=5),
        "primitive": None,
        "stream": stream,
        "started_at": datetime.now(UTC),
        **values,
    }
    return SimpleNamespace(cancelled=cancelled, **values)


def test_a_short_call_costs_no_row(clock, django_assert_num_queries):
    running, short = Running(), call()
    running.sync()
    with django_assert_num_queries(0):
        running.started(short)
        running.sync()
        running.finished(short)
        running.sync()
    assert len(running) == 0


def test_a_long_call_has_a_row_until_it_ends(clock):
    running, slow = Running(), call()
    running.started(slow)
    clock.shift(1)
    running.started(call("quick"))
    running.sync()
    running.sync()

    row = RunningCall.objects.get()
    seen = (row.name, row.server, row.principal, row.user_name, row.client_name, row.session_pk, row.started_at)
    began = datetime(2026, 11, 29, 3, tzinfo=UTC)
    assert seen == ("slow", "plain", "user:7:client:c1", "ada", "inspector", 5, began)
    clock.shift(6)
    running.sync()
    assert (row.process.name, Process.objects.get().running) == (Process.objects.get().name, 2)
    running.finished(slow)
    running.sync()
    assert [row.name for row in RunningCall.objects.all()] == ["quick"]


def test_the_rows_of_a_process_are_bounded(clock, settings):
    settings.MCP_OPERATIONS_RUNNING_CALLS = 2
    running, calls = Running(), [call(str(number)) for number in range(4)]
    for one in calls:
        running.started(one)
    clock.shift(1)
    running.sync()
    assert [row.name for row in RunningCall.objects.order_by("pk")] == ["0", "1"]
    running.finished(calls[0])
    running.sync()
    running.sync()
    assert [row.name for row in RunningCall.objects.order_by("pk")] == ["1", "2"]


def test_a_call_is_cancelled_by_the_process_that_runs_it(clock):
    grace = User.objects.create_user("grace")
    here, there = Running(), Running()
    ours, theirs = call("ours"), call("theirs")
    here.started(ours)
    there.started(theirs)
    clock.shift(1)
    for process in (here, there):
        process.sync()

    assert ask_to_cancel(RunningCall.objects.filter(name="theirs"), grace) == 1
    assert ask_to_cancel(RunningCall.objects.filter(name="theirs"), grace) == 0
    for process in (here, there, here, there):
        process.sync()
    assert (ours.cancelled, theirs.cancelled) == ([], ["theirs"])
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == ("tools/call theirs", "Asked to cancel a call of ada.")


def test_a_dead_process_is_forgotten_and_one_that_was_only_slow_comes_back(clock):
    dead, other = Running(), Running()
    slow = call()
    dead.started(slow)
    clock.shift(1)
    dead.sync()
    other.sync()
    assert alive().count() == 2

    clock.shift(DEAD + timedelta(seconds=1))
    other.sync()
    assert (alive().count(), RunningCall.objects.count()) == (1, 1)
    clock.shift(DEAD * 3)
    other.sync()
    assert (Process.objects.count(), RunningCall.objects.count()) == (1, 0)

    dead.sync()
    assert (alive().count(), RunningCall.objects.get().name) == (2, "slow")


TARGETS = [
    ("tool", "slow", ""),
    ("tool", "slow", "plain"),
    ("server", "plain", ""),
    ("client", "c1", ""),
    ("token", "t1", "plain"),
    ("principal", "user:7:client:c1", ""),
]


@cases(("kind", "name", "server"), TARGETS)
@cases("cancels", [True, False], undone=True)
def test_a_switch_cancels_the_running_calls_of_its_target_where_it_says_so(kind, name, server, cancels, board):
    running, ours, other = Running(), call(), call("other", server="other", principal=Principal("", None))
    for one in (ours, other):
        running.started(one)
    board.when_changed.append(running.note_switches)
    try:
        stop(find_target(kind, name, server), reason="Closed", cancels=cancels)
        board.refresh()
    finally:
        board.when_changed.remove(running.note_switches)
    assert (ours.cancelled, other.cancelled) == (["slow"] if cancels else [], [])


def test_a_call_whose_event_loop_is_closed_keeps_no_other_from_being_cancelled(board):
    def closed():
        raise RuntimeError("Event loop is closed")

    running, calls = Running(), [call(), call()]
    calls[0].stream.cancel = closed
    for one in calls:
        running.started(one)
    stop(find_target("tool", "slow"), reason="Closed", cancels=True)
    before = board.stops
    board.refresh()
    running.note_switches(before, board.stops)

    assert calls[1].cancelled == ["slow"]


def test_calls_are_heard_of_in_both_lanes(lane):
    seen, running = [], Running()

    class Looks(observers.Observer):
        def finished(self, call):
            seen.append(len(running))

    looks = Looks()
    observe(looks)
    observe(running)
    try:
        MCPClient("/guarded", **lane).call_tool("open_door")
    finally:
        stop_observing(running)
        stop_observing(looks)
    assert (seen, len(running)) == ([1], 0)


@cases("broken", [{"stream": None}, {"session": None}, {"client_info": {}}, {"name": "a\x00" * 500}])
def test_an_odd_call_breaks_nothing(broken):
    running = Running()
    running.started(call(**broken, started_at=datetime.now(UTC) - timedelta(hours=1)))
    running.sync()
    RunningCall.objects.update(cancel_asked_at=timezone.now())
    running.sync()
