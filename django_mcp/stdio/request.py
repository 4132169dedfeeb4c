"""A request to an endpoint inside this process: its headers and body go in, and its messages come out one by one."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from mcp_types import PROTOCOL_VERSION_META_KEY

from django_mcp.asgi.handler import EndpointRequest
from django_mcp.execution.threads import LoopContext
from django_mcp.protocol import headers as http
from django_mcp.protocol import sse
from django_mcp.protocol.headers import Headers, Unmirrored
from django_mcp.protocol.modern import NAME_SOURCES, is_claimed

from .endpoint import LocalEndpoint

Deliver: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Passes a message to the client: JSON, without a line end."""

STREAM_TYPE: Final = b"text/event-stream"
POST_HEADERS: Final = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
GET_HEADERS: Final = {"accept": "text/event-stream"}


class LocalRequest:
    """One request: `run()` returns when its response is complete. `status`, `headers` and `body` are of the response;
    the body of a stream stays empty, since its messages are delivered.
    """

    def __init__(
        self, endpoint: LocalEndpoint, method: str, headers: Mapping[str, str], body: bytes, deliver: Deliver
    ) -> None:
        self.endpoint = endpoint
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.last_event_id = ""
        self.is_left_early = asyncio.Event()
        """Set when the server has closed the connection before the stream's end, as after `ctx.close_stream()`."""
        self._scope = endpoint.scope(method, headers)
        self._headers = Unmirrored(headers)
        self._incoming = [{"type": "http.request", "body": body, "more_body": False}]
        self._deliver = deliver
        self._gone = asyncio.Event()

    async def run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        context = LoopContext.on(task.get_loop())
        view, kwargs = self.endpoint.view(), dict(self.endpoint.kwargs)
        consumer = await EndpointRequest(
            view, kwargs, self._scope, self._receive, self._send, self._headers, task, context
        ).serve()
        if consumer is not None:
            await consumer.serve(self._scope, self._receive, self._send)

    def disconnect(self) -> None:
        """Ends the request as a client does that goes away."""
        self._gone.set()

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._incoming:
            return self._incoming.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        elif self.headers.get(b"content-type", b"").startswith(STREAM_TYPE):
            await self._send_events(message.get("body", b""))
        else:
            self.body += message.get("body", b"")

    async def _send_events(self, chunk: bytes) -> None:
        for event in sse.read(chunk):
            self.last_event_id = event.id or self.last_event_id
            if event.data:
                await self._deliver(event.data)
            elif event.retries and not event.id:
                self.is_left_early.set()


def headers_of(message: Any, version: str, session_id: str | None) -> dict[str, str]:
    """The headers with which a message would have come over HTTP. `version` is the negotiated revision, or nothing."""
    if isinstance(message, dict) and is_claimed(message):
        return {**POST_HEADERS, **_mirrors(message)}
    return {**POST_HEADERS, **session_headers(version, session_id)}


def session_headers(version: str, session_id: str | None) -> dict[str, str]:
    headers = {http.PROTOCOL_VERSION: version} if version else {}
    return {**headers, http.SESSION_ID: session_id} if session_id else headers


def _mirrors(message: Mapping[str, Any]) -> Headers:
    params = message["params"]
    method = str(message.get("method", ""))
    mirrors = {http.PROTOCOL_VERSION: _visible(params["_meta"][PROTOCOL_VERSION_META_KEY])}
    mirrors[http.METHOD] = _visible(method)
    name = params.get(NAME_SOURCES.get(method, ""))
    return {**mirrors, http.NAME: _visible(name)} if isinstance(name, str) else mirrors


def _visible(value: object) -> str:
    """A value as a header holds it: in Base64 unless it is visible ASCII (spec 2026-07-28 basic/transports)."""
    text = str(value)
    return text if text.isascii() and text.isprintable() else f"=?base64?{b64encode(text.encode()).decode()}?="
