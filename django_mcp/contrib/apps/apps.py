"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppsConfig(AppConfig):
    """django_mcp.contrib.apps in INSTALLED_APPS, for its template tags."""

    name = "django_mcp.contrib.apps"
    label = "django_mcp_apps"
    verbose_name = _("MCP apps")
