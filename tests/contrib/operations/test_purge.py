"""`mcp_purge` counts the calls before it deletes them, and deletes old counts and reports."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_mcp.contrib.operations.models import MissingCapability, Rollup
from django_mcp.contrib.operations.purge import purge_counts
from django_mcp.storage.purge import Allowance, also_purged
from tests.contrib.operations.calls import record

pytestmark = pytest.mark.django_db


def purged(**values):
    return purge_counts(**{"batch_size": 100, "dry_run": False, "allowance": Allowance(), **values})


def test_old_counts_and_excess_reports_are_deleted(settings):
    settings.MCP_OPERATIONS_MAX_REPORTS = 2
    old = {"seconds": 60, "kind": "tool", "key": "x", "calls": 1, "errors": 0}
    for days in (1, 3, 4):
        Rollup.objects.create(at=timezone.now() - timedelta(days=days), **old)
    for number in range(5):
        MissingCapability.objects.create(wanted=str(number))

    assert purged(dry_run=True) == {}
    assert purged() == {"counts of calls": 2, "reports": 3}
    assert [report.wanted for report in MissingCapability.objects.all()] == ["4", "3"]


def test_a_sweep_deletes_no_more_than_it_may():
    for number in range(5):
        at = timezone.now() - timedelta(days=3, minutes=number)
        Rollup.objects.create(seconds=60, kind="tool", key="x", calls=1, errors=0, at=at)
    record()
    assert purged(allowance=Allowance(2)) == {"counts of calls": 2, "reports": 0}


def test_the_purge_of_sessions_knows_it():
    assert purge_counts in also_purged
