"""Audited calls for tests, written as the audit does."""

from django.utils import timezone

from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.operations.models import RollupMark


def call(**values):
    """A call that has not been saved."""
    return Call(
        **{
            "started_at": timezone.now(),
            "seconds": 0.015,
            "method": "tools/call",
            "name": "distance",
            "outcome": "ok",
            "server": "airports",
            "user_name": "ada",
            "principal": "user:1",
            "client_name": "inspector",
            "protocol_version": "2025-11-25",
            "round": 0,
            "result_bytes": 10,
            "arguments": {},
            **values,
        }
    )


def record(number=1, **values):
    Call.objects.bulk_create(call(**values) for _ in range(number))


def count_from_here():
    """Sets the mark of the rollups at the newest key: a database does not give a key of an earlier test again."""
    record()
    newest = Call.objects.latest("pk").pk
    Call.objects.all().delete()
    RollupMark.objects.create(pk=1, counted=newest, settled=newest, seen=newest)
