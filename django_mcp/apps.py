"""The Django app."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class MCPConfig(AppConfig):
    """django_mcp in INSTALLED_APPS."""

    name = "django_mcp"
    verbose_name = "MCP"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The checks register themselves.
        from django_mcp import (  # noqa: F401
            checks,
            declaration_checks,
            deployment_checks,
            receivers,
            tool_checks,
        )

        receivers.connect()
        # Ignores an app without an mcp.py; an error inside one is raised.
        autodiscover_modules("mcp")
