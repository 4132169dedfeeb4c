"""The optional Django app."""

from django.apps import AppConfig


class OAuthConfig(AppConfig):
    """django_mcp.contrib.oauth in INSTALLED_APPS, beside oauth2_provider."""

    name = "django_mcp.contrib.oauth"
    label = "django_mcp_oauth"
    verbose_name = "MCP OAuth"

    def ready(self) -> None:
        from . import checks, revocation  # noqa: F401  # the checks register themselves

        revocation.connect()
