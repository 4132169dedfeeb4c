"""`Apps`: the extension `io.modelcontextprotocol/ui`, whose tools are shown by a template."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver

from django_mcp import Context, EmbeddedResource
from django_mcp.extensions import DeclaredTool, Extension, ToolPart

from . import checks, preview
from .csp import file_origins
from .declared import MIME_TYPE, App, app
from .documents import Document, granted, render
from .forms import ATTRIBUTE

if TYPE_CHECKING:
    from django_mcp import MCPServer

ID: Final = "io.modelcontextprotocol/ui"
EVERYBODY: Final = ("model", "app")


@dataclass(frozen=True, slots=True)
class AppTool:
    """A tool with options of apps: who may call it, the app that shows its result, and its form."""

    name: str
    visibility: tuple[str, ...]
    app: App | None
    form: Callable[[], Any] | None
    is_guarded: bool

    @property
    def is_app_only(self) -> bool:
        return self.visibility == ("app",)


@dataclass(frozen=True, slots=True)
class Declared:
    """The apps of a server, by URI, with the access rules of each, and its tools that have to do with them, by name."""

    apps: dict[str, App] = field(default_factory=dict)
    access: dict[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    tools: dict[str, AppTool] = field(default_factory=dict)

    def forms(self) -> Mapping[str, Callable[[], Any]]:
        return {name: tool.form for name, tool in self.tools.items() if tool.form is not None}


class Apps(Extension):
    """Apps on a server: `@tool(app="shop/orders.html")`, and `@tool(visibility="app")` for tools that apps call."""

    id = ID
    is_official = True
    eras = ("modern", "handshake")
    schemes = ("ui",)
    tool_options = ("app", "visibility")

    def __init__(self) -> None:
        self._declared: WeakKeyDictionary[MCPServer, Declared] = WeakKeyDictionary()

    def on(self, server: "MCPServer") -> Declared:
        """The apps of a server."""
        return self._declared.setdefault(server, Declared())

    def document(self, server: "MCPServer", one: App, extra: Mapping[str, Any] | None = None) -> Document:
        """The document of an app, as hosts get it."""
        return render(server, one, self.on(server).forms(), extra)

    def read_tool(self, server: "MCPServer", tool: DeclaredTool) -> ToolPart:
        visibility = _visibility(tool)
        shown = _app_of(tool)
        form = getattr(tool.function, ATTRIBUTE, None)
        is_guarded = bool(tool.permission or tool.scopes)
        self.on(server).tools[tool.name] = AppTool(tool.name, visibility, shown, form, is_guarded)
        ui: dict[str, Any] = {} if visibility == EVERYBODY else {"visibility": list(visibility)}
        meta: dict[str, Any] = {}
        if shown is not None:
            self._add(server, shown, tool)
            ui = {"resourceUri": shown.uri, **ui}
            meta["ui/resourceUri"] = shown.uri  # Older hosts read only this one.
        return ToolPart(meta={**meta, "ui": ui} if ui else meta, searchable="model" in visibility)

    def checks(self, server: "MCPServer") -> Iterable[CheckMessage]:
        return checks.check_apps(self, server)

    def urls(self, server: "MCPServer") -> Sequence[URLPattern | URLResolver]:
        return preview.urls(self, server)

    def _add(self, server: "MCPServer", one: App, tool: DeclaredTool) -> None:
        """Registers the resource of an app, once for all tools that show it."""
        declared = self.on(server)
        own = one.permission is not None or bool(one.scopes)
        access = (one.permission, one.scopes) if own else (tool.permission, tuple(tool.scopes))
        if (earlier := declared.apps.get(one.uri)) is not None:
            if earlier != one:
                raise ImproperlyConfigured(
                    f"{tool.label}: {one.uri} is another app already; declare it once, by app(…), and give both tools "
                    "that, or give one of them another uri."
                )
            if declared.access[one.uri] != access:
                raise ImproperlyConfigured(
                    f"{tool.label}: another tool with the app {one.template!r} has other permissions; say the "
                    "template's own: app=app(…, permission=…)."
                )
            return
        declared.apps[one.uri], declared.access[one.uri] = one, access
        server.resource(
            one.uri,
            name=one.name,
            title=one.title,
            description=one.description,
            mime_type=MIME_TYPE,
            meta=one.meta(granted(one, set(file_origins()))) if one.meta(one.origins)["ui"] or file_origins() else None,
            permission=access[0],
            scopes=access[1],
        )(self._reader(server, one))

    def _reader(self, server: "MCPServer", one: App) -> Callable[[], EmbeddedResource]:
        def read_app() -> EmbeddedResource:
            document = self.document(server, one)
            meta = one.meta(document.origins)
            return EmbeddedResource(
                uri=one.uri, text=document.html, mime_type=MIME_TYPE, meta=meta if meta["ui"] else None
            )

        return read_app


def shows_apps(ctx: Context) -> bool:
    """Whether the client of a call shows apps; a tool may write a longer text for those that do not."""
    settings = ctx.client_extension(ID)
    types = settings.get("mimeTypes") if isinstance(settings, Mapping) else None
    return isinstance(types, list) and MIME_TYPE in types


def _visibility(tool: DeclaredTool) -> tuple[str, ...]:
    given = tool.options.get("visibility", EVERYBODY)
    values = (given,) if isinstance(given, str) else tuple(given)
    if not values or set(values) - set(EVERYBODY):
        raise ImproperlyConfigured(f"{tool.label}: visibility is 'model', 'app' or both, not {given!r}.")
    return tuple(one for one in EVERYBODY if one in values)


def _app_of(tool: DeclaredTool) -> App | None:
    given = tool.options.get("app")
    if given is None or isinstance(given, App):
        return given
    if isinstance(given, str):
        return app(given)
    raise ImproperlyConfigured(f"{tool.label}: app is the name of a template, or app(…), not {given!r}.")
