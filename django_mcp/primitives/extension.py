"""Extensions: an `Extension` declares what it adds to a server, in rows of the tables that the core uses itself.

Nothing here acts: `methods/extending.py` builds a server's tables from these declarations when the server starts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from django_mcp.protocol.versions import Era

from .access import Permission
from .context import Caller, Context
from .middleware import Middleware

if TYPE_CHECKING:
    from django.core.checks import CheckMessage
    from django.urls import URLPattern, URLResolver

    from django_mcp.server import MCPServer


@dataclass(frozen=True, slots=True)
class ExtensionResult:
    """A result of a type of the extension's own: it is sent as `{"resultType": type, **payload}`, and only to a request
    that declares the extension.
    """

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionMethod:
    """A JSON-RPC method. `handler(params, ctx)` runs in a thread, in a transaction, or on the event loop if it is a
    coroutine function; it returns the members of the result.

    `params` is the pydantic model of the parameters; without one, the handler gets them as they were sent. `eras` are
    the extension's own unless given. `name_source` is the parameter that the header `Mcp-Name` must repeat.
    `requires_client`: only a request that declares the extension may call it (-32021). `is_cacheable` adds the server's
    `ttlMs` and `cacheScope`. A caller without the `permission` is answered as if there were no such method.
    """

    name: str
    handler: Callable[[Any, Context], Any]
    params: type[BaseModel] | None = None
    eras: tuple[Era, ...] | None = None
    name_source: str | None = None
    requires_client: bool = True
    is_cacheable: bool = False
    atomic: bool = True
    permission: Permission | Iterable[Permission] | None = None
    scopes: Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenKey:
    """A key of the `notifications` in `subscriptions/listen`, and the notification that it asks for.

    `accept(value, ctx)` returns the part of the client's value that is honoured: `True`, a list of texts, or `None` for
    nothing; it raises `ProtocolError` for a value of the wrong type. `payload(value, caller)` returns the
    notification's parameters when one is delivered, or `None` when this caller may not have it any more; `value` is the
    text that `Extension.notify` was given. Both run in a thread. `requires_client`: only a request that declares the
    extension may ask for it (-32021).
    """

    name: str
    notification: str
    accept: Callable[[Any, Context], Any]
    payload: Callable[[str, Caller], Mapping[str, Any] | None]
    requires_client: bool = True


@dataclass(frozen=True, slots=True)
class DeclaredTool:
    """A tool that is being declared with options of the extension: its name, its function, and those options.

    `permission` and `scopes` are the tool's own, for an extension that guards something else as the tool is.
    """

    name: str
    function: Callable[..., Any]
    options: Mapping[str, Any]
    label: str
    is_repeatable: bool = False
    permission: Permission | Iterable[Permission] | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPart:
    """The extension's part of a tool. `meta` is stamped into the `_meta` of its entry in `tools/list`, for every
    client alike. `data` is kept with the tool, for `ToolCall.data`. A tool that is not `searchable` is left out of the
    search that stands in for long lists.
    """

    meta: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None
    searchable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool as an interceptor sees it: the caller is admitted and counted, and the arguments are valid.

    `arguments` are those of the message, `bound` those of the function. `data` is the extension's part of the tool.
    `proceed()` calls the tool with the server's middleware around it; it returns a coroutine if `is_async`.
    """

    name: str
    arguments: Mapping[str, Any]
    bound: Mapping[str, Any]
    ctx: Context
    is_repeatable: bool
    data: Any = None
    is_async: bool = False
    proceed: Callable[[], Any] = lambda: None


@dataclass(frozen=True, slots=True)
class Instead:
    """A function that is called in the place of a tool, without arguments. It returns the tool's value, perhaps from
    `ToolCall.proceed()`, or an `ExtensionResult`; a coroutine function runs on the event loop.

    With `keeps_options`, it runs under the tool's own options (`atomic`, `read_only`, `budget`); else in a transaction
    that may write.
    """

    function: Callable[[], Any]
    keeps_options: bool = False


