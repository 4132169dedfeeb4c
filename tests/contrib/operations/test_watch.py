"""The background work of a process: each job runs, whatever happens to others; clients are told again at the end."""

import logging

import pytest
from django.db import OperationalError

from django_mcp.contrib.operations import watch as module
from django_mcp.contrib.operations.models import Edition
from django_mcp.contrib.operations.switches import find_target, start, stop
from django_mcp.contrib.operations.watch import Watch

pytestmark = pytest.mark.django_db


def test_a_job_that_fails_is_logged_once_a_minute_and_keeps_no_other_from_running(caplog):
    def away():
        raise OperationalError("away")

    done = []
    watch = Watch()
    watch.jobs = [away, away, lambda: done.append(True)]
    with caplog.at_level(logging.WARNING, "django_mcp"):
        watch.look()
        watch.look()

    assert done == [True, True]
    assert [record.getMessage() for record in caplog.records] == [
        "The database of the operators is away: OperationalError('away')"
    ]


def test_one_of_the_processes_tells_clients_again_when_all_have_read_the_switches(board, monkeypatch):
    told, now = [], [100.0]
    monkeypatch.setattr(module, "announce", lambda changed: told.append(set(changed)))
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    here, there = Watch(), Watch()
    try:
        stop(find_target("tool", "add", "plain"), reason="Closed")
        board.refresh()
        for watch in (here, there):
            watch._announce_settled()
        assert told == []
        now[0] += module.SETTLE_SECONDS
        for watch in (here, there, here):
            watch._announce_settled()
        assert told == [{("tool", "plain")}]
        assert Edition.objects.get().announced == 1
        start(find_target("tool", "add", "plain"))
        board.refresh()
        now[0] += module.SETTLE_SECONDS
        here._announce_settled()
        assert told == [{("tool", "plain")}] * 2
    finally:
        for watch in (here, there):
            board.when_changed.remove(watch._note_change)


def test_no_thread_is_started_in_a_test():
    watch = Watch()
    watch.start()
    assert watch._process is None
