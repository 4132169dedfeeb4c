"""The rules of server cards (SEP-2127) and of `server.json` (the registry's schema of 2025-12-11)."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

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
        text = _("the name %(name)r is not like 'com.example/weather': letters, digits, '.', '_' and '-'")
        yield text % {"name": card["name"]}
    if not card["version"] or len(card["version"]) > 255 or _VERSION_RANGE.search(card["version"]):
        yield _("the version %(version)r is no single version, such as '1.4.0'") % {"version": card["version"]}
    if not 1 <= len(card.get("description", "")) <= MAX_TEXT:
        text = _("the description has 1 to %(most)d characters: give the server a short one, or Cards(description=…)")
        yield text % {"most": MAX_TEXT}
    if len(card.get("title", "x")) not in range(1, MAX_TEXT + 1):
        yield _("the title has 1 to %(most)d characters") % {"most": MAX_TEXT}
    yield from _problems_of_repository(card.get("repository"))
    for header in (header for remote in card.get("remotes", ()) for header in remote.get("headers", ())):
        if header.get("isSecret") and header.keys() & {"value", "default"}:
            text = _("the header %(name)r is secret, and its value is written in it: leave it out")
            yield text % {"name": header.get("name")}
        if not header.get("name"):
            yield _("a header has no name")
        if unknown := header.keys() - HEADER_MEMBERS:
            text = _("the header %(name)r has %(member)r, which cards do not have")
            yield text % {"name": header.get("name"), "member": min(unknown)}


def problems_of_server_json(document: Mapping[str, Any]) -> Iterator[str]:
    """The rules of the registry that a `server.json` breaks, each with its remedy."""
    yield from problems_of_card(document)
    if document["version"] == "latest":
        yield _("the version 'latest' is no version")
    if not document.get("remotes") and not document.get("packages"):
        yield _("it has neither a remote nor a package: mount an endpoint, or give Cards(packages=[…])")
    for remote in document.get("remotes", ()):
        if problem := _problem_of_url(remote["url"]):
            yield problem % {"url": remote["url"]}
    for icon in document.get("icons", ()):
        if not icon["src"].startswith("https://") or len(icon["src"]) > 255:
            yield _("an icon's src is an https URL of at most 255 characters")
    for package in document.get("packages", ()):
        if missing := [name for name in ("registryType", "identifier", "transport") if name not in package]:
            yield _("a package needs %(members)s") % {"members": ", ".join(missing)}
        version = package.get("version", "1")
        if version == "latest" or _VERSION_RANGE.search(version):
            text = _("the version %(version)r of a package is no single version, such as '1.4.0'")
            yield text % {"version": version}
    meta = document.get("_meta", {})
    if meta.keys() - {PUBLISHER} or len(json.dumps(meta, ensure_ascii=False).encode()) > 4096:
        yield _("the registry keeps %(name)r alone of _meta, of at most 4096 bytes") % {"name": PUBLISHER}


def _problems_of_repository(repository: Mapping[str, Any] | None) -> Iterator[str]:
    if repository is None:
        return
    if missing := {"url", "source"} - repository.keys():
        yield _("the repository has no %(member)s") % {"member": min(missing)}
    if unknown := repository.keys() - REPOSITORY_MEMBERS:
        text = _("the repository has %(member)r, which cards do not have: own data are in meta")
        yield text % {"member": min(unknown)}


def _problem_of_url(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return _("the URL %(url)s is not https: set MCP_PUBLIC_URL, or give --url")
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host and not host.endswith(_LOCAL)
    return "" if is_public else _("the URL %(url)s is not public: set MCP_PUBLIC_URL, or give --url")
