"""System checks (`manage.py check`) of the apps' declarations: empty endpoints, tools that are very long or whose
arguments cannot be described, permissions that do not exist, duplicate names. They query no database, because they run
before `migrate`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_backends
from django.contrib.auth.backends import ModelBackend
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.translation import gettext

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.routes import mounted_servers, mounted_views
from django_mcp.primitives.readiness import broken_references
from django_mcp.primitives.tools import Tool
from django_mcp.server import MCPServer

_WAYS_TO_A_DATABASE: Final = ("cursor", "chunked_cursor", "ensure_connection")


@register("mcp")
def check_endpoints(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports an endpoint without primitives, and an endpoint that was mounted without calling `endpoint()`."""
    empty: list[CheckMessage] = [
        Warning(
            gettext("The endpoint %(path)s has no tool, no resource and no prompt.") % {"path": path},
            hint=gettext(
                "The mcp.py of an app declares them: is the app in INSTALLED_APPS, and do they name this server?"
            ),
            id="django_mcp.W031",
        )
        for path, view in mounted_views()
        if view.get_server().is_empty()
    ]
    uncalled: list[CheckMessage] = [
        Error(
            gettext("/%(path)s leads to the function endpoint itself.") % {"path": path},
            hint=gettext('Call it: path("%(path)s", endpoint()).') % {"path": path},
            id="django_mcp.E033",
        )
        for path, callback in _callbacks(get_resolver().url_patterns)
        if (getattr(callback, "__module__", ""), getattr(callback, "__name__", "")) == ("django_mcp.urls", "endpoint")
    ]
    return empty + uncalled


@register("mcp")
def check_tools(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools whose arguments cannot be described, or whose definition is very long."""
    return [
        problem
        for server in mounted_servers()
        for tool in server.registry.tools.values()
        for problem in (*_check_arguments(server, tool), *_check_docstring(server, tool))
    ]


@register("mcp")
def check_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports two functions of one name in a module, the second of which has replaced the first."""
    return [
        Warning(
            gettext("%(server)s: the %(kind)s %(name)r is declared twice, by two functions %(function)s.")
            % {"server": server.name, "kind": kind, "name": key, "function": function},
            hint=gettext("The second has replaced the first. Give one of them another name."),
            id="django_mcp.W036",
        )
        for server in mounted_servers()
        for kind, key, function in server.registry.replaced
    ]


@register("mcp")
def check_permissions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports permissions that no model declares: only superusers have them, so the tool is useless to others."""
    if not apps.is_installed("django.contrib.auth") or not _all_permissions_are_of_models():
        return []
    known = set(_codenames())
    return [
        Warning(
            gettext(
                "%(server)s: %(kind)s %(name)r asks for the permission %(permission)r, which no installed model has."
            )
            % {"server": server.name, "kind": kind, "name": key, "permission": codename},
            hint=gettext("Correct it, or declare it in the permissions of a model's Meta."),
            id="django_mcp.W037",
        )
        for server in mounted_servers()
        for kind, entries in server.registry.by_kind().items()
        for key, entry in entries.items()
        for codename in (entry.access.codenames if entry.access else ())
        if codename not in known
    ]


def _callbacks(patterns: "list[URLPattern | URLResolver]", above: str = "") -> Iterator[tuple[str, Any]]:
    """The callbacks of a URLconf, each with its path; regular expressions are left out of the path."""
    for entry in patterns:
        path = f"{above}{getattr(entry.pattern, '_route', '')}"
        if isinstance(entry, URLResolver):
            yield from _callbacks(entry.url_patterns, path)
        else:
            yield path, entry.callback


def _check_arguments(server: MCPServer, tool: Tool) -> Iterator[CheckMessage]:
    with _without_database() as asked:
        try:
            described = tool.described(None)
        except ImproperlyConfigured as error:
            text = gettext("%(server)s: the tool %(tool)r cannot be used. %(error)s")
            yield Error(text % {"server": server.name, "tool": tool.name, "error": error}, id="django_mcp.E034")
            return
        except Exception as error:
            if not asked:
                text = gettext("%(server)s, tool %(tool)r: %(error)s")
                yield Warning(
                    text % {"server": server.name, "tool": tool.name, "error": error},
                    hint=gettext(
                        "It is tried again with each caller's request, and left out of the list where that fails too."
                    ),
                    id="django_mcp.W034",
                )
            return
    for place, reference, path in broken_references(described.definition):
        yield Error(
            gettext(
                "%(server)s: %(place)s of the tool %(tool)r refers to %(reference)r at %(path)s, where there is "
                "nothing."
            )
            % {"server": server.name, "place": place, "tool": tool.name, "reference": reference, "path": path},
            hint=gettext('Define it under "$defs" at the root of the schema, or write it out.'),
            id="django_mcp.E050",
        )
    size, limit = len(json.dumps(described.definition)), mcp_settings.LARGE_TOOL_BYTES
    if limit is not None and size > limit:
        yield Warning(
            gettext("%(server)s: the tool %(tool)r takes %(size)d bytes in the list of tools, and a model reads all.")
            % {"server": server.name, "tool": tool.name, "size": size},
            hint=gettext("Give it fewer arguments, filters or choices, or raise MCP_LARGE_TOOL_BYTES."),
            id="django_mcp.W030",
        )


def _check_docstring(server: MCPServer, tool: Tool) -> Iterator[CheckMessage]:
    if tool.signature.misnamed:
        names = ", ".join(tool.signature.schema["properties"])
        yield Warning(
            gettext("%(server)s: the docstring of the tool %(tool)r describes %(names)s, which it does not take.")
            % {"server": server.name, "tool": tool.name, "names": ", ".join(tool.signature.misnamed)},
            hint=gettext("It takes %(names)s.") % {"names": names} if names else gettext("It takes no arguments."),
            id="django_mcp.W035",
        )


@contextmanager
def _without_database() -> Iterator[list[str]]:
    """Makes every query fail while it is active, as in a database without tables, and yields the list of queried
    databases.
    """
    asked: list[str] = []

    def refuse(*args: Any, **kwargs: Any) -> Any:
        asked.append("")
        raise OperationalError("A system check asks no database.")

    connected = [(connection, name) for connection in connections.all() for name in _WAYS_TO_A_DATABASE]
    before = [vars(connection).get(name) for connection, name in connected]
    for connection, name in connected:
        vars(connection)[name] = refuse
    try:
        yield asked
    finally:
        for (connection, name), own in zip(connected, before, strict=True):
            if own is None:
                del vars(connection)[name]
            else:
                vars(connection)[name] = own


def _all_permissions_are_of_models() -> bool:
    """Whether no authentication backend has permissions of another kind, such as rules in code."""
    return all(isinstance(backend, ModelBackend) or not hasattr(backend, "has_perm") for backend in get_backends())


def _codenames() -> Iterator[str]:
    for model in apps.get_models():
        options = model._meta
        for action in options.default_permissions:
            yield f"{options.app_label}.{action}_{options.model_name}"
        for codename, _ in options.permissions:
            yield f"{options.app_label}.{codename}"
