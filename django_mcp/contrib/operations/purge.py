"""The purge of the operators' tables, with that of sessions: `manage.py mcp_purge`."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop

from django_mcp.conf import mcp_settings
from django_mcp.storage.purge import Allowance

from .models import MissingCapability, alias
from .rollups import catch_up, delete_old

PORTIONS: Final = 200
"""The portions of audited calls that one purge counts, so that they are counted before they are purged."""


def purge_counts(*, batch_size: int, dry_run: bool, allowance: Allowance) -> Mapping[str, int]:
    """Counts the audited calls, and deletes old counts and old reports."""
    if dry_run:
        return {}
    is_bounded = allowance.left is not None
    catch_up(portions=1 if is_bounded else PORTIONS)
    deleted = 0
    while not allowance.is_spent and (gone := delete_old(batch_size=allowance.of(batch_size))):
        allowance.spend(gone)
        deleted += gone
    return {gettext_noop("counts of calls"): deleted, gettext_noop("reports"): delete_reports(batch_size)}


def delete_reports(batch_size: int = 1000) -> int:
    """Deletes the oldest reports above MCP_OPERATIONS_MAX_REPORTS, at most a batch, and returns how many."""
    rows = MissingCapability.objects.using(alias())
    kept = mcp_settings.OPERATIONS_MAX_REPORTS
    excess = list(rows.order_by("-pk").values_list("pk", flat=True)[kept : kept + batch_size])
    return int(rows.filter(pk__in=excess).delete()[0]) if excess else 0
