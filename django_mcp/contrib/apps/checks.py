"""System checks of apps: each template is rendered as hosts get it, and read."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps as installed
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.template import TemplateDoesNotExist
from django.views.debug import SafeExceptionReporterFilter

from . import inspection
from .csp import is_absolute, origin_of
from .declared import App
from .documents import Document

if TYPE_CHECKING:
    from django_mcp import MCPServer

    from .extension import Apps, AppTool

CSRF: Final = "mcp-csrf-token-of-a-check"
"""The token that a template gets in a check alone, to be seen in its output."""

SHORTEST_SECRET: Final = 8


def check_apps(extension: "Apps", server: "MCPServer") -> Iterator[CheckMessage]:
    """Reports templates that do not render, that hold secrets, or that hosts would not show as they are meant."""
    if not installed.is_installed("django_mcp.contrib.apps"):
        yield Error(
            "Apps() has no template tags.",
            hint='Add "django_mcp.contrib.apps" to INSTALLED_APPS.',
            id="django_mcp.E080",
        )
        return
    declared = extension.on(server)
    for one in declared.apps.values():
        yield from _check_app(extension, server, one)
    for tool in declared.tools.values():
        if tool.is_app_only and not tool.is_guarded:
            yield Warning(
                f"{server.name}: everybody may call the tool {tool.name!r}, which is for apps only.",
                hint=(
                    "Servers cannot tell an app's call from any other. Give the tool a permission= or scopes=; a "
                    "permission that is a function which returns True says that everybody is meant."
                ),
                id="django_mcp.W080",
            )


def _check_app(extension: "Apps", server: "MCPServer", one: App) -> Iterator[CheckMessage]:
    try:
        document = extension.document(server, one, {"csrf_token": CSRF})
    except TemplateDoesNotExist as error:
        yield Error(f"The app {one.template!r} has no template: {error} does not exist.", id="django_mcp.E081")
        return
    except Exception as error:
        yield Error(
            f"The app {one.template!r} cannot be rendered: {type(error).__name__}: {error}",
            hint="It is rendered without a request and a user: the results of its tools are its data.",
            id="django_mcp.E081",
        )
        return
    tools = extension.on(server).tools
    yield from _check_secrets(one, document.html)
    yield from _check_document(one, document, inspection.inspect(document.html), server.registry.tools, tools)


def _check_secrets(one: App, html: str) -> Iterator[CheckMessage]:
    if CSRF in html:
        yield Error(
            f"The app {one.template!r} holds a CSRF token.",
            hint="Take {% csrf_token %} out: an app has no cookies, and its forms become calls of tools.",
            id="django_mcp.E082",
        )
    for name in sorted(set(_secrets_in(html))):
        yield Error(
            f"The app {one.template!r} holds the value of the setting {name}.",
            hint="Everybody who sees the app can read it. Take it out, and change the secret if it was served.",
            id="django_mcp.E083",
        )


def _secrets_in(html: str) -> Iterator[str]:
    """The names of settings that Django itself hides in its error pages, and whose values are in a document."""
    hidden = SafeExceptionReporterFilter.hidden_settings
    for name in dir(settings):
        if not name.isupper():
            continue
        for path, value in _texts_of(name, getattr(settings, name)):
            if len(value) >= SHORTEST_SECRET and value in html and hidden.search(path):
                yield path


def _texts_of(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, own in value.items():
            yield from _texts_of(f"{path}.{key}", own)
    elif isinstance(value, list | tuple):
        for own in value:
            yield from _texts_of(path, own)


def _check_document(
    one: App,
    document: Document,
    found: inspection.Found,
    tools: Mapping[str, Any],
    known: "Mapping[str, AppTool]",
) -> Iterator[CheckMessage]:
    name = f"The app {one.template!r}"
    if not found.has_doctype:
        yield Error(f"{name} is no HTML document.", hint="Begin it with <!doctype html>.", id="django_mcp.E084")
    for tool in dict.fromkeys(found.tools):
        if tool not in tools:
            yield Error(f"{name} calls the tool {tool!r}, which the server does not have.", id="django_mcp.E085")
        elif tool in known and "app" not in known[tool].visibility:
            yield Error(
                f"{name} calls the tool {tool!r}, which is not for apps.",
                hint='Hosts refuse such a call. Leave out visibility="model".',
                id="django_mcp.E085",
            )
    for kind, url in dict.fromkeys(found.addresses):
        if is_absolute(url) and not document.origins.covers(kind, url):
            yield Warning(
                f"{name} uses {origin_of(url)}, which hosts will block.",
                hint=f"Declare it, by app({one.template!r}, {kind}=[{origin_of(url)!r}]), or take it out.",
                id="django_mcp.W081",
            )
    for url in dict.fromkeys(inspection.relative_addresses(found)):
        yield Warning(
            f"{name} has the address {url!r}, which leads nowhere in a conversation.",
            hint="Use {% mcp_static %} for static files, an absolute URL for links, and tools for data.",
            id="django_mcp.W082",
        )
    if found.actions:
        yield Warning(
            f"{name} has a form with an action, which hosts block.",
            hint="Name a tool instead: <form data-mcp-tool=…>.",
            id="django_mcp.W083",
        )
    if found.uses_eval or found.has_data_font:
        used = "eval() or new Function()" if found.uses_eval else "a font in a data: URL"
        yield Warning(f"{name} uses {used}, which hosts block.", id="django_mcp.W084")
    if not found.talks and not any(kind == "resources" for kind, _ in found.addresses):
        yield Warning(
            f"{name} never speaks to its host, so it stays an empty frame.",
            hint="Put {% load mcp_apps %} and {% mcp_app %} into its head.",
            id="django_mcp.W085",
        )
