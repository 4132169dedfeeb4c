"""The optional Django app."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    """django_mcp.contrib.tokens in INSTALLED_APPS."""

    name = "django_mcp.contrib.tokens"
    label = "django_mcp_tokens"
    verbose_name = "MCP tokens"
    default_auto_field = "django.db.models.BigAutoField"
