"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TokensConfig(AppConfig):
    """django_mcp.contrib.tokens in INSTALLED_APPS."""

    name = "django_mcp.contrib.tokens"
    label = "django_mcp_tokens"
    verbose_name = _("MCP tokens")
    default_auto_field = "django.db.models.BigAutoField"
