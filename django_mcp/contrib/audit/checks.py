"""System checks of the audit."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register
from django.utils.translation import gettext

from django_mcp.conf import mcp_settings


@register("mcp")
def check_retention(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warns about an audit that grows for ever."""
    if mcp_settings.AUDIT == "off" or mcp_settings.AUDIT_RETENTION_DAYS is not None:
        return []
    return [
        Warning(
            gettext(
                "MCP_AUDIT_RETENTION_DAYS is None: audited calls, which may hold personal data, are kept for ever."
            ),
            hint=gettext(
                "Set a number of days and run `manage.py mcp_purge` every day, or say that it is meant: "
                "SILENCED_SYSTEM_CHECKS = ['django_mcp.W060']."
            ),
            id="django_mcp.W060",
        )
    ]
