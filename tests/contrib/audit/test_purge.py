"""Old calls go with the purge of sessions."""

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.purge import purge_calls
from django_mcp.storage.purge import Allowance


def test_calls_past_their_age_are_purged_in_batches(make_call, settings, django_assert_max_num_queries):
    now = timezone.now()
    kept = [make_call(started_at=now), make_call(started_at=now - timedelta(days=89))]
    for _ in range(5):
        make_call(started_at=now - timedelta(days=91))

    assert purge_calls(dry_run=True) == {"audited calls": 5}
    assert purge_calls(batch_size=2, allowance=Allowance(3)) == {"audited calls": 3}
    # Where rows can be locked, the batch is: in a savepoint.
    with django_assert_max_num_queries(6 if connection.features.has_select_for_update else 3):
        assert purge_calls(batch_size=2) == {"audited calls": 2}
    assert list(Call.objects.order_by("pk")) == kept

    settings.MCP_AUDIT_RETENTION_DAYS = None
    assert purge_calls(now=now + timedelta(days=9999)) == {}


def test_mcp_purge_purges_them(make_call):
    make_call(started_at=timezone.now() - timedelta(days=100))
    said = []
    for options in ({"dry_run": True}, {}, {}):
        out = StringIO()
        call_command("mcp_purge", stdout=out, **options)
        said += [line for line in out.getvalue().splitlines() if "audited" in line]

    assert said == ["Would purge 1 audited calls.", "Purged 1 audited calls.", "Purged 0 audited calls."]
