"""The writer: in bulk and in a thread of its own, with bounds, and with every loss counted."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from django_mcp.contrib.audit import rows, signals
from django_mcp.contrib.audit import writer as module
from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.rows import COLUMNS
from django_mcp.contrib.audit.writer import BATCH, losses, write, writer
from django_mcp.testing import MCPClient

ROOT = Path(__file__).parents[3]


@pytest.fixture
def row(make_call):
    call = make_call()
    values = [getattr(call, name) for name in COLUMNS]
    call.delete()
    return [*values, 1000]


def stored():
    return Call.objects.count()


def test_many_rows_are_written_in_few_transactions(row):
    for _ in range(BATCH + 1):
        writer.add([*row])

    with CaptureQueriesContext(connection) as queries:
        assert writer.flush() == BATCH + 1

    assert len([query for query in queries if "INSERT" in query["sql"]]) <= 2 * (BATCH + 1)
    assert len([query for query in queries if query["sql"].startswith("SAVEPOINT")]) == 2
    assert (stored(), writer._characters) == (BATCH + 1, 0)


def test_the_buffer_is_bounded_by_calls_and_by_characters(row, settings):
    settings.MCP_AUDIT_BUFFER_CALLS = 2
    for _ in range(5):
        writer.add([*row])
    assert (len(writer._rows), losses.total) == (2, 3)

    settings.MCP_AUDIT_BUFFER_CALLS = 100
    settings.MCP_AUDIT_BUFFER_CHARACTERS = 3 * rows.characters_of(row)
    for _ in range(5):
        writer.add([*row])
    assert (len(writer._rows), losses.total) == (3, 7)


def test_rows_wait_while_the_database_is_down_and_are_written_when_it_is_back(row, monkeypatch):
    def fail(rows):
        raise OperationalError("down")

    writer.add(row)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_insert", fail)
        assert (writer.flush(), len(writer._rows), losses.total) == (0, 1, 0)

    assert (writer.flush(), stored(), losses.total) == (1, 1, 0)


def test_a_row_that_the_database_refuses_is_lost_alone(row):
    bad = [*row]
    bad[COLUMNS.index("seconds")] = None
    for one in ([*row], bad, [*row]):
        writer.add(one)

    assert (writer.flush(), stored(), losses.total) == (2, 2, 1)
    write([bad])
    assert losses.total == 2


def test_losses_are_logged_once_a_minute(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.WARNING, "django_mcp.audit")

    for now[0] in (0, 1, 2, 59, 60, 61):
        losses.note(2, "down")
    losses.say_rest()

    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{number} calls are missing in the audit: down" for number in (2, 8, 2)]


def test_each_row_is_signalled_with_its_values(row):
    heard = []

    def receive(sender, call, **kwargs):
        heard.append((sender, call.name, call.arguments, call.pk))

    signals.call_recorded.connect(receive)
    write([row])
    signals.call_recorded.disconnect(receive)

    assert heard == [(Call, "greet", {}, None)]


@pytest.mark.urls("tests.urls")
@pytest.mark.django_db(transaction=True)
def test_outside_of_tests_a_thread_writes_and_the_end_of_the_process_writes_the_rest(monkeypatch, settings):
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        # A second connection to it would be refused while the first one writes: there is one database, and no server.
        settings.MCP_AUDIT_FLUSH_SECONDS = 0.01
    monkeypatch.delattr(mail, "outbox")
    MCPClient("/calls").call_tool("greet", {"name": "Ada"})
    assert writer._thread is not None

    writer.end()

    assert not writer._thread.is_alive()
    assert (stored(), losses.total, len(writer._rows)) == (1, 0, 0)


def test_a_process_that_ends_has_written_its_calls(tmp_path):
    """A real process, a real file: nothing but the interpreter's own end flushes."""
    script = """
import django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from django.test.utils import setup_test_environment
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django_mcp.testing import MCPClient
MCPClient("/mcp").call_tool("search_airports", {"query": "Oslo"})
"""
    environ = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'audit.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
        "PYTHONPATH": str(ROOT),
        "AUDIT": "buffered",
    }
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, cwd=ROOT)
    count = (
        "import django; django.setup(); from django_mcp.contrib.audit.models import Call; print(Call.objects.count())"
    )
    found = subprocess.run([sys.executable, "-c", count], env=environ, check=True, capture_output=True, cwd=ROOT)

    assert found.stdout.strip() == b"1"
