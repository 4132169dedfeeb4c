"""Rows of sessions and events for the tests of the storage, and functions that run at once."""

import threading
from datetime import UTC, datetime, timedelta

from django.db import connection

from django_mcp.models import Event
from django_mcp.storage import sessions
from django_mcp.storage.events import STANDALONE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time of the `clock` fixture."""

OWNER = {"server": "airports", "principal": "user:1"}
TOOLS_CHANGED = "notifications/tools/list_changed"


def after(**delta):
    """A time after NOW."""
    return NOW + timedelta(**delta)


def open_session(**values):
    """A session of OWNER's; `values` replace arguments of `sessions.open()`."""
    return sessions.open(
        **{
            **OWNER,
            "user": None,
            "protocol_version": "2025-11-25",
            "client_info": {"name": "test", "version": "1"},
            "client_capabilities": {},
        }
        | values
    )


def kept(session, key=STANDALONE):
    """The sequence numbers of the events of a stream that are stored."""
    rows = Event.objects.filter(session=session, stream=key)
    return list(rows.order_by("sequence").values_list("sequence", flat=True))


def in_threads(*functions):
    """The results of the functions, run all at once, each with a connection of its own."""
    results = [None] * len(functions)
    start = threading.Barrier(len(functions), timeout=10)

    def run(number, function):
        try:
            start.wait()
            results[number] = function()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results
