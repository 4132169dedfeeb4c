"""The documents of a server, made of the values that `server/discover` answers with, so that they agree with it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.routes import mounted_views
from django_mcp.protocol import versions

if TYPE_CHECKING:
    from django_mcp import MCPServer

    from .extension import Cards

CARD_TYPE: Final = "application/mcp-server-card+json"
CARD_PATH: Final = "server-card"
CARD_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
SERVER_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

_SHARED: Final = ("version", "title", "websiteUrl", "icons")


def card_of(server: "MCPServer", cards: "Cards", remotes: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A server card with these remotes."""
    live = server.implementation()
    members: dict[str, Any] = {
        "$schema": CARD_SCHEMA,
        "name": name_of(server, cards),
        "description": cards.description or live.get("description", ""),
        **{name: live[name] for name in _SHARED if name in live},
        "repository": dict(cards.repository) if cards.repository else None,
        "remotes": [dict(remote) for remote in remotes] or None,
        "_meta": dict(cards.meta) if cards.meta else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def server_json_of(server: "MCPServer", cards: "Cards", base: str) -> dict[str, Any]:
    """The `server.json` for the registry. `base` is the scheme and host of its URLs."""
    remotes = [remote_of(cards, f"{base}{path}", eras) for path, eras in endpoints_of(server)]
    for remote in remotes:
        remote.pop("supportedProtocolVersions")
    packages = [dict(package) for package in cards.packages]
    document = {**card_of(server, cards, remotes), "$schema": SERVER_SCHEMA}
    return {**document, "packages": packages} if packages else document


def remote_of(cards: "Cards", url: str, eras: Iterable[str]) -> dict[str, Any]:
    """An endpoint as a remote of a card."""
    known = {"handshake": versions.HANDSHAKE_VERSIONS, "modern": versions.MODERN_VERSIONS}
    remote: dict[str, Any] = {"type": "streamable-http", "url": url}
    if cards.headers:
        remote["headers"] = [dict(header) for header in cards.headers]
    remote["supportedProtocolVersions"] = [version for era in known if era in eras for version in known[era]]
    return remote


def entry_of(server: "MCPServer", cards: "Cards", endpoint_url: str) -> dict[str, Any]:
    """The entry of an endpoint in an AI catalog, for a catalog of your own too."""
    namespace, _, name = name_of(server, cards).partition("/")
    publisher = ".".join(reversed(namespace.split(".")))
    return {
        "identifier": mcp_settings.CATALOG_IDENTIFIER.replace("{publisher}", publisher).replace("{name}", name),
        "type": CARD_TYPE,
        "url": f"{endpoint_url.rstrip('/')}/{CARD_PATH}",
    }


def catalog_entries(base: str) -> list[dict[str, Any]]:
    """The entries of all endpoints of this project that have cards. `base` is the scheme and host of their URLs."""
    found: dict[str, dict[str, Any]] = {}
    for path, view in mounted_views():
        server = view.get_server()
        if "<" not in path and (cards := cards_of(server)) is not None:
            entry = entry_of(server, cards, f"{base}{path}")
            found.setdefault(entry["identifier"], entry)
    return list(found.values())


def endpoints_of(server: "MCPServer") -> Iterator[tuple[str, tuple[str, ...]]]:
    """The paths and eras of a server's endpoints, those without variables."""
    for path, view in mounted_views():
        if view.get_server() is server and "<" not in path:
            yield path, view.eras


def cards_of(server: "MCPServer") -> "Cards | None":
    """The extension of a server, if it has one."""
    from .extension import Cards

    return next((extension for extension in server.extensions if isinstance(extension, Cards)), None)


def name_of(server: "MCPServer", cards: "Cards") -> str:
    """The server's name, with the namespace before it unless it has one."""
    return server.name if "/" in server.name else f"{cards.namespace}/{server.name}"


def fail(server: "MCPServer", problems: Iterable[str]) -> None:
    """Raises `ImproperlyConfigured` for the first problem."""
    for problem in problems:
        raise ImproperlyConfigured(f"The card of the server {server.name!r}: {problem}.")
