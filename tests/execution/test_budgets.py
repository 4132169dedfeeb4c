"""A call is held to what it may use."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from django_mcp.exceptions import BudgetExceeded
from django_mcp.execution import budgets
from django_mcp.execution.budgets import Meter
from django_mcp.primitives.call_options import Budget
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def groups(db):
    Group.objects.bulk_create(Group(name=f"g{number}") for number in range(5))


@pytest.fixture
def asked():
    """A wrapper for what gets past the meter, and to the database."""

    def record(execute, sql, *rest):
        record.statements.append(sql)
        return execute(sql, *rest)

    record.statements = []
    return record


def test_queries_are_counted_and_one_too_many_is_not_made(asked):
    def work():
        with Meter(Budget(queries=2)), connection.execute_wrapper(asked):
            for _ in range(3):
                Group.objects.count()

    with pytest.raises(BudgetExceeded, match="2 queries"):
        work()
    assert len(asked.statements) == 2


def test_what_django_says_of_its_own_accord_is_no_query():
    with Meter(Budget(queries=1)), transaction.atomic():
        Group.objects.count()


@cases(
    "read",
    [
        lambda: list(Group.objects.all()),
        lambda: list(Group.objects.iterator(chunk_size=2)),
        lambda: [Group.objects.first() for _ in range(5)],
        lambda: _fetch("fetchall"),
        lambda: _fetch("fetchmany", 4),
        lambda: _fetch("__iter__"),
    ],
)
def test_rows_are_counted_however_they_are_read(read):
    with Meter(Budget(rows=5)):
        read()
    with pytest.raises(BudgetExceeded, match="3 rows"), Meter(Budget(rows=3)):
        read()


def _fetch(method, *size):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM auth_group")
        return list(getattr(cursor, method)(*size))


@pytest.fixture
def clock(monkeypatch):
    """Seconds, moved by hand."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(budgets, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_query_after_the_time_is_up_is_not_made(clock, asked):
    def work():
        with Meter(Budget(seconds=2.5)), connection.execute_wrapper(asked):
            Group.objects.count()
            clock.now = 3
            Group.objects.count()

    with pytest.raises(BudgetExceeded, match=r"2\.5 seconds"):
        work()
    assert len(asked.statements) == 1


def test_what_is_done_too_late_is_not_done(clock):
    def work():
        with Meter(Budget(seconds=2.5)):
            clock.now = 3

    with pytest.raises(BudgetExceeded):
        work()


def test_an_error_is_not_hidden_by_the_time(clock):
    def work():
        with Meter(Budget(seconds=2.5)):
            clock.now = 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_nothing_is_left_on_the_connection():
    before = dict(connection.__dict__), list(connection.execute_wrappers)

    with pytest.raises(BudgetExceeded), Meter(Budget(queries=0, rows=0)):
        Group.objects.count()

    assert (set(connection.__dict__), connection.execute_wrappers) == (set(before[0]), before[1])
