"""`MCPServer`: an identity, a registry, and what a project calls on it: decorators, notifications, `watch`.

A server answers no messages itself; `methods/` does.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar, overload
from urllib.parse import quote
from weakref import WeakSet

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.utils.translation import get_language_from_request

from django_mcp.conf import MAX_SERVER_NAME, is_server_name, mcp_settings
from django_mcp.methods import extending
from django_mcp.methods.request import Request
from django_mcp.primitives import tool_search
from django_mcp.primitives.call_options import Budget
from django_mcp.primitives.content import Icon
from django_mcp.primitives.context import Context
from django_mcp.primitives.extension import DeclaredTool, Extension
from django_mcp.primitives.middleware import Middleware
from django_mcp.primitives.registry import Registry
from django_mcp.primitives.resources import Resources
from django_mcp.primitives.signatures import describe_function, name_of
from django_mcp.primitives.tools import TOOL_OPTIONS, Tool
from django_mcp.primitives.toolsets import Toolset
from django_mcp.protocol.modern import CacheHints
from django_mcp.protocol.versions import Era
from django_mcp.signals import server_changed

logger = logging.getLogger("django_mcp")

Function = TypeVar("Function", bound=Callable[..., Any])
MiddlewareFunction = TypeVar("MiddlewareFunction", bound=Middleware)
ToolsetClass = TypeVar("ToolsetClass", bound=type[Toolset])


class MCPServer:
    """A server that clients see: its name and description, and the tools, resources and prompts registered on it.

    `page_size` is the number of entries in a page of a list. `cache` tells modern clients how long to keep lists and
    resources. `middleware` is around each call, the first outermost. `budget` is for tools without their own. With more
    tools than `search_tools_above`, clients see a search instead of the list. `language` is a function of the `Context`
    that returns the language of prompts and resources for its user. `extensions` are those of the protocol that the
    server has. Without a `name`, the `MCP_SERVER_…` settings are the server's identity.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        version: str | None = None,
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Iterable[Icon] = (),
        page_size: int | None = None,
        cache: CacheHints | None = None,
        middleware: Iterable[Middleware] = (),
        budget: Budget | None = None,
        search_tools_above: int | None = None,
        language: Callable[[Context], str | None] | None = None,
        extensions: Iterable[Extension] = (),
    ) -> None:
        if name is not None and not is_server_name(name):
            raise ImproperlyConfigured(
                f"A server is called {name[:40]!r}: its name has 1 to {MAX_SERVER_NAME} characters that can be printed."
            )
        self._name = name
        self._version = version
        self._title = title
        self._instructions = instructions
        self._description = description
        self._website_url = website_url
        self._icons = [icon.to_wire() for icon in icons]
        self._page_size = page_size
        self.cache = cache or CacheHints()
        self.budget = budget
        self.search_tools_above = search_tools_above
        self._language = language
        self.registry = Registry()
        self.middlewares = list(middleware)
        self.tables = extending.NO_TABLES
        self.methods = self.tables.methods
        _servers.add(self)
        if extensions := tuple(extensions):
            self.extend(*extensions)

    def __repr__(self) -> str:
        return f"<MCPServer {self.name!r}>"

    @property
    def name(self) -> str:
        return self._name if self._name is not None else mcp_settings.SERVER_NAME

    @property
    def version(self) -> str:
        """The version for clients; the package's own version when the project sets none, because the protocol requires
        one.
        """
        return self._version or (mcp_settings.SERVER_VERSION if self._name is None else "") or _package_version()

    @property
    def title(self) -> str | None:
        return self._title or (mcp_settings.SERVER_TITLE if self._name is None else None)

    @property
    def instructions(self) -> str | None:
        return self._instructions or (mcp_settings.SERVER_INSTRUCTIONS if self._name is None else None)

    @property
    def page_size(self) -> int:
        return self._page_size or mcp_settings.PAGE_SIZE

    @overload
    def tool(self, function: Function, /) -> Function: ...
    @overload
    def tool(self, /, **options: Any) -> Callable[[Function], Function]: ...
    def tool(self, function: Function | None = None, /, **options: Any) -> Any:
        """Registers a function as a tool, and returns the function. The options are those of `django_mcp.tool`."""
        return self._register(self._add_tool, function, options)

    def toolset(self, toolset: ToolsetClass, /) -> ToolsetClass:
        """Registers the public methods of a `Toolset` as tools, and returns the class."""
        for function, options in toolset.tools():
            self._add_tool(function, **options)
        return toolset

    @overload
    def resource(self, uri: str, /, **options: Any) -> Callable[[Function], Function]: ...
    @overload
    def resource(self, source: Resources, /) -> Resources: ...
    def resource(self, uri: Any, /, **options: Any) -> Any:
        """Registers a function as the resource of a URI, or as a template when the URI has variables. Also takes a
        source of many resources, such as a `ModelResource`.
        """

        def register(function: Function) -> Function:
            self.registry.add_resource(function, uri, **options)
            return function

        if isinstance(uri, Resources):
            for function, own_uri, own_options in uri.resources():
                self.registry.add_resource(function, own_uri, **own_options)
            return uri
        if not isinstance(uri, str):
            raise TypeError("@resource needs the URI: @resource('airport://{iata}')")
        return register

    @overload
    def prompt(self, function: Function, /) -> Function: ...
    @overload
    def prompt(self, /, **options: Any) -> Callable[[Function], Function]: ...
    def prompt(self, function: Function | None = None, /, **options: Any) -> Any:
        """Registers a function as a prompt, and returns the function."""
        return self._register(self.registry.add_prompt, function, options)

    def middleware(self, middleware: MiddlewareFunction, /) -> MiddlewareFunction:
        """Adds middleware around each call, inside the middleware that exists already."""
        self.middlewares.append(middleware)
        return middleware

    def extend(self, *extensions: Extension) -> None:
        """Adds extensions, before the tools that use their options are declared. Raises `ImproperlyConfigured`, with
        the remedy, if two declare the same thing, or one declares something of the core.
        """
        self.tables = extending.build([*self.tables.extensions, *extensions])
        self.methods = self.tables.methods
        for extension in extensions:
            self.middlewares.extend(extension.middleware())
            extension.install(self)

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions of the protocol that the server has."""
        return self.tables.extensions

    def notify_tools_changed(self, *, principal: str | None = None) -> None:
        """Tells clients that the list of tools has changed: all clients, or those of one principal. Works in any
        process, and takes effect on commit.
        """
        self._changed("notifications/tools/list_changed", principal=principal)

    def notify_resources_changed(self, *, principal: str | None = None) -> None:
        """See notify_tools_changed()."""
        self._changed("notifications/resources/list_changed", principal=principal)

    def notify_prompts_changed(self, *, principal: str | None = None) -> None:
        """See notify_tools_changed()."""
        self._changed("notifications/prompts/list_changed", principal=principal)

    def notify_resource_updated(self, uri: str) -> None:
        """Tells subscribed clients that a resource has changed."""
        self._changed("notifications/resources/updated", uri=uri)

    def notify_listeners(self, notification: str, value: str = "", *, principal: str | None = None) -> None:
        """Sends an extension's notification to the clients that listen for it: see `Extension.notify`."""
        if notification not in self.tables.notifications:
            raise ValueError(f"No extension of {self!r} has a listen key for {notification!r}.")
        self._changed(notification, uri=value, principal=principal)

    def watch(self, model: type[Model], uri: str) -> None:
        """Notifies about a resource whenever a row of the model is saved or deleted: `server.watch(Airport,
        "airport://{iata}")`, with the model's fields in the URI.
        """

        def notify(instance: Model, **kwargs: Any) -> None:
            self.notify_resource_updated(uri.format_map(_Fields(instance)))

        for moment in (post_save, post_delete):
            moment.connect(notify, sender=model, weak=False, dispatch_uid=("django_mcp", self.name, uri))

    def _changed(self, method: str, *, uri: str = "", principal: str | None = None) -> None:
        server_changed.send_robust(sender=MCPServer, server=self.name, method=method, uri=uri, principal=principal)

    def get_tools(self, request: Request) -> Mapping[str, Tool]:
        """The tools for a request, by name. Override it to add tools, or to choose them by tenant, headers or time;
        each tool's own `permission` and `scopes` are checked as well.

        It is called in a thread for every `tools/list` and `tools/call`, and may query the database. `request.caller`
        is the caller.
        """
        return self.registry.tools

    def is_empty(self) -> bool:
        """Whether nothing is registered: no tool, no resource and no prompt."""
        registry = self.registry
        entries = (registry.tools, registry.resources, registry.templates, registry.prompts)
        return not any(entries) and not self.chooses_tools

    def language_of(self, ctx: Context) -> str:
        """The user's language: from the `language` function, else the one that the HTTP request accepts."""
        language = self._language(ctx) if self._language is not None else None
        return language or get_language_from_request(ctx.request)

    def implementation(self) -> dict[str, Any]:
        """The server's full description, to be reduced to the client's revision."""
        members = {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "description": self._description,
            "websiteUrl": self._website_url,
            "icons": self._icons or None,
        }
        return {key: value for key, value in members.items() if value is not None}

    def capabilities(self, *, streams: bool = True, era: Era = "modern") -> dict[str, Any]:
        """The server's capabilities: only those that work. Without `streams`, clients cannot be notified of changes.
        `era` selects the extensions.
        """
        changes = {"listChanged": True} if streams else {}
        offered = {
            "tools": {**changes},
            "resources": {**changes, "subscribe": True} if streams else {},
            "prompts": {**changes},
            "completions": {},
            "logging": {},
        }
        has = {name: details for name, details in offered.items() if self.has(name)}
        if not self.tables.extensions:
            return has
        return {**extending.advertised(self, self.tables.extensions, era), **has}

    @property
    def chooses_tools(self) -> bool:
        """Whether a subclass overrides `get_tools()`, or this server was given another one."""
        return getattr(self.get_tools, "__func__", None) is not MCPServer.get_tools

    def has(self, capability: str) -> bool:
        """Whether the server has something for a capability: a tool for `tools`, and so on."""
        registry = self.registry
        match capability:
            case "tools":
                return bool(registry.tools) or self.chooses_tools or "tools" in self.tables.needs
            case "resources":
                return bool(registry.resources or registry.templates) or "resources" in self.tables.needs
            case "prompts":
                return bool(registry.prompts) or "prompts" in self.tables.needs
            case "completions":
                return registry.has_completions()
        return True

    def cache_hints(self) -> CacheHints:
        """The cache hints of lists and resources. Lists that differ between callers or languages are never shared."""
        differs = self.registry.is_guarded or self.registry.is_translated or self.chooses_tools
        return replace(self.cache, scope="private") if differs else self.cache

    def _add_tool(self, function: Callable[..., Any], **options: Any) -> None:
        # Imported here because DRF reads the settings at import, and a settings module may import django_mcp.
        from django_mcp.drf.arguments import adapt
        from django_mcp.drf.throttles import throttle_of

        if options.get("throttle") is not None:
            options["throttle"] = throttle_of(options["throttle"], options.get("name") or name_of(function))
        parts, meta, searchable = self._parts_of(function, options)
        if meta:
            options["meta"] = meta
        tool = self.registry.add_tool(adapt(function), parts=parts, searchable=searchable, **options)
        if self.search_tools_above is not None and tool.name in tool_search.TOOLS:
            raise ImproperlyConfigured(f"{tool.name!r} is a tool of the search; give yours another name.")

    def _parts_of(
        self, function: Callable[..., Any], options: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """The extensions' data of a tool, its `_meta` with theirs, and whether it may be searched for. Takes their
        options out of `options`.
        """
        name = options.get("name") or name_of(function)
        label = f"Tool {name!r} ({describe_function(function)})"
        if unknown := options.keys() - TOOL_OPTIONS - self.tables.tool_options.keys():
            raise ImproperlyConfigured(
                f"{label}: @tool has no option {min(unknown)!r}. If it is an extension's, give the extension to the "
                "server first: MCPServer(extensions=[…]), or MCP_SERVER_EXTENSIONS for the default server."
            )
        meta, parts, searchable = dict(options.get("meta") or {}), {}, True
        repeatable = bool(options.get("read_only") or options.get("idempotent"))
        for extension in self.tables.extensions:
            own = {option: options.pop(option) for option in extension.tool_options if option in options}
            if not own:
                continue
            permission, scopes = options.get("permission"), tuple(options.get("scopes") or ())
            part = extension.read_tool(self, DeclaredTool(name, function, own, label, repeatable, permission, scopes))
            if taken := meta.keys() & part.meta.keys():
                raise ImproperlyConfigured(
                    f"{label}: {extension.id} writes the {min(taken)!r} of its meta; take it out of meta=…."
                )
            meta |= part.meta
            parts[extension.id] = part.data
            searchable = searchable and part.searchable
        return parts, meta, searchable

    def _register(self, add: Callable[..., Any], function: Function | None, options: Mapping[str, Any]) -> Any:
        def register(function: Function) -> Function:
            add(function, **options)
            return function

        if function is not None and not callable(function):
            raise TypeError("Use the decorator bare or with keywords: @tool or @tool(name='…')")
        return register if function is None else register(function)


_servers: WeakSet[MCPServer] = WeakSet()


def all_servers() -> list[MCPServer]:
    """The servers of this process, by name."""
    return sorted(_servers, key=lambda server: server.name)


def guarded_servers() -> list[MCPServer]:
    """The servers of this process on which something requires permissions or scopes."""
    return [server for server in all_servers() if server.registry.is_guarded]


class _Fields(dict[str, Any]):
    """A model instance's fields by name, percent-encoded for a URI; `{+path}` keeps reserved characters (RFC 6570)."""

    def __init__(self, instance: Model) -> None:
        super().__init__()
        self._instance = instance

    def __missing__(self, name: str) -> str:
        field = name.removeprefix("+")
        return quote(str(getattr(self._instance, field)), safe=":/?#[]@!$&'()*+,;=" if field != name else "")


def _package_version() -> str:
    try:
        return version("django-mcp-endpoints")
    except PackageNotFoundError:
        return "0"
