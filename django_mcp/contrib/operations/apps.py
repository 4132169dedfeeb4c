"""The optional Django app."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """django_mcp.contrib.operations in INSTALLED_APPS."""

    name = "django_mcp.contrib.operations"
    label = "django_mcp_operations"
    verbose_name = "MCP operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_mcp.gates import add_gate

        from .board import board
        from .watch import watch

        board.when_asked = watch.start
        add_gate(board)
