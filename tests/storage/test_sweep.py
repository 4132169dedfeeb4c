"""Where no purge runs, the server sweeps: a bounded number of rows, now and then, beside its requests."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from django_mcp.models import Event, Session
from django_mcp.storage import changes, purge, spent_states, sweep, upkeep
from tests.storage.rows import open_session

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def due(settings, time_machine, monkeypatch):
    time_machine.move_to(NOW, tick=False)
    settings.MCP_SWEEP_SECONDS = 600
    monkeypatch.setattr(sweep, "_asked_at", float("-inf"))
    monkeypatch.setattr(purge, "also_purged", [])
    return time_machine


def create_ended(count, events=0):
    rows = Session.objects.bulk_create([Session(server="airports", expires_at=NOW) for _ in range(count)])
    keys = [(row, number) for row in rows for number in range(events)]
    Event.objects.bulk_create([Event(session=row, stream="k", sequence=number) for row, number in keys])


def test_a_sweep_deletes_what_has_ended_once_in_its_time(due):
    create_ended(3)

    assert sweep.sweep() == {"sessions": 3, "events": 0}
    assert sweep.sweep() is None
    due.move_to(NOW + timedelta(seconds=600), tick=False)
    assert sweep.sweep() == {"sessions": 0, "events": 0}


def test_a_deployment_that_is_purged_daily_is_not_swept(due):
    purge.purge_daily()

    due.move_to(NOW + timedelta(hours=26), tick=False)
    assert sweep.sweep() is not None
    upkeep.note("purge")
    due.move_to(NOW + timedelta(hours=51), tick=False)
    assert sweep.sweep() is None


def test_a_sweep_deletes_at_most_so_many_rows_and_goes_on_where_it_stopped(settings, due):
    create_ended(2, events=3)
    settings.MCP_SWEEP_ROWS = 4

    assert sweep.sweep() == {"sessions": 0, "events": 0}
    assert (Session.objects.count(), Event.objects.count(), upkeep.last_run("swept")) == (2, 2, None)

    due.move_to(NOW + timedelta(seconds=600), tick=False)
    settings.MCP_SWEEP_ROWS = 5
    assert sweep.sweep() == {"sessions": 2, "events": 0}
    assert (Session.objects.count(), Event.objects.count(), upkeep.last_run("swept")) == (0, 0, sweep.timezone.now())


def test_other_apps_age_within_the_same_allowance(settings, monkeypatch):
    create_ended(2)
    settings.MCP_SWEEP_ROWS = 5
    allowed = []

    def purge_mine(*, batch_size, dry_run, allowance):
        allowed.append((batch_size, dry_run, allowance.of(batch_size)))
        return {"of mine": 1}

    monkeypatch.setattr(purge, "also_purged", [purge_mine])

    assert sweep.sweep() == {"sessions": 2, "events": 0, "of mine": 1}
    assert allowed == [(500, False, 3)]


@pytest.fixture
def started(monkeypatch):
    """The threads that a sweep would run in."""
    started = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    return started


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "write",
    [
        open_session,
        lambda: changes.record_change("airports", "notifications/tools/list_changed"),
        lambda: spent_states.spend("nonce"),
    ],
)
def test_what_will_age_asks_for_a_sweep_once_in_its_time_and_never_in_a_transaction(write, settings, started):
    with transaction.atomic():
        write()
    settings.MCP_SWEEP_SECONDS = None
    spent_states.spend("other")
    assert started == []

    settings.MCP_SWEEP_SECONDS = 600
    changes.record_change("airports", "notifications/tools/list_changed")
    write()
    assert started == ["django_mcp-sweep"]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_can_start_no_thread_still_answers(monkeypatch, caplog):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)

    assert open_session().pk
    assert [record.message for record in caplog.records] == [
        """The sweep could not start (RuntimeError("can't start new thread")); it is tried again later"""
    ]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_fails_is_logged_and_leaves_no_connection(monkeypatch, caplog):
    def fail():
        connection.ensure_connection()
        raise OSError("the disk is full")

    monkeypatch.setattr(sweep, "sweep", fail)
    closed, close_all = [], sweep.connections.close_all

    def close():
        close_all()
        closed.append(threading.current_thread().name)

    monkeypatch.setattr(sweep.connections, "close_all", close)

    sweep.consider()
    for thread in threading.enumerate():
        if thread.name == "django_mcp-sweep":
            thread.join(10)

    assert closed == ["django_mcp-sweep"]
    assert [record.message for record in caplog.records] == [
        "The sweep failed (OSError('the disk is full')); it is tried again later"
    ]
