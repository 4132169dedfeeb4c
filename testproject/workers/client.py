"""A client of one session that keeps the ids of events, and comes back where its stream has ended."""

import http.client
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 60
ACCEPT = "application/json, text/event-stream"
VERSION = "2025-11-25"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; `message` is None for those that only have an id."""

    id: str
    message: dict[str, Any] | None


class Stream:
    """The events of a response, as they come. `worker` is the process that sends them."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.worker = int(response.headers["X-Worker"])
        self.last_id = ""
        if response.status != 200:
            raise RuntimeError(f"HTTP {response.status}: {response.read().decode()[:300]}")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The messages up to the end of the stream, which a killed worker brings about too."""
        for event in self._events():
            self.last_id = event.id or self.last_id
            if event.message is not None:
                yield event.message

    def _events(self) -> Iterator[Event]:
        event_id, data = "", ""
        for line in self._lines():
            field, _, value = line.partition(":")
            if field == "id":
                event_id = value.strip()
            elif field == "data":
                data += value.strip()
            elif not line and event_id:
                yield Event(event_id, json.loads(data) if data else None)
                event_id, data = "", ""

    def _lines(self) -> Iterator[str]:
        try:
            while line := self._response.readline():
                yield line.decode().rstrip("\r\n")
        except (OSError, http.client.HTTPException):
            return


class Client:
    """A session. Each request has a connection of its own, so that any worker may get it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ids = itertools.count(1)
        self.session_id = ""

    def open(self) -> int:
        """Opens the session, and returns the process that answered."""
        params = {
            "protocolVersion": VERSION,
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "demo", "version": "1"},
        }
        response = self._send("POST", self._message("initialize", params))
        response.read()
        self.session_id = response.headers["Mcp-Session-Id"]
        self._send("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"}).read()
        return int(response.headers["X-Worker"])

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request that is answered by JSON or a stream."""
        response = self._send("POST", self._message(method, params))
        if response.headers["Content-Type"].startswith("application/json"):
            return json.loads(response.read())["result"]
        *_, answer = Stream(response)
        return answer["result"]

    def call(self, tool: str, **arguments: Any) -> Any:
        """The structured content of a call."""
        return self.request("tools/call", {"name": tool, "arguments": arguments})["structuredContent"]["result"]

    def call_streamed(self, tool: str, **arguments: Any) -> Stream:
        """The stream of a call that reports its progress."""
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "demo"}}
        return Stream(self._send("POST", self._message("tools/call", params)))

    def answer(self, question: dict[str, Any], content: dict[str, Any]) -> int:
        """Answers a question of the server, and returns the process that took the answer."""
        result = {"action": "accept", "content": content}
        response = self._send("POST", {"jsonrpc": "2.0", "id": question["id"], "result": result})
        response.read()
        return int(response.headers["X-Worker"])

    def listen(self, last_id: str = "") -> Stream:
        """The session's own stream, or the rest of a stream after an event."""
        return Stream(self._send("GET", None, {"Last-Event-ID": last_id} if last_id else {}))

    def _message(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    def _send(self, method: str, message: Any, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        sent = {"Accept": ACCEPT if method == "POST" else "text/event-stream", **(headers or {})}
        if message is not None:
            sent["Content-Type"] = "application/json"
        if self.session_id:
            sent |= {"Mcp-Session-Id": self.session_id, "MCP-Protocol-Version": VERSION}
        body = None if message is None else json.dumps(message)
        connection.request(method, "/mcp", body, sent)
        return connection.getresponse()
