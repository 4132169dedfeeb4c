"""The rules of server cards (SEP-2127) and of `server.json` (the registry's schema of 2025-12-11)."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

NAME: Final = re.compile(r"(?=.{3,200}\Z)[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
NAMESPACE: Final = re.compile(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+")
MAX_TEXT: Final = 100
PUBLISHER: Final = "io.modelcontextprotocol.registry/publisher-provided"

REPOSITORY_MEMBERS: Final = frozenset({"url", "source", "subfolder", "id"})
HEADER_MEMBERS: Final = frozenset(
    (
        "name",
        "description",
        "isRequired",
        "isSecret",
        "default",
        "placeholder",
        "value",
        "choices",
        "format",
        "variables",
    )
)
"""Cards with other members are refused."""

_VERSION_RANGE: Final = re.compile(r"[\^~<>=*|]|\s-\s|(^|\.)[xX](\.|$)")
_LOCAL: Final = (".local", ".localhost", ".internal", ".test", ".invalid")


def problems_of_card(card: Mapping[str, Any]) -> Iterator[str]:
    """The rules that a card breaks, each with its remedy."""
    if not NAME.fullmatch(card["name"]):
        yield f"the name {card['name']!r} is not like 'com.example/weather': letters, digits, '.', '_' and '-'"
    if not card["version"] or len(card["version"]) > 255 or _VERSION_RANGE.search(card["version"]):
        yield f"the version {card['version']!r} is no single version, such as '1.4.0'"
    if not 1 <= len(card.get("description", "")) <= MAX_TEXT:
        yield f"the description has 1 to {MAX_TEXT} characters: give the server a short one, or Cards(description=…)"
    if len(card.get("title", "x")) not in range(1, MAX_TEXT + 1):
        yield f"the title has 1 to {MAX_TEXT} characters"
    yield from _problems_of_repository(card.get("repository"))
    for header in (header for remote in card.get("remotes", ()) for header in remote.get("headers", ())):
        if header.get("isSecret") and header.keys() & {"value", "default"}:
            yield f"the header {header.get('name')!r} is secret, and its value is written in it: leave it out"
        if not header.get("name"):
            yield "a header has no name"
        if unknown := header.keys() - HEADER_MEMBERS:
            yield f"the header {header.get('name')!r} has {min(unknown)!r}, which cards do not have"


def problems_of_server_json(document: Mapping[str, Any]) -> Iterator[str]:
    """The rules of the registry that a `server.json` breaks, each with its remedy."""
    yield from problems_of_card(document)
    if document["version"] == "latest":
        yield "the version 'latest' is no version"
    if not document.get("remotes") and not document.get("packages"):
        yield "it has neither a remote nor a package: mount an endpoint, or give Cards(packages=[…])"
    for remote in document.get("remotes", ()):
        if problem := _problem_of_url(remote["url"]):
            yield f"the URL {remote['url']} {problem}"
    for icon in document.get("icons", ()):
        if not icon["src"].startswith("https://") or len(icon["src"]) > 255:
            yield "an icon's src is an https URL of at most 255 characters"
    for package in document.get("packages", ()):
        if missing := [name for name in ("registryType", "identifier", "transport") if name not in package]:
            yield f"a package needs {', '.join(missing)}"
        version = package.get("version", "1")
        if version == "latest" or _VERSION_RANGE.search(version):
            yield f"the version {version!r} of a package is no single version, such as '1.4.0'"
    meta = document.get("_meta", {})
    if meta.keys() - {PUBLISHER} or len(json.dumps(meta, ensure_ascii=False).encode()) > 4096:
        yield f"the registry keeps {PUBLISHER!r} alone of _meta, of at most 4096 bytes"


def _problems_of_repository(repository: Mapping[str, Any] | None) -> Iterator[str]:
    if repository is None:
        return
    if missing := {"url", "source"} - repository.keys():
        yield f"the repository has no {min(missing)}"
    if unknown := repository.keys() - REPOSITORY_MEMBERS:
        yield f"the repository has {min(unknown)!r}, which cards do not have: own data are in meta"


def _problem_of_url(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return "is not https: set MCP_PUBLIC_URL, or give --url"
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host and not host.endswith(_LOCAL)
    return "" if is_public else "is not public: set MCP_PUBLIC_URL, or give --url"
