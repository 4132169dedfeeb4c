"""The ASGI lane: MCP endpoints served straight from ASGI, and everything else handed on to Django.

No middleware of the project runs here. The endpoints are those of the URLconf, so a URL is written once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from django_mcp.endpoint import cors
from django_mcp.execution.threads import LoopContext
from django_mcp.views import MCPView

from .handler import EndpointRequest, Receive, Scope, Send, read_headers
from .shutdown import close_streams_at_shutdown

Patterns: TypeAlias = tuple[tuple[Any, dict[str, Any]], ...]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
DjangoApplication: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""What `get_asgi_application()` returns, and whatever middleware is around it."""


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint of the URLconf: the patterns that lead to it, outermost first, each with its own arguments for the
    view, and the view that configures it.
    """

    patterns: Patterns
    view_class: type[MCPView]
    initkwargs: dict[str, Any]

    def match(self, path: str) -> dict[str, Any] | None:
        """The keyword arguments that a path (without its leading slash) gives the view, or `None`."""
        kwargs: dict[str, Any] = {}
        for pattern, defaults in self.patterns:
            found = pattern.match(path)
            if found is None:
                return None
            path, _args, captured = found
            kwargs |= captured | defaults
        return kwargs

    def view(self) -> MCPView:
        return self.view_class(**self.initkwargs)


def mcp_application(django_application: DjangoApplication, *, posts: Literal["lane", "view"] = "lane") -> Application:
    """An ASGI application that serves the project's MCP endpoints itself and hands everything else to
    `django_application`.

    `posts="view"` leaves POST and DELETE to the view, for projects that need their middleware around them.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found = _find(scope) if scope["type"] == "http" else None
        if found is None or (posts == "view" and scope["method"] != "GET"):
            await django_application(scope, receive, send)
            return
        route, kwargs = found
        # Asked once: it is a system call before Python 3.12.
        task = asyncio.current_task()
        assert task is not None
        loop_context = LoopContext.on(task.get_loop())
        close_streams_at_shutdown()
        view, headers = route.view(), read_headers(scope)
        if told := cors.headers_for(headers, view.get_allowed_origins()):
            send = _telling(send, told)
        stream = await EndpointRequest(view, kwargs, scope, receive, send, headers, task, loop_context).serve()
        if stream is not None:
            await stream.serve(scope, receive, send)

    application.serves_mcp = True  # type: ignore[attr-defined]  # for the system check that asks for the lane
    return application


def _telling(send: Send, headers: Iterable[tuple[str, str]]) -> Send:
    """A `send` that adds headers to the answer, whether it is a stream or not."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}
        await send(message)

    return send_with_headers


def _find(scope: Scope) -> tuple[Route, dict[str, Any]] | None:
    """The endpoint at a path, and the arguments that the path gives it."""
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path = scope["path"].removeprefix(prefix.rstrip("/"))
    # The slash is the whole of the URLconf's own pattern, which all endpoints share.
    if not path.startswith("/"):
        return None
    urlconf = settings.ROOT_URLCONF
    return _match_once(urlconf, path[1:]) if _is_fixed(urlconf) else _match(urlconf, path[1:])


def _match(urlconf: str, path: str) -> tuple[Route, dict[str, Any]] | None:
    for route in _routes(urlconf):
        kwargs = route.match(path)
        if kwargs is not None:
            return route, kwargs
    return None


_match_once = lru_cache(maxsize=1024)(_match)


@lru_cache(maxsize=8)
def _is_fixed(urlconf: str) -> bool:
    """Whether a path leads to the same endpoint in every language."""
    patterns = [pattern for route in _routes(urlconf) for pattern, _ in route.patterns]
    return all(isinstance(getattr(one, "_route", getattr(one, "_regex", None)), str) for one in patterns)


@lru_cache(maxsize=8)
def _routes(urlconf: str) -> tuple[Route, ...]:
    return tuple(_walk(get_resolver(urlconf).url_patterns, ()))


def _walk(patterns: Iterable[URLPattern | URLResolver], above: Patterns) -> Iterator[Route]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, (*above, (entry.pattern, entry.default_kwargs)))
        elif getattr(entry.callback, "mcp_view", None) is entry.callback:
            path = (*above, (entry.pattern, entry.default_args))
            yield Route(path, entry.callback.view_class, entry.callback.view_initkwargs)
