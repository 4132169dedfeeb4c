"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    """django_mcp.contrib.audit in INSTALLED_APPS."""

    name = "django_mcp.contrib.audit"
    label = "django_mcp_audit"
    verbose_name = _("MCP audit")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, purge, recorder  # noqa: F401  # the checks register themselves

        recorder.start()
        purge.register()
