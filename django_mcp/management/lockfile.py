"""The lock file of a project's servers: all that clients see, in a form that a person reviews and a script compares."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from django_mcp.page.shown import key_of
from django_mcp.primitives.access import Access
from django_mcp.primitives.tools import Tool
from django_mcp.server import MCPServer

Lock: TypeAlias = dict[str, Any]
"""`{"version": 1, "servers": {name: {kind: {key: definition}}}}`."""

VERSION: Final = 1
ASKS: Final = "asks"
"""The member of a definition that has its permissions and scopes, which no client is sent."""


def lock_of(servers: Iterable[MCPServer]) -> Lock:
    """All that is registered on the servers."""
    return {"version": VERSION, "servers": {server.name: _server(server) for server in servers}}


def dump(lock: Lock) -> str:
    """The text of a lock file: the same on every machine, with a line for each change."""
    return json.dumps(lock, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load(path: Path) -> Lock:
    """The lock of a file. Raises `CommandError` with the remedy."""
    try:
        lock: Lock = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandError(
            _("There is no %(path)s. Write it by manage.py mcp_schema, and commit it.") % {"path": path}, returncode=3
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(
            _("%(path)s cannot be read: %(error)s. Write it again by manage.py mcp_schema.")
            % {"path": path, "error": error},
            returncode=3,
        ) from None
    if not _is_lock(lock):
        raise CommandError(
            _("%(path)s is no lock file of this version. Write it again by manage.py mcp_schema.") % {"path": path},
            returncode=3,
        )
    return lock


def _is_lock(lock: Any) -> bool:
    if not isinstance(lock, dict) or lock.get("version") != VERSION or not isinstance(lock.get("servers"), dict):
        return False
    kinds = [kind for server in lock["servers"].values() for kind in _members(server) if not isinstance(kind, str)]
    return all(isinstance(entry, dict) for kind in kinds for entry in _members(kind))


def _members(value: Any) -> list[Any]:
    """The values of an object; a value that is none stands for itself, and fits nowhere."""
    return list(value.values()) if isinstance(value, dict) else [value]


def _server(server: MCPServer) -> dict[str, Any]:
    registry = server.registry
    kinds: dict[str, list[dict[str, Any]]] = {
        "tools": [_with_access(_definition(tool), tool.access) for tool in registry.tools.values()],
        "resources": [_with_access(entry.definition, entry.access) for entry in registry.resources.values()],
        "resourceTemplates": [_with_access(entry.definition, entry.access) for entry in registry.templates.values()],
        "prompts": [_with_access(entry.definition, entry.access) for entry in registry.prompts.values()],
    }
    named = {kind: {key_of(entry): entry for entry in entries} for kind, entries in kinds.items()}
    return {"instructions": server.instructions or "", **named}


def _definition(tool: Tool) -> dict[str, Any]:
    """The entry of a tool; without a schema where that is made for each caller and needs one."""
    try:
        return tool.described(None).definition
    except Exception:
        return tool.definition


def _with_access(definition: dict[str, Any], access: Access | None) -> dict[str, Any]:
    if access is None:
        return definition
    rules = len(access.rules) - len(access.codenames)
    asks = [*sorted(access.codenames), *(f"scope {scope}" for scope in sorted(access.scopes)), *["a rule"] * rules]
    return {**definition, ASKS: asks}
