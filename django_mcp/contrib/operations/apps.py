"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """django_mcp.contrib.operations in INSTALLED_APPS."""

    name = "django_mcp.contrib.operations"
    label = "django_mcp_operations"
    verbose_name = _("MCP operations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_mcp.gates import add_gate
        from django_mcp.observers import observe
        from django_mcp.storage.purge import also_purged

        from .board import board
        from .purge import purge_counts
        from .running import running
        from .watch import watch

        board.when_asked = watch.start
        board.when_changed.append(running.note_switches)
        add_gate(board)
        observe(running)
        if purge_counts not in also_purged:
            also_purged.append(purge_counts)
