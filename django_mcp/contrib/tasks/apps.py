"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TasksConfig(AppConfig):
    """django_mcp.contrib.tasks in INSTALLED_APPS."""

    name = "django_mcp.contrib.tasks"
    label = "django_mcp_tasks"
    verbose_name = _("MCP tasks")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_mcp.signals import credential_ended

        from . import storage

        credential_ended.connect(storage.cancel_all, dispatch_uid="django_mcp_tasks")
