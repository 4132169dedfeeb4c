"""One HTTP request to the project in this process: to Django's views, or to an application of WSGI or ASGI."""

import asyncio
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client

from django_mcp.execution.under_test import calling

from .responses import Response


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An HTTP request of a client. Header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def send_view(request: Outgoing) -> Response:
    """The response of the project's views, through its middleware."""
    rest = dict(request.headers)
    content_type = rest.pop("content-type", "")
    client = Client(raise_request_exception=False)
    # Django's test client drops the type of an empty body.
    extra: dict[str, Any] = {"CONTENT_TYPE": content_type} if content_type else {}
    response = client.generic(
        request.method, request.path, request.body, content_type=content_type, headers=rest, **extra
    )
    headers = {name.lower(): value for name, value in response.items()}
    return Response(response.status_code, headers, response.getvalue())


def send_wsgi(application: Any, request: Outgoing) -> Response:
    """The response of a WSGI application, in this thread."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started.append((status, headers))

    with calling(caller_waits=True), _connections_stay():
        parts = application(_environ_of(request), start_response)
        try:
            content = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
    status, headers = started[-1]
    return Response(int(status[:3]), {name.lower(): value for name, value in headers}, content)


def _environ_of(request: Outgoing) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    sent = {"host": "testserver", "content-length": str(len(request.body)), **request.headers}
    names = {name: name.upper().replace("-", "_") for name in sent}
    plain = ("CONTENT_TYPE", "CONTENT_LENGTH")
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        **{key if (key := names[name]) in plain else f"HTTP_{key}": value for name, value in sent.items()},
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


async def send_asgi(application: Any, request: Outgoing) -> Response:
    """The response of an ASGI application. Its sync parts run in the calling thread if that waits."""
    with calling(caller_waits=True), _connections_stay():
        return await _serve(application, _scope_of(request), request.body)


@contextmanager
def _connections_stay() -> Iterator[None]:
    """Keeps connections open, as Django's own test client does: the test's transaction must outlive the request."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    try:
        yield
    finally:
        request_started.connect(close_old_connections)
        request_finished.connect(close_old_connections)


def _scope_of(request: Outgoing) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    sent = {"host": "testserver", "content-length": str(len(request.body)), **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }


async def _serve(application: Any, scope: dict[str, Any], body: bytes) -> Response:
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    outgoing: list[dict[str, Any]] = []
    gone = asyncio.Event()
    # Such a stream does not end: the client disconnects after the first events.
    stands_open = scope["method"] == "GET" or (b"mcp-method", b"subscriptions/listen") in scope["headers"]

    async def receive() -> dict[str, Any]:
        if not incoming:
            # The client stays connected: Django cancels a request whose client has disconnected.
            await gone.wait()
            return {"type": "http.disconnect"}
        return incoming.pop()

    async def send(message: dict[str, Any]) -> None:
        outgoing.append(message)
        if stands_open and message.get("more_body"):
            gone.set()

    await application(scope, receive, send)
    start, *parts = outgoing
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Response(start["status"], headers, b"".join(part.get("body", b"") for part in parts))
