"""Messages as they are on the wire, for tests that write or compare them whole, and ways to send odd ones."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from asgiref.sync import async_to_sync
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory

from django_mcp.asgi import mcp_application
from django_mcp.testing import ACCEPT, Response

SESSION_NOT_FOUND = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'
MISSING_SESSION_ID = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Missing session ID"}}'
METHOD_NOT_ALLOWED = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Method not allowed"}}'
INTERNAL_ERROR = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal server error"}}'

POST_HEADERS = {"content-type": "application/json", "accept": ACCEPT}

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(method: str, params: Any = None, request_id: Any = 1) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return message if params is None else {**message, "params": params}


def modern_request(method: str, params: Mapping[str, Any] | None = None, request_id: Any = 1) -> dict[str, Any]:
    return request(method, {**(params or {}), "_meta": ENVELOPE}, request_id)


def modern_call(tool: str, **arguments: Any) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a call in the modern era."""
    headers = {**POST_HEADERS, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": tool}
    return headers, json.dumps(modern_request("tools/call", {"name": tool, "arguments": arguments})).encode()


def initialize(version: str = "2025-11-25", **params: Any) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    return request("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client, **params})


def notification(method: str = "notifications/initialized") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method}


def answer(result: Any, request_id: Any = 1) -> dict[str, Any]:
    """A response; a client posts one when the server asked it something."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error(code: int, message: str, request_id: Any = None, data: Any = None) -> dict[str, Any]:
    details = {"code": code, "message": message} if data is None else {"code": code, "message": message, "data": data}
    return {"jsonrpc": "2.0", "id": request_id, "error": details}


def send_wsgi(
    path: str, method: str, headers: Mapping[str, str], body: bytes, *, application: Any = None, **environ: Any
) -> Response:
    """One request straight to WSGI (Django's own, if no application is given). A variable that is `None` is left
    out.
    """
    base = RequestFactory().generic(method, path, headers=dict(headers)).environ
    own = {"CONTENT_TYPE": headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body))}
    variables = {**base, **own, "wsgi.input": BytesIO(body), **environ}
    variables = {name: value for name, value in variables.items() if value is not None}
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started.append((status, headers))

    response = (application or get_wsgi_application())(variables, start_response)
    content = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    status, pairs = started[0]
    return Response(int(status[:3]), {name.lower(): value for name, value in pairs}, content)


def send_asgi(
    path: str,
    method: str,
    headers: Iterable[tuple[str, str]],
    chunks: Iterable[bytes | None],
    *,
    application: Any = None,
    **scope: Any,
) -> tuple[Response | None, int]:
    """One request straight to ASGI (the lane, if no application is given), its body in chunks.

    The answer, if there was one, and how many chunks were taken. A body that ends in `None` is a client that hangs up.
    """
    application = application or mcp_application(get_asgi_application())
    return async_to_sync(over_asgi)(application, path, method, list(headers), list(chunks), scope)


def scope(path: str, method: str, headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The scope in which an ASGI server describes a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }


async def over_asgi(
    application: Any,
    path: str,
    method: str,
    headers: list[tuple[str, str]],
    chunks: list[bytes | None],
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Response | None, int]:
    """See send_asgi(), for code on an event loop."""
    left = list(chunks)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        chunk = left.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application({**scope(path, method, headers), **(overrides or {})}, receive, send)
    taken = len(chunks) - len(left)
    if not sent:
        return None, taken
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], found, content), taken
