"""The project as it stands: system checks, endpoints, and whether its tools are ready for directories of servers."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core import checks
from django.db.migrations.executor import MigrationExecutor

from django_mcp.endpoint import routes
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
    for server in all_servers():
        if server.name == name or (name is None and not server.is_empty()):
            yield from _tools(server)


def _migrations() -> Iterator[Finding]:
    from django.db import connections

    try:
        executor = MigrationExecutor(connections[alias()])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes("django_mcp"))
    except Exception as error:
        yield Finding("database", "problem", f"The database does not answer: {error}", "See DATABASES.")
        return
    if missing:
        yield Finding("database", "problem", f"Migrations are missing: {len(missing)}", "Run manage.py migrate.")
    else:
        yield Finding("database", "ok", "The tables are there.")


def _system_checks() -> Iterator[Finding]:
    found = checks.run_checks(tags=["mcp"], include_deployment_checks=True)
    for message in found:
        if not message.is_silenced():
            status: Status = "problem" if message.level >= checks.ERROR else "warning"
            status = "note" if message.level < checks.WARNING else status
            yield Finding(f"check {message.id}", status, str(message.msg), str(message.hint or ""))
    if not found:
        yield Finding("checks", "ok", "manage.py check --deploy --tag mcp has nothing to say.")


def _endpoints() -> Iterator[Finding]:
    mounted = list(routes.mounted_views())
    for path, view in mounted:
        access = "open to everybody" if view.is_open() else "asks who is calling"
        yield Finding("endpoint", "ok", f"{path}: {access}, eras: {', '.join(view.eras)}")
    if not mounted:
        yield Finding(
            "endpoint",
            "problem",
            "No URL serves MCP.",
            'Add path("mcp", endpoint()) to the URLconf, from django_mcp.urls.',
        )


def _tools(server: MCPServer) -> Iterator[Finding]:
    locked = lock_of([server])["servers"][server.name]
    yield from judge(server.name, list(locked["tools"].values()))


def judge(name: str, tools: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Findings about a server's tools, as its clients are sent them."""
    refused = {tool["name"]: found for tool in tools if (found := objections(tool))}
    for tool, found in refused.items():
        for objection in found:
            text, _, advice = objection.partition(": ")
            yield Finding(f"tool {tool}", "warning", f"{name}: {text}", advice[:1].upper() + advice[1:])
    if tools and not refused:
        yield Finding(
            "directories", "ok", f"{name}: each of its {len(tools)} tools is ready for Claude's and ChatGPT's."
        )
    tokens = estimate_tokens(sum(map(size_of, tools)))
    if tokens > MANY_TOKENS:
        advice = "Give the server search_tools_above=, split it, or shorten descriptions and output schemas."
        yield Finding("size", "warning", f"{name}: its tools take about {tokens} tokens of each conversation.", advice)
    elif tools:
        yield Finding("size", "ok", f"{name}: its tools take about {tokens} tokens of each conversation.")
