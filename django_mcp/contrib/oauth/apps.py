"""The optional Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OAuthConfig(AppConfig):
    """django_mcp.contrib.oauth in INSTALLED_APPS, besides oauth2_provider."""

    name = "django_mcp.contrib.oauth"
    label = "django_mcp_oauth"
    verbose_name = _("MCP OAuth")

    def ready(self) -> None:
        from . import checks, client_secrets, revocation  # noqa: F401  # the checks register themselves

        client_secrets.connect()
        revocation.connect()
