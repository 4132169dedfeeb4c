"""A client that reads raw events, and says at which server it does what."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests import wire
from tests.live.cluster import SECONDS, Server

CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}
MODERN = "2026-07-28"


@dataclass(frozen=True)
class Event:
    id: str
    message: dict[str, Any]
    retry: int | None = None


@dataclass
class Client:
    """One session. `http` is shared by as many clients as one likes."""

    http: httpx.AsyncClient
    session_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    _ids: Any = field(default_factory=itertools.count)

    async def open(self, server: Server) -> "Client":
        response = await self.post(server, wire.initialize(capabilities=CAPABILITIES))
        assert response.status_code == 200, response.text
        self.session_id = response.headers["Mcp-Session-Id"]
        assert (await self.post(server, wire.notification())).status_code == 202
        return self

    async def post(self, server: Server, message: dict[str, Any]) -> httpx.Response:
        return await self.http.post(server.url, json=message, headers=self._headers())

    async def request(self, server: Server, method: str, params: Any = None) -> httpx.Response:
        return await self.post(server, wire.request(method, params, next(self._ids)))

    async def call(self, server: Server, tool: str, **arguments: Any) -> Any:
        """The structured content of a call."""
        response = await self.request(server, "tools/call", {"name": tool, "arguments": arguments})
        result = answer_of(response)["result"]
        assert not result["isError"], result
        return result["structuredContent"]["result"]

    async def call_streamed(self, server: Server, tool: str, **arguments: Any) -> AsyncIterator[Event]:
        """The events of a call's stream."""
        message = wire.request("tools/call", {"name": tool, "arguments": arguments}, next(self._ids))
        async with self.http.stream("POST", server.url, json=message, headers=self._headers()) as response:
            assert response.status_code == 200
            async for event in _events(response):
                yield event

    async def listen(self, server: Server, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """The events of a GET, until the server closes it."""
        headers = self._headers() | {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        async with self.http.stream("GET", server.url, headers=headers) as response:
            assert response.status_code == 200, (response.status_code, await response.aread())
            async for event in _events(response):
                yield event

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream", **self.headers}
        if self.session_id:
            headers |= {"Mcp-Session-Id": self.session_id, "MCP-Protocol-Version": "2025-11-25"}
        return headers


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """The answer to a request. A long call is answered by a stream, and on a slow machine any call may be long."""
    answer: dict[str, Any] = json.loads(response.text.rpartition("data: ")[2])
    return answer


async def _events(response: httpx.Response) -> AsyncIterator[Event]:
    """Priming events have no message; comments are left out."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
            continue
        fields.pop("", None)
        if fields:
            data = fields.get("data", "")
            retry = int(fields["retry"]) if "retry" in fields else None
            yield Event(fields.get("id", ""), json.loads(data) if data else {}, retry)
        fields = {}


async def until(events: AsyncIterator[Event], method: str) -> list[Event]:
    """The events up to the first with this method, which is the last of them."""
    heard = []
    async with asyncio.timeout(SECONDS):
        async for event in events:
            heard.append(event)
            if event.message.get("method") == method:
                return heard
    raise AssertionError(f"The stream ended without {method}: {heard}")


async def rest(events: AsyncIterator[Event]) -> list[Event]:
    """The events to the end of the stream."""
    async with asyncio.timeout(SECONDS):
        return [event async for event in events]
