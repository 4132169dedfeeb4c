"""The Django app."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules, import_string
from django.utils.translation import gettext_lazy as _


class MCPConfig(AppConfig):
    """django_mcp in INSTALLED_APPS."""

    name = "django_mcp"
    verbose_name = _("MCP")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The checks register themselves.
        from django_mcp import checks, receivers  # noqa: F401

        receivers.connect()
        self._log_calls()
        self._extend_default_server()
        # Ignores an app without an mcp.py; an error inside one is raised.
        autodiscover_modules("mcp")

    def _log_calls(self) -> None:
        from django_mcp.call_log import CallLog
        from django_mcp.conf import mcp_settings
        from django_mcp.observers import observe

        if mcp_settings.LOG_CALLS:
            observe(CallLog())

    def _extend_default_server(self) -> None:
        """Gives the default server its extensions, before the apps' tools use their options."""
        from django_mcp import default_server
        from django_mcp.conf import mcp_settings

        named = [import_string(path) for path in mcp_settings.SERVER_EXTENSIONS]
        default_server.extend(*(one() if isinstance(one, type) else one for one in named))
