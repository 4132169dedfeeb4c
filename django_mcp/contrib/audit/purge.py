"""The purge of audited calls, with that of sessions: `manage.py mcp_purge`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import router
from django.utils import timezone
from django.utils.translation import gettext_noop

from django_mcp.conf import mcp_settings
from django_mcp.storage.purge import Allowance, also_purged, delete_in_batches

from .models import Call


def register() -> None:
    """Has `mcp_purge`, its task and the sweep delete calls that are past their age."""
    if purge_calls not in also_purged:
        also_purged.append(purge_calls)


def purge_calls(
    *, batch_size: int = 1000, dry_run: bool = False, allowance: Allowance | None = None, now: datetime | None = None
) -> Mapping[str, int]:
    """Deletes the calls that are older than MCP_AUDIT_RETENTION_DAYS, in batches, and returns their number."""
    days = mcp_settings.AUDIT_RETENTION_DAYS
    if days is None:
        return {}
    before = (now or timezone.now()) - timedelta(days=days)
    old = Call.objects.using(router.db_for_write(Call)).filter(started_at__lt=before).order_by("started_at")
    return {
        gettext_noop("audited calls"): old.count()
        if dry_run
        else delete_in_batches(old, batch_size, allowance or Allowance())
    }
