"""The optional Django app."""

from django.apps import AppConfig


class GuidesConfig(AppConfig):
    """django_mcp.contrib.skills.guides in INSTALLED_APPS."""

    name = "django_mcp.contrib.skills.guides"
    label = "mcp_guides"
    verbose_name = "MCP guides"
