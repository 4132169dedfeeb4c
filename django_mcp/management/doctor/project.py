"""The project as it stands: system checks, endpoints, and whether its tools are ready for directories of servers."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core import checks
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_mcp.endpoint import routes
from django_mcp.management import wiring
from django_mcp.management.lockfile import lock_of
from django_mcp.page.shown import estimate_tokens, size_of
from django_mcp.primitives.readiness import objections
from django_mcp.server import MCPServer, all_servers
from django_mcp.storage.database import alias

from .findings import Finding, Status

MANY_TOKENS = 25_000
"""Tools of more tokens crowd a model's context before it has done anything."""


def examine(name: str | None = None) -> Iterator[Finding]:
    """The findings; of the tools of one server, or of all. Asks the database for its migrations."""
    yield from _migrations()
    yield from _system_checks()
    yield from _endpoints()
    yield from _lane()
    for server in all_servers():
        if server.name == name or (name is None and not server.is_empty()):
            yield from _tools(server)


def _migrations() -> Iterator[Finding]:
    from django.db import connections

    try:
        executor = MigrationExecutor(connections[alias()])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes("django_mcp"))
    except Exception as error:
        text = _("The database does not answer: %(error)s") % {"error": error}
        yield Finding("database", "problem", text, _("See DATABASES."))
        return
    if missing:
        text = _("Migrations are missing: %(count)d") % {"count": len(missing)}
        yield Finding("database", "problem", text, _("Run manage.py migrate."))
    else:
        yield Finding("database", "ok", _("The tables are there."))


def _system_checks() -> Iterator[Finding]:
    found = checks.run_checks(tags=["mcp"], include_deployment_checks=True)
    for message in found:
        if not message.is_silenced():
            status: Status = "problem" if message.level >= checks.ERROR else "warning"
            status = "note" if message.level < checks.WARNING else status
            yield Finding(f"check {message.id}", status, str(message.msg), str(message.hint or ""))
    if not found:
        yield Finding("checks", "ok", _("manage.py check --deploy --tag mcp has nothing to say."))


def _endpoints() -> Iterator[Finding]:
    mounted = list(routes.mounted_views())
    for path, view in mounted:
        values = {"path": path, "eras": ", ".join(view.eras)}
        is_open, asks = (
            _("%(path)s: open to everybody, eras: %(eras)s"),
            _("%(path)s: asks who is calling, eras: %(eras)s"),
        )
        yield Finding("endpoint", "ok", (is_open if view.is_open() else asks) % values)
    if not mounted:
        yield Finding(
            "endpoint",
            "problem",
            _("No URL serves MCP."),
            _('Add path("mcp", endpoint()) to the URLconf, from django_mcp.urls.'),
        )


def _lane() -> Iterator[Finding]:
    """Lines that the ASGI module and the settings lack; the system checks see the module by ASGI_APPLICATION alone."""
    for lack in wiring.lane_lacks():
        yield Finding("lane", "warning", lack.advice)


def _tools(server: MCPServer) -> Iterator[Finding]:
    locked = lock_of([server])["servers"][server.name]
    yield from judge(server.name, list(locked["tools"].values()))


def judge(name: str, tools: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Findings about a server's tools, as its clients are sent them."""
    refused = {tool["name"]: found for tool in tools if (found := objections(tool))}
    for tool, found in refused.items():
        for objection in found:
            text, _colon, advice = objection.partition(": ")
            yield Finding(f"tool {tool}", "warning", f"{name}: {text}", advice[:1].upper() + advice[1:])
    if tools and not refused:
        ready = ngettext(
            "%(server)s: its %(count)d tool is ready for Claude's and ChatGPT's.",
            "%(server)s: each of its %(count)d tools is ready for Claude's and ChatGPT's.",
            len(tools),
        )
        yield Finding("directories", "ok", ready % {"server": name, "count": len(tools)})
    tokens = estimate_tokens(sum(map(size_of, tools)))
    size = ngettext(
        "%(server)s: its tools take about %(count)d token of each conversation.",
        "%(server)s: its tools take about %(count)d tokens of each conversation.",
        tokens,
    ) % {"server": name, "count": tokens}
    if tokens > MANY_TOKENS:
        advice = _("Give the server search_tools_above=, split it, or shorten descriptions and output schemas.")
        yield Finding("size", "warning", size, advice)
    elif tools:
        yield Finding("size", "ok", size)
