"""A client of an endpoint in the same process, for commands: requests, progress, and the answers to the server's
questions, in either era.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, Final, TypeAlias

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)

from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN, Era

from .connection import Connection
from .endpoint import LocalEndpoint
from .lines import Line

Message: TypeAlias = Mapping[str, Any]
CAPABILITIES: Final[dict[str, Any]] = {"elicitation": {"form": {}, "url": {}}}
INFO: Final = {"name": "manage.py", "version": "1"}


class CallRefused(Exception):
    """The server answered with a JSON-RPC error; `error` is that."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.error = error


class LocalClient:
    """A client. `answer` gives the result of a question of the server's (`elicitation/create`), and `note` takes its
    notifications.
    """

    def __init__(
        self,
        endpoint: LocalEndpoint,
        era: Era,
        answer: Callable[[Message], Awaitable[dict[str, Any]]],
        note: Callable[[Message], None],
    ) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._connection = Connection(endpoint, self._deliver)
        self._era = era
        self._answer = answer
        self._note = note
        self._ids = count(1)

    async def __aenter__(self) -> "LocalClient":
        if self._era == "handshake":
            opening = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": CAPABILITIES, "clientInfo": INFO}
            await self._request("initialize", opening)
            await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._connection.end(0)

    async def request(self, method: str, params: Message) -> dict[str, Any]:
        """The result of a request, after all rounds of questions. Raises `CallRefused`."""
        sent = dict(params)
        while True:
            result = await self._request(method, sent)
            if result.get("resultType") != "input_required":
                return result
            asked = result.get("inputRequests", {})
            sent |= {"inputResponses": {key: await self._answer(question) for key, question in asked.items()}}
            if "requestState" in result:
                sent["requestState"] = result["requestState"]

    async def list(self, method: str, key: str) -> list[dict[str, Any]]:
        """All entries of a list, of all of its pages."""
        page = await self.request(method, {})
        entries: list[dict[str, Any]] = page[key]
        while "nextCursor" in page:
            page = await self.request(method, {"cursor": page["nextCursor"]})
            entries += page[key]
        return entries

    async def _request(self, method: str, params: Message) -> dict[str, Any]:
        request_id = next(self._ids)
        meta = {**params.get("_meta", {}), "progressToken": request_id, **self._envelope()}
        await self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": {**params, "_meta": meta}})
        while True:
            message = await self._messages.get()
            if "method" not in message and message.get("id") == request_id:
                if "error" in message:
                    raise CallRefused(message["error"])
                result: dict[str, Any] = message["result"]
                return result
            await self._take(message)

    def _envelope(self) -> dict[str, Any]:
        if self._era == "handshake":
            return {}
        return {
            PROTOCOL_VERSION_META_KEY: LATEST_MODERN,
            CLIENT_INFO_META_KEY: INFO,
            CLIENT_CAPABILITIES_META_KEY: CAPABILITIES,
            LOG_LEVEL_META_KEY: "info",
        }

    async def _take(self, message: Message) -> None:
        if "id" not in message:
            self._note(message)
        elif "method" in message:
            await self._send({"jsonrpc": "2.0", "id": message["id"], "result": await self._answer(message)})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._connection.receive(Line(json.dumps(message).encode(), message))

    async def _deliver(self, data: bytes) -> None:
        await self._messages.put(json.loads(data))
