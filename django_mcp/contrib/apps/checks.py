"""System checks of apps: each template is rendered as hosts get it, and read."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps as installed
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.template import TemplateDoesNotExist
from django.utils.translation import gettext
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
            gettext("Apps() has no template tags."),
            hint=gettext('Add "django_mcp.contrib.apps" to INSTALLED_APPS.'),
            id="django_mcp.E080",
        )
        return
    declared = extension.on(server)
    for one in declared.apps.values():
        yield from _check_app(extension, server, one)
    for tool in declared.tools.values():
        if tool.is_app_only and not tool.is_guarded:
            yield Warning(
                gettext("%(server)s: everybody may call the tool %(tool)r, which is for apps only.")
                % {"server": server.name, "tool": tool.name},
                hint=gettext(
                    "Servers cannot tell an app's call from any other. Give the tool a permission= or scopes=; a "
                    "permission that is a function which returns True says that everybody is meant."
                ),
                id="django_mcp.W080",
            )


def _check_app(extension: "Apps", server: "MCPServer", one: App) -> Iterator[CheckMessage]:
    try:
        document = extension.document(server, one, {"csrf_token": CSRF})
    except TemplateDoesNotExist as error:
        text = gettext("The app %(app)r has no template: %(template)s does not exist.")
        yield Error(text % {"app": one.template, "template": error}, id="django_mcp.E081")
        return
    except Exception as error:
        yield Error(
            gettext("The app %(app)r cannot be rendered: %(error)s")
            % {"app": one.template, "error": f"{type(error).__name__}: {error}"},
            hint=gettext("It is rendered without a request and a user: the results of its tools are its data."),
            id="django_mcp.E081",
        )
        return
    tools = extension.on(server).tools
    yield from _check_secrets(one, document.html)
    yield from _check_document(one, document, inspection.inspect(document.html), server.registry.tools, tools)


def _check_secrets(one: App, html: str) -> Iterator[CheckMessage]:
    if CSRF in html:
        yield Error(
            gettext("The app %(app)r holds a CSRF token.") % {"app": one.template},
            hint=gettext("Take csrf_token out: an app has no cookies, and its forms become calls of tools."),
            id="django_mcp.E082",
        )
    for name in sorted(set(_secrets_in(html))):
        yield Error(
            gettext("The app %(app)r holds the value of the setting %(setting)s.")
            % {"app": one.template, "setting": name},
            hint=gettext(
                "Everybody who sees the app can read it. Take it out, and change the secret if it was served."
            ),
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
    if not found.has_doctype:
        yield Error(
            gettext("The app %(app)r is no HTML document.") % {"app": one.template},
            hint=gettext("Begin it with <!doctype html>."),
            id="django_mcp.E084",
        )
    for tool in dict.fromkeys(found.tools):
        if tool not in tools:
            text = gettext("The app %(app)r calls the tool %(tool)r, which the server does not have.")
            yield Error(text % {"app": one.template, "tool": tool}, id="django_mcp.E085")
        elif tool in known and "app" not in known[tool].visibility:
            yield Error(
                gettext("The app %(app)r calls the tool %(tool)r, which is not for apps.")
                % {"app": one.template, "tool": tool},
                hint=gettext('Hosts refuse such a call. Leave out visibility="model".'),
                id="django_mcp.E085",
            )
    for kind, url in dict.fromkeys(found.addresses):
        if is_absolute(url) and not document.origins.covers(kind, url):
            yield Warning(
                gettext("The app %(app)r uses %(used)s, which hosts will block.")
                % {"app": one.template, "used": origin_of(url)},
                hint=gettext("Declare it, by app(%(app)r, %(kind)s=[%(origin)r]), or take it out.")
                % {"app": one.template, "kind": kind, "origin": origin_of(url)},
                id="django_mcp.W081",
            )
    for url in dict.fromkeys(inspection.relative_addresses(found)):
        yield Warning(
            gettext("The app %(app)r has the address %(address)r, which leads nowhere in a conversation.")
            % {"app": one.template, "address": url},
            hint=gettext("Use mcp_static for static files, an absolute URL for links, and tools for data."),
            id="django_mcp.W082",
        )
    if found.actions:
        yield Warning(
            gettext("The app %(app)r has a form with an action, which hosts block.") % {"app": one.template},
            hint=gettext("Name a tool instead: <form data-mcp-tool=…>."),
            id="django_mcp.W083",
        )
    if found.uses_eval or found.has_data_font:
        text = (
            gettext("The app %(app)r uses eval() or new Function(), which hosts block.")
            if found.uses_eval
            else gettext("The app %(app)r uses a font in a data: URL, which hosts block.")
        )
        yield Warning(text % {"app": one.template}, id="django_mcp.W084")
    if not found.talks and not any(kind == "resources" for kind, _ in found.addresses):
        yield Warning(
            gettext("The app %(app)r never speaks to its host, so it stays an empty frame.") % {"app": one.template},
            hint=gettext("Load mcp_apps, and put the tag mcp_app into its head."),
            id="django_mcp.W085",
        )
