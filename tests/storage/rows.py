"""Rows of sessions for the tests of the storage, and functions that run at once."""

import threading

from django.db import connection

from django_mcp.storage import sessions

OWNER = {"server": "airports", "principal": "user:1"}


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
