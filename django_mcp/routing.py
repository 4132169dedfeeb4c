"""The ASGI lane: MCP endpoints served straight from ASGI, and everything else handed on to Django.

No middleware of the project runs here. The endpoints are those of the URLconf, so a URL is written once.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, TypeAlias

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver

from django_mcp.authentication import anonymous_caller
from django_mcp.endpoint import Exchange
from django_mcp.methods.requests import Call
from django_mcp.protocol import inbound, replies
from django_mcp.protocol.headers import Headers, declares_more
from django_mcp.protocol.inbound import Batch, Inbound
from django_mcp.protocol.replies import JSON_TYPE, Reply
from django_mcp.runner import arun, hop
from django_mcp.views import ALLOW, INTERNAL, MCPView

logger = logging.getLogger("django_mcp")

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Patterns: TypeAlias = tuple[tuple[Any, dict[str, Any]], ...]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before it had sent its request."""


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


def mcp_application(django_application: Application, *, posts: Literal["lane", "view"] = "lane") -> Application:
    """An ASGI application that serves the project's MCP endpoints itself and hands everything else to
    `django_application`.

    `posts="view"` leaves POST and DELETE to the view, for projects that need their middleware around them.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found = _find(scope) if scope["type"] == "http" else None
        if found is None or (posts == "view" and scope["method"] != "GET"):
            await django_application(scope, receive, send)
            return
        await _serve(*found, scope, receive, send)

    return application


@dataclass(slots=True)
class Visit:
    """One HTTP request in the lane."""

    view: MCPView
    kwargs: dict[str, Any]
    scope: Scope
    headers: Headers
    body: bytes = b""
    _request: HttpRequest | None = None

    def request(self) -> HttpRequest:
        """Django's request, made when somebody wants it; the same one whoever asks."""
        if self._request is None:
            self._request = ASGIRequest(self.scope, BytesIO(self.body))
            self._request.user = AnonymousUser()
        return self._request

    async def answer(self, receive: Receive) -> Reply:
        if refusal := self.view.refuse_foreign(self.headers):
            return refusal
        method = self.scope["method"]
        if method == "POST":
            return await self._post(receive)
        if method == "DELETE":
            return await hop(self._with_session, Exchange.terminate)
        if method == "GET":
            return await hop(
                self._with_session, lambda exchange, headers: exchange.refuse_stream(headers, "POST, DELETE")
            )
        return replies.method_not_allowed(ALLOW)

    async def _post(self, receive: Receive) -> Reply:
        limits = self.view.get_limits()
        body = await _read_body(self.headers, receive, limits.body_bytes)
        self.body = body or b""
        message = inbound.read(self.headers, body, limits, self.view.eras)
        if not self.view.is_open():
            exchange, step = await hop(self._admit_and_begin, message)
        elif isinstance(message, Reply):
            return message
        else:
            exchange = self._exchange()
            step = await hop(exchange.begin, message) if exchange.needs_database(message) else exchange.prepare(message)
        if isinstance(step, Reply):
            return step
        outcome = await arun(step)
        return await hop(exchange.end, step, outcome) if exchange.must_save() else exchange.end(step, outcome)

    def _admit_and_begin(self, message: Inbound | Batch | Reply) -> tuple[Exchange, Reply | Call]:
        """The whole of a POST that is synchronous, in the order in which a stranger learns least: who calls, then what
        was wrong.
        """
        caller = self.view.admit(self.request(), **self.kwargs)
        if isinstance(caller, Reply):
            return self._exchange(), caller
        exchange = Exchange(self.view.get_server(), self.view.get_sessions(), caller)
        return exchange, message if isinstance(message, Reply) else exchange.begin(message)

    def _with_session(self, answer: Callable[[Exchange, Headers], Reply]) -> Reply:
        """The answer to a request that is about a session, for whoever is admitted."""
        if self.view.is_open():
            return answer(self._exchange(), self.headers)
        caller = self.view.admit(self.request(), **self.kwargs)
        if isinstance(caller, Reply):
            return caller
        return answer(Exchange(self.view.get_server(), self.view.get_sessions(), caller), self.headers)

    def _exchange(self) -> Exchange:
        return Exchange(self.view.get_server(), self.view.get_sessions(), anonymous_caller(self.request))


async def _serve(route: Route, kwargs: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
    visit = Visit(route.view(), kwargs, scope, _read_headers(scope))
    try:
        reply = await visit.answer(receive)
    except Disconnected:
        return
    except Exception:
        logger.exception("Answering failed")
        reply = INTERNAL
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    if reply.body:
        headers.append((b"content-type", JSON_TYPE.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _find(scope: Scope) -> tuple[Route, dict[str, Any]] | None:
    """The endpoint at a path, and the arguments that the path gives it."""
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path = scope["path"].removeprefix(prefix.rstrip("/"))
    for route in _routes(settings.ROOT_URLCONF):
        kwargs = route.match(path)
        if kwargs is not None:
            return route, kwargs
    return None


@lru_cache(maxsize=8)
def _routes(urlconf: str) -> tuple[Route, ...]:
    resolver = get_resolver(urlconf)
    return tuple(_walk(resolver.url_patterns, ((resolver.pattern, {}),)))


def _walk(patterns: Iterable[URLPattern | URLResolver], above: Patterns) -> Iterator[Route]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, (*above, (entry.pattern, entry.default_kwargs)))
        elif getattr(entry.callback, "mcp_view", None) is entry.callback:
            path = (*above, (entry.pattern, entry.default_args))
            yield Route(path, entry.callback.view_class, entry.callback.view_initkwargs)


def _read_headers(scope: Scope) -> Headers:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _read_body(headers: Headers, receive: Receive, limit: int) -> bytes | None:
    """The body, or `None` as soon as it is known to be longer than `limit` bytes."""
    if declares_more(headers, limit):
        return None
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)
