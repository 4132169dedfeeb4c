"""The content of the page, for one person: the server, and each primitive that the person may use."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.utils.translation import gettext, gettext_noop

from django_mcp.methods.answering import prepare
from django_mcp.primitives.access import Access
from django_mcp.primitives.context import Caller
from django_mcp.protocol.inbound import Inbound
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import LATEST_MODERN
from django_mcp.server import MCPServer

LISTS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
CHARACTERS_PER_TOKEN: Final = 4
"""A rule of thumb for JSON in English; each model has its own."""

_HINTS: Final = {
    "readOnlyHint": gettext_noop("read only"),
    "destructiveHint": gettext_noop("may destroy"),
    "idempotentHint": gettext_noop("idempotent"),
    "openWorldHint": gettext_noop("open world"),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """A word about a primitive, and its kind: `hint`, `danger`, `permission` or `scope`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A primitive: its definition as a client is sent it, the group that it is shown in, and the names of its secret
    arguments (`*` for all).
    """

    kind: str
    key: str
    group: str
    definition: Mapping[str, Any]
    badges: tuple[Badge, ...]
    size: int
    secrets: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return estimate_tokens(self.size)

    @property
    def title(self) -> str:
        annotations = self.definition.get("annotations") or {}
        return str(self.definition.get("title") or annotations.get("title") or "")


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a person sees of a server. `groups` has the entries of each kind, by group."""

    server: MCPServer
    groups: Mapping[str, Mapping[str, list[Entry]]]

    def entries(self) -> Iterator[Entry]:
        return (entry for kinds in self.groups.values() for group in kinds.values() for entry in group)

    @property
    def size(self) -> int:
        """The characters that a model is sent before it does anything."""
        return len(self.server.instructions or "") + sum(entry.size for entry in self.entries())

    @property
    def tokens(self) -> int:
        return estimate_tokens(self.size)


def seen(server: MCPServer, caller: Caller) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The entries of each list, as they go out to a caller's client of the newest revision."""
    for method, key in LISTS.items():
        entries: list[dict[str, Any]] = []
        params: dict[str, Any] | None = {}
        while params is not None:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            reply = prepare(server, Inbound.of("request", "modern", message, {}, LATEST_MODERN), None, caller)
            result = json.loads(reply.body).get("result", {}) if isinstance(reply, Reply) else {}
            entries += result.get(key, [])
            params = {"cursor": result["nextCursor"]} if "nextCursor" in result else None
        if entries:
            yield key, entries


def size_of(definition: Mapping[str, Any]) -> int:
    """The characters of a definition, as it is sent."""
    return len(json.dumps(definition, ensure_ascii=False, separators=(",", ":")))


def estimate_tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def key_of(definition: Mapping[str, Any]) -> str:
    """The name by which a client calls for a primitive."""
    return str(definition.get("uri") or definition.get("uriTemplate") or definition["name"])


def show(server: MCPServer, caller: Caller | None) -> Shown:
    """The page's content for a caller; `None` is somebody whom the endpoint does not let in."""
    groups: dict[str, dict[str, list[Entry]]] = {}
    for kind, definitions in seen(server, caller) if caller is not None else ():
        for definition in definitions:
            entry = _entry(server, kind, definition)
            groups.setdefault(kind, {}).setdefault(entry.group, []).append(entry)
    return Shown(server, groups)


def _entry(server: MCPServer, kind: str, definition: Mapping[str, Any]) -> Entry:
    key = key_of(definition)
    found = _registered(server, kind).get(key)
    badges = (*_hints(kind, definition), *_asked(getattr(found, "access", None)))
    secrets = sorted(getattr(getattr(found, "signature", None), "sensitive", ()))
    return Entry(kind, key, _group_of(found), definition, badges, size_of(definition), tuple(secrets))


def _registered(server: MCPServer, kind: str) -> Mapping[str, Any]:
    name = "templates" if kind == "resourceTemplates" else kind
    registered: Mapping[str, Any] = getattr(server.registry, name)
    return registered


def _hints(kind: str, definition: Mapping[str, Any]) -> Iterator[Badge]:
    if kind != "tools":
        return
    hints = definition.get("annotations") or {}
    # A tool that says nothing may destroy; one that only reads does not (spec 2025-11-25 schema, ToolAnnotations).
    hints = {"destructiveHint": True, **hints, **({"destructiveHint": False} if hints.get("readOnlyHint") else {})}
    for name, text in _HINTS.items():
        if hints.get(name):
            yield Badge("danger" if name == "destructiveHint" else "hint", gettext(text))


def _asked(access: Access | None) -> Iterator[Badge]:
    if access is not None:
        yield from (Badge("permission", codename) for codename in access.codenames)
        if len(access.rules) > len(access.codenames):
            yield Badge("permission", gettext("a rule"))
        yield from (Badge("scope", scope) for scope in access.scopes)


def _group_of(primitive: Any) -> str:
    """The toolset of a primitive, else the app that declares it."""
    function = getattr(getattr(primitive, "signature", None), "function", None)
    owner, dot, _name = getattr(function, "__qualname__", "").rpartition(".")
    if dot and "<locals>" not in owner:
        return owner.rpartition(".")[2]
    module = getattr(function, "__module__", "") or ""
    config = apps.get_containing_app_config(module)
    return str(config.verbose_name) if config is not None else module.partition(".")[0] or gettext("Others")
