"""Each query of a request, an open stream or the poller is answered from an index, on each database. It costs the same
with many rows as with few.

The plan is the database's own, for tables with enough rows that reading them whole would be worse.
"""

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_mcp.bus import poller
from django_mcp.models import Change, ClientRequest, Event, Session, Stream, Subscription
from django_mcp.storage import changes, client_requests, events, sessions, standalone, subscriptions
from django_mcp.storage.standalone import OpenStream
from tests.tables import cases

pytestmark = pytest.mark.django_db

OWNER = {"server": "airports", "principal": "user:7"}
SESSIONS, EVENTS = 1500, 3000
TABLES = (Session, Event, Stream, Change, ClientRequest, Subscription)


@pytest.fixture
def session():
    """One of many, each with a stream and what comes with it."""
    now = timezone.now()
    Session.objects.bulk_create(
        Session(server="airports", principal=f"user:{number}", expires_at=now + timedelta(seconds=60 + number))
        for number in range(SESSIONS)
    )
    pks = list(Session.objects.order_by("pk").values_list("pk", flat=True))
    Event.objects.bulk_create(
        Event(session_id=pks[number % SESSIONS], stream="s", sequence=number // SESSIONS + 1, message="{}")
        for number in range(EVENTS)
    )
    Stream.objects.bulk_create(Stream(session_id=pk, key="k", request_id="1", lease_until=now) for pk in pks)
    Change.objects.bulk_create(Change(server="airports", sequence=number + 1, method="m") for number in range(SESSIONS))
    ClientRequest.objects.bulk_create(ClientRequest(session_id=pk, request_id="q", method="m") for pk in pks)
    Subscription.objects.bulk_create(Subscription(session_id=pk, uri="u", uri_key="k") for pk in pks)
    if connection.vendor != "mysql":  # There it would commit.
        with connection.cursor() as cursor:
            for model in TABLES:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
    return Session.objects.get(principal="user:7")


def held(session):
    position = events.Position(events.STANDALONE, 1, 1490)
    return [OpenStream(session.pk, session.server, session.principal, "holder", position)]


HOT = {
    "a request resumes its session": lambda session: sessions.resume(session.session_id, **OWNER),
    "a request notes that its session is used": lambda session: sessions.touch_all([session.pk]),
    "a session opens": lambda session: sessions._refuse_too_many("user:7", None, timezone.now()),
    "a user's session opens": lambda session: sessions._refuse_too_many("user:7", 7, timezone.now()),
    "a new session hears of changes from then on": lambda session: changes.last_change("airports"),
    "a session's state is kept": lambda session: sessions.set_log_level(session.session_id, "debug"),
    "a stream is opened": lambda session: standalone.take(session.pk, "holder", force=True),
    "a stream is read": lambda session: standalone.read(held(session)),
    "a stream is kept": lambda session: standalone.renew(held(session)),
    "a stream is given back": lambda session: standalone.release(held(session)[0]),
    "a client resumes a stream": lambda session: events.locate(session.pk, "airports", "s:1.0"),
    "what a stream missed is read": lambda session: events.read_after(events.Position("s", 1, 0), session.pk),
    "a message is published": lambda session: standalone.publish(session.pk, "{}"),
    "a running request is looked at": lambda session: events.is_cancelled(session.pk, "k"),
    "a running request says that it lives": lambda session: events.renew_stream(session.pk, "k"),
    "a request is cancelled": lambda session: events.cancel(session.pk, 1),
    "a question is answered": lambda session: client_requests.answer(session.pk, "q", {}),
    "an answer is taken": lambda session: client_requests.take_answer(session.pk, "q"),
    "a resource is subscribed to": lambda session: subscriptions.subscribe(session.pk, "u://1"),
    "a change is recorded": lambda session: changes.record_change("airports", "m"),
    "changes are read": lambda session: changes.read_changes("airports", 1490, "user:7"),
}


def plan(sql, params):
    """The lines of the database's plan that say how a table is read."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return [row[3] for row in cursor.fetchall()]
        if connection.vendor == "postgresql":
            cursor.execute(f"EXPLAIN {sql}", params)
            return [row[0] for row in cursor.fetchall()]
        cursor.execute(f"EXPLAIN {sql}", params)
        names = [column[0] for column in cursor.description]
        return [json.dumps(dict(zip(names, row, strict=True)), default=str) for row in cursor.fetchall()]


def reads_a_whole_table(line):
    if connection.vendor == "sqlite":
        return line.startswith("SCAN django_mcp")
    if connection.vendor == "postgresql":
        return "Seq Scan on django_mcp" in line
    row = json.loads(line)
    return row["type"] in ("ALL", "index") and str(row["table"]).startswith("django_mcp")


class Recorded:
    """Every statement that is sent while it is entered, with its parameters."""

    def __init__(self):
        self.statements = []

    def __call__(self, execute, sql, params, many, context):
        self.statements.append((sql, params))
        return execute(sql, params, many, context)


@cases("name", HOT)
def test_no_table_is_read_whole_when(name, session, settings):
    # As many rows are counted as there may be sessions, so all of them here, and then not for a second.
    settings.MCP_MAX_SESSIONS = None
    recorded = Recorded()
    with transaction.atomic():
        with connection.execute_wrapper(recorded):
            HOT[name](session)
        transaction.set_rollback(True)  # The next row finds what this one found.
    asked = [(sql, params) for sql, params in recorded.statements if sql.startswith(("SELECT", "UPDATE", "DELETE"))]

    assert asked or "INSERT" in str(recorded.statements)
    for sql, params in asked:
        found = plan(sql, params)
        assert not any(reads_a_whole_table(line) for line in found), "\n".join([sql, *found])


def test_a_process_that_looks_for_news_reads_no_table_whole(session, monkeypatch):
    monkeypatch.setattr(poller, "ROWS_LIMIT", 20)
    recorded = Recorded()
    poll = poller.Poller()
    with connection.execute_wrapper(recorded):
        poll._poll([f"mcp.calls.{session.pk}"])
        Event.objects.create(session=session, stream="s", sequence=9, message="{}")
        poll._poll([f"mcp.calls.{session.pk}"])

    for sql, params in recorded.statements:
        if sql.startswith("SELECT"):
            found = plan(sql, params)
            assert not any(reads_a_whole_table(line) for line in found), "\n".join([sql, *found])


def test_the_number_of_queries_does_not_grow_with_the_rows(session):
    with CaptureQueriesContext(connection) as queries:
        sessions.resume(session.session_id, **OWNER)

    assert len(queries) == 1
