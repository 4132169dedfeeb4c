"""A job of upkeep is claimed by one process of any number, and its last run is known to all."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from django_mcp.storage.upkeep import claim, last_run, note
from tests.storage.rows import in_threads

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def test_a_job_is_claimed_once_in_its_time():
    late = NOW + timedelta(seconds=60)

    assert [claim("sweep", 60, now) for now in (NOW, NOW, late - timedelta(microseconds=1), late, late)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert claim("another", 60, NOW)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
@pytest.mark.parametrize("ran_before", [False, True])
def test_of_several_that_claim_a_job_at_once_one_has_it(ran_before):
    if ran_before:
        note("sweep", NOW - timedelta(hours=1))

    assert sorted(in_threads(*[lambda: claim("sweep", 60, NOW)] * 8)) == [False] * 7 + [True]


def test_the_last_run_is_that_of_the_latest_job():
    assert last_run("purge", "swept") is None

    note("purge", NOW)
    note("purge", NOW + timedelta(hours=2))
    note("swept", NOW + timedelta(hours=1))

    assert last_run("purge", "swept") == NOW + timedelta(hours=2)
    assert last_run("swept") == NOW + timedelta(hours=1)
