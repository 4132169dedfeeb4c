"""Requests as bytes on a connection of their own: what a stranger sends, and what an honest client does."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .servers import HANDSHAKE, MODERN

META = "io.modelcontextprotocol/"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. A `status` of 0: the connection ended without an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request_bytes(path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {**JSON, **headers}.items()]
    return "\r\n".join((*lines, "", "")).encode() + body


async def exchange(port: int, path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
    """One request on a new connection, read to its end."""
    async with connection(port) as (reader, writer):
        try:
            writer.write(request_bytes(path, body, headers, method))
            await writer.drain()
        except ConnectionError:
            pass  # A server that refuses a body does not read it; the refusal may be there.
        try:
            return _parse(await reader.read(-1))
        except ConnectionError:
            return Answer(0, {}, b"")


@contextlib.asynccontextmanager
async def connection(port: int) -> Any:
    """A new connection, cut off at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return Answer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


def modern(method: str, params: Mapping[str, Any], name: str = "") -> tuple[bytes, dict[str, str]]:
    """A modern request's body and headers."""
    meta = {f"{META}protocolVersion": MODERN, f"{META}clientInfo": {"name": "stranger", "version": "1"}}
    meta[f"{META}clientCapabilities"] = {}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **({"Mcp-Name": name} if name else {})}
    return json.dumps(message).encode(), headers


def initialize(version: str = HANDSHAKE, **client_info: str) -> bytes:
    info = {"name": "stranger", "version": "1", **client_info}
    params = {"protocolVersion": version, "capabilities": {"elicitation": {}}, "clientInfo": info}
    return json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).encode()


async def open_session(port: int, path: str, version: str = HANDSHAKE) -> dict[str, str]:
    """The headers of a new session's requests."""
    answer = await exchange(port, path, initialize(version), {})
    if answer.status != 200:
        raise SystemExit(f"initialize: {answer}")
    session = {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": version}
    done = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
    await exchange(port, path, done, session)
    return session


def call(tool: str, request_id: int, **arguments: Any) -> bytes:
    """A call in a session."""
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}).encode()