class Extension:
    """An extension of the protocol on a server: `MCPServer("shop", extensions=[Reviews()])`.

    A subclass sets the attributes and overrides the methods that it needs; each has a default that adds nothing. All
    are read when the server is made, but for those that say otherwise. One object may be given to several servers.
    """

    id: ClassVar[str]
    """`prefix/name`; the prefix is a domain of yours in reverse, as in "com.example/reviews"."""

    other_ids: ClassVar[Sequence[str]] = ()
    """Further ids with the same meaning, such as an older one: a client may declare any of them."""

    is_official: ClassVar[bool] = False
    """Whether it implements an extension of the protocol's own project, whose ids and methods are reserved."""

    eras: ClassVar[tuple[Era, ...]] = ("modern",)
    """The eras in which it is advertised: `modern` in `server/discover`, `handshake` in `initialize`."""

    needs: ClassVar[Sequence[str]] = ()
    """Capabilities of the core that the server then offers even if nothing is registered, such as "resources"."""

    schemes: ClassVar[Sequence[str]] = ()
    """Schemes of URIs that are this extension's on a server."""

    tool_options: ClassVar[Sequence[str]] = ()
    """Names of further options of `@tool`; `read_tool` gets them."""

    result_types: ClassVar[Sequence[str]] = ()
    """The values of `resultType` that its results may have."""

    error_statuses: ClassVar[Mapping[int, int]] = {}
    """The HTTP status of its error codes, for modern clients; a code without one is 200."""

    def settings(self, server: "MCPServer") -> Mapping[str, Any]:
        """The settings that are advertised under its id. Called for each `initialize` and `server/discover`."""
        return {}

    def capabilities(self, server: "MCPServer") -> Mapping[str, Any]:
        """Further capabilities, beside `extensions`; those of the core are kept. Called as `settings` is."""
        return {}

    def methods(self) -> Iterable[ExtensionMethod]:
        return ()

    def listen_keys(self) -> Iterable[ListenKey]:
        return ()

    def middleware(self) -> Iterable[Middleware]:
        """Middleware around each call of a tool, resource or prompt, inside the server's own."""
        return ()

    def install(self, server: "MCPServer") -> None:
        """Registers its tools, resources and prompts on a server, by `server.tool(…)` and the like."""

    def read_tool(self, server: "MCPServer", tool: DeclaredTool) -> ToolPart:
        """Its part of a tool that is declared with some of its `tool_options`. Raises `ImproperlyConfigured`, with the
        remedy.
        """
        return ToolPart()

    def intercept(self, call: ToolCall) -> Instead | None:
        """A function that is called in the place of a tool, or `None`. Called in a thread for each call of a tool that
        was declared with some of its `tool_options`, and of every tool if it has none; may raise `ProtocolError`. The
        first extension is the outermost.
        """
        return None

    def checks(self, server: "MCPServer") -> Iterable["CheckMessage"]:
        """Messages for `manage.py check`."""
        return ()

    def urls(self, server: "MCPServer") -> Sequence["URLPattern | URLResolver"]:
        """URLs below each endpoint of a server: `path("card", …)` is `/mcp/card` beside `/mcp`."""
        return ()

    def root_urls(self, server: "MCPServer") -> Sequence["URLPattern | URLResolver"]:
        """URLs at the root of the site, where the project includes `django_mcp.well_known`."""
        return ()

    def purge(self, *, batch_size: int, dry_run: bool, limit: int | None = None) -> Mapping[str, int]:
        """Deletes rows whose time is over, for `manage.py mcp_purge`. Returns the numbers of rows by a plural noun, as
        in `{"tasks": 3}`. A dry run only counts. Deletes at most `limit` rows. Called once for all servers.
        """
        return {}

    def notify(self, server: "MCPServer", notification: str, value: str = "", *, principal: str | None = None) -> None:
        """Tells the clients that listen, on commit, in any process: those that named `value`, or that want every change
        when it is "". `principal` limits it to one principal's clients.
        """
        server.notify_listeners(notification, value, principal=principal)
