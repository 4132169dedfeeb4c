"""Rows that are inserted by SQL written once, and rows that are numbered without gaps."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection

from django_mcp.models import Change, Event, Session, new_session_id
from django_mcp.storage import changes, database, standalone
from django_mcp.storage.database import insert
from tests.storage.rows import TOOLS_CHANGED, kept, open_session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWKWARD = {"a\u0000b": "\ud800", "four bytes": "🛫"}


def test_numbers_are_of_one_session_each(session):
    other = open_session().pk
    for pk in (session, other, session):
        standalone.publish(pk, "x")

    assert (kept(session), kept(other)) == ([1, 2], [1])


def in_threads(count, function):
    """Runs the function in so many threads at once, each with a connection of its own. The exceptions raised."""
    ready = threading.Barrier(count, timeout=10)
    failures = []

    def run(number):
        try:
            ready.wait()
            function(number)
        except Exception as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return failures


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
def test_threads_that_publish_at_once_leave_no_gap_and_lose_nothing(session):
    def publish(thread):
        for number in range(10):
            standalone.publish(session, f"{thread}-{number}")
            changes.record_change("airports", TOOLS_CHANGED)

    assert in_threads(4, publish) == []

    assert kept(session) == list(range(1, 41))
    assert list(Change.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 41))
    messages = list(Event.objects.order_by("sequence").values_list("message", flat=True))
    assert sorted(messages) == sorted(f"{thread}-{number}" for thread in range(4) for number in range(10))
    for thread in range(4):
        assert [m for m in messages if m.startswith(f"{thread}-")] == [f"{thread}-{number}" for number in range(10)]


def test_a_number_that_another_took_meanwhile_is_chosen_again(session, monkeypatch):
    """Two writers at once, in one thread: the first has read the last number when the second writes."""
    numbers = iter([0, 1, 1])
    standalone.publish(session, "theirs")
    monkeypatch.setattr(standalone, "events_of", lambda *args: _Last(next(numbers)))

    standalone.publish(session, "mine")

    assert list(Event.objects.order_by("sequence").values_list("sequence", "message")) == [(1, "theirs"), (2, "mine")]


class _Last:
    def __init__(self, number):
        self.number = number

    def aggregate(self, **kwargs):
        return {"last": self.number}


def test_an_error_that_is_not_about_the_number_is_raised(session, monkeypatch):
    def refuse(*args, **kwargs):
        raise IntegrityError("the session is gone")

    monkeypatch.setattr(type(Event.objects.all()), "create", refuse)

    with pytest.raises(IntegrityError, match="the session is gone"):
        standalone.publish(session, "x")


def values_of(**values):
    times = dict.fromkeys(("created_at", "last_seen_at", "expires_at"), NOW)
    return (
        {"session_id": new_session_id(), "server": "airports", "client_info": AWKWARD, "state": {"a": [1]}}
        | {"protocol_version": "2025-11-25", "log_level": "error", **times}
        | values
    )


def columns_of(pk):
    stored = Session.objects.get(pk=pk)
    return {field.attname: getattr(stored, field.attname) for field in Session._meta.concrete_fields}


@pytest.mark.django_db
def test_an_inserted_row_is_the_row_that_save_would_write(admin_user):
    mine, djangos = values_of(user_id=admin_user.pk), values_of(user_id=admin_user.pk, stream_position="3.4")

    pk = insert(Session, mine, stream_position=("%s", ("3.4",)))
    row = Session.objects.create(**djangos)

    assert columns_of(pk) == columns_of(row.pk) | {"id": pk, "session_id": mine["session_id"]}


@pytest.mark.django_db
def test_django_writes_the_insert_of_other_databases(monkeypatch):
    monkeypatch.setattr(database, "PLAIN_INSERT", frozenset())
    values = values_of()

    pk = insert(Session, values, stream_position=("%s", ("3.4",)))

    assert columns_of(pk)["session_id"] == values["session_id"]
    assert columns_of(pk)["stream_position"] == "3.4"


@pytest.mark.django_db(transaction=True)
def test_an_insert_is_one_statement_outside_of_a_transaction(django_assert_num_queries):
    with django_assert_num_queries(1):
        insert(Session, values_of())


@pytest.mark.django_db
def test_a_transaction_goes_on_after_an_insert_that_failed():
    taken = values_of()
    insert(Session, taken)

    with pytest.raises(IntegrityError):
        insert(Session, taken)

    insert(Session, values_of())
    assert Session.objects.count() == 2
