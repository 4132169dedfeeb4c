"""The optional Django app, which has the command `mcp_card`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CardsConfig(AppConfig):
    """django_mcp.contrib.cards in INSTALLED_APPS."""

    name = "django_mcp.contrib.cards"
    label = "django_mcp_cards"
    verbose_name = _("MCP cards")
