"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GuidesConfig(AppConfig):
    """django_mcp.contrib.skills.guides in INSTALLED_APPS."""

    name = "django_mcp.contrib.skills.guides"
    label = "mcp_guides"
    verbose_name = _("MCP guides")
