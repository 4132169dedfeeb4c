"""`Cards`: the extension that serves the documents of a server."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, path
from django.utils.translation import gettext

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.protected_resource import hosts_are_named
from django_mcp.endpoint.routes import mounted_servers
from django_mcp.extensions import Extension

from . import documents, views
from .rules import NAMESPACE, problems_of_card

if TYPE_CHECKING:
    from django_mcp import MCPServer

REGISTRY_AUTH: Final = re.compile(r"v=MCPv1; k=(ed25519; p=[A-Za-z0-9+/]{43}=|ecdsap384; p=[A-Za-z0-9+/]{66}==)")
"""A public key of 32 bytes, or a compressed point of 49."""


class Cards(Extension):
    """The server card, the AI catalog and the `server.json` of a server.

    `namespace` is a domain of yours in reverse, as in "com.example"; with it, the server's name is that of the card.
    The other values are the server's own; `description`, of at most 100 characters, is for a server that has none or a
    longer one. `headers` are those that a client has to send, `packages` those of `server.json`.
    """

    id = "io.modelcontextprotocol/server-card"
    is_official = True
    # Clients read a card before they speak to the server, so nothing of it is negotiated.
    eras = ()

    def __init__(
        self,
        namespace: str,
        *,
        description: str | None = None,
        repository: Mapping[str, str] | None = None,
        headers: Iterable[Mapping[str, Any]] = (),
        packages: Iterable[Mapping[str, Any]] = (),
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        if not NAMESPACE.fullmatch(namespace):
            raise ImproperlyConfigured(f"Cards: {namespace!r} is no domain in reverse, as 'com.example' is.")
        self.namespace = namespace
        self.description = description
        self.repository = repository
        self.headers = tuple(headers)
        self.packages = tuple(packages)
        self.meta = meta

    def install(self, server: "MCPServer") -> None:
        remote = documents.remote_of(self, "https://example.com", ())
        documents.fail(server, problems_of_card(documents.card_of(server, self, [remote])))

    def urls(self, server: "MCPServer") -> Sequence[URLPattern]:
        view = update_wrapper(partial(views.server_card, server=server, cards=self), views.server_card)
        return [path(documents.CARD_PATH, view)]

    def root_urls(self, server: "MCPServer") -> Sequence[URLPattern]:
        return [
            path(views.CATALOG_PATH.lstrip("/"), views.ai_catalog),
            path(".well-known/mcp/server-card.json", views.only_card),
            path(".well-known/mcp-registry-auth", views.registry_auth),
        ]

    def checks(self, server: "MCPServer") -> Iterable[CheckMessage]:
        if server not in mounted_servers():
            return  # Its documents have no URLs.
        if (key := mcp_settings.REGISTRY_AUTH) and not REGISTRY_AUTH.fullmatch(key):
            hint = gettext("Write it as v=MCPv1; k=ed25519; p=…, with the public key in Base64, never the private one.")
            yield Error(gettext("MCP_REGISTRY_AUTH is no proof for the registry."), hint=hint, id="django_mcp.E065")
        if key and settings.SECURE_SSL_REDIRECT and settings.SECURE_SSL_HOST:
            hint = gettext("Add r'^\\.well-known/mcp-registry-auth$' to SECURE_REDIRECT_EXEMPT.")
            yield Warning(
                gettext("The registry follows no redirect to SECURE_SSL_HOST."), hint=hint, id="django_mcp.W066"
            )
        if key and settings.PREPEND_WWW:
            hint = gettext("Turn PREPEND_WWW off, and let the web server redirect everything else.")
            yield Warning(gettext("The registry follows no redirect of PREPEND_WWW."), hint=hint, id="django_mcp.W066")
        try:
            views.CardThrottle()
        except (ValueError, KeyError, IndexError):
            hint = gettext("Write it as '120/minute', or None for no limit.")
            text = gettext("MCP_CARD_RATE is no rate: %(value)r.") % {"value": mcp_settings.CARD_RATE}
            yield Error(text, hint=hint, id="django_mcp.E066")
        if not mcp_settings.PUBLIC_URL and not hosts_are_named():
            hint = gettext("Set MCP_PUBLIC_URL, or name every host in ALLOWED_HOSTS.")
            yield Warning(gettext("Anybody can choose the URLs in the cards."), hint=hint, id="django_mcp.W067")
