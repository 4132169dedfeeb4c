"""A client's connection: its session, its running requests, and its standalone stream.

HTTP says by a connection or a header what a pipe cannot: this module keeps the session id, ends a request that its
client has cancelled, and holds the session's GET stream open.
"""

import asyncio
import json
import logging
from typing import Any, Final

from django_mcp.conf import mcp_settings
from django_mcp.protocol import replies
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_REQUEST, ProtocolError
from django_mcp.protocol.headers import LAST_EVENT_ID
from django_mcp.protocol.jsonrpc import RequestId, is_request_id
from django_mcp.protocol.modern import is_claimed

from .endpoint import LocalEndpoint
from .lines import Line
from .request import GET_HEADERS, Deliver, LocalRequest, headers_of, session_headers

logger = logging.getLogger("django_mcp")

NOT_INITIALIZED: Final = "Invalid Request: initialize first"
IN_FLIGHT: Final = "Invalid Request: a request with this id still runs"


class Running:
    """A request of the client that has no response yet. After its cancellation the client wants nothing of it any more
    (spec 2025-11-25 basic/utilities/cancellation).
    """

    def __init__(self, message: dict[str, Any], out: Deliver) -> None:
        self.id: RequestId = message["id"]
        self.is_modern = is_claimed(message)
        self.is_listening = message["method"] == "subscriptions/listen"
        self.is_cancelled = False
        self.request: LocalRequest | None = None
        self.task: asyncio.Task[None] | None = None
        self._out = out

    async def deliver(self, data: bytes) -> None:
        if not self.is_cancelled:
            await self._out(data)

    def disconnect(self) -> None:
        if self.request is not None:
            self.request.disconnect()


class Connection:
    """One client at one endpoint. `receive()` takes its lines in order, and `end()` ends everything. `is_over` is set
    when the server has ended the session: a client over a pipe cannot open another one, and must start again.
    """

    def __init__(self, endpoint: LocalEndpoint, deliver: Deliver) -> None:
        self.endpoint = endpoint
        self.is_over = asyncio.Event()
        self._deliver = deliver
        self._session_id: str | None = None
        self._version = ""
        self._running: dict[RequestId, Running] = {}
        self._listening: asyncio.Task[None] | None = None
        self._is_ending = False

    async def receive(self, line: Line) -> None:
        """Takes a line. Returns before a request is answered, so that others and its cancellation can follow."""
        if line.problem is not None:
            await self._deliver(replies.error(line.problem).body)
        elif not _is_request(line.value):
            await self._take(line)
        elif refusal := self._refusal_of(line.value):
            await self._deliver(refusal)
        else:
            await self._start(line)

    async def end(self, seconds: float) -> None:
        """Ends everything; calls that run may go on for so many seconds. Terminates the session."""
        running = list(self._running.values())
        calls = [one.task for one in running if one.task is not None and not one.is_listening]
        if calls and seconds:
            await asyncio.wait(calls, timeout=seconds)
        for one in running:
            one.disconnect()
        self._is_ending = True
        pending = {task for task in (*(one.task for one in running), self._listening) if task is not None}
        while pending:
            # A stream that the server closes cancels its own task, and may take this cancellation for that one.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)
        if self._session_id is not None and not self.is_over.is_set():
            headers = session_headers(self._version, self._session_id)
            await LocalRequest(self.endpoint, "DELETE", headers, b"", self._deliver).run()

    # Messages

    async def _take(self, line: Line) -> None:
        """Passes on a notification, a response, a batch, or something that is no message."""
        message = line.value
        method = message.get("method") if isinstance(message, dict) else None
        is_silent = isinstance(message, dict) and ("method" in message) != ("id" in message)
        if method == "notifications/cancelled" and self._cancel(message):
            return
        if is_silent and self._session_id is None and not is_claimed(message):
            logger.debug("A message before initialize: %s", method)
            return
        request = self._post(line, self._deliver)
        await request.run()
        if is_silent and request.status >= 400:
            self._note_refused(request)
        elif request.body:
            await self._deliver(request.body)
        if method == "notifications/initialized" and self._session_id is not None and self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    def _cancel(self, message: dict[str, Any]) -> bool:
        """Cancels a running request. Returns whether that is all: in a session, the exchange cancels it."""
        params = message.get("params")
        request_id: Any = params.get("requestId") if isinstance(params, dict) else None
        running = self._running.get(request_id) if is_request_id(request_id) else None
        if running is None:
            return self._session_id is None
        running.is_cancelled = True
        if running.is_modern:
            # Over HTTP, a modern client cancels a request by closing its connection.
            running.disconnect()
        return running.is_modern

    def _refusal_of(self, message: dict[str, Any]) -> bytes | None:
        """The refusal of a request before it reaches the endpoint."""
        limit = mcp_settings.STDIO_MAX_REQUESTS
        if message["id"] in self._running:
            error = ProtocolError(INVALID_REQUEST, IN_FLIGHT)
        elif len(self._running) >= limit:
            error = ProtocolError(INTERNAL_ERROR, f"Too many requests: {limit} run at once")
        elif self._session_id is None and not self._needs_no_session(message):
            error = ProtocolError(INVALID_REQUEST, NOT_INITIALIZED)
        else:
            return None
        return replies.error(error, "modern" if is_claimed(message) else "handshake", message["id"]).body

    def _needs_no_session(self, message: dict[str, Any]) -> bool:
        is_opening = message["method"] == "initialize" or is_claimed(message)
        return is_opening or "handshake" not in self.endpoint.view().eras

    async def _start(self, line: Line) -> None:
        running = Running(line.value, self._deliver)
        running.request = self._post(line, running.deliver)
        self._running[running.id] = running
        running.task = asyncio.create_task(self._run(running, running.request))
        if line.value["method"] == "initialize":
            # The session's id is in its response, and all that follows needs it.
            await asyncio.wait([running.task])

    async def _run(self, running: Running, request: LocalRequest) -> None:
        serving = asyncio.create_task(request.run())
        early = asyncio.create_task(request.is_left_early.wait())
        try:
            await asyncio.wait([serving, early], return_when=asyncio.FIRST_COMPLETED)
            if request.is_left_early.is_set():
                await self._resume(request, running)
            await serving
            await self._answer(request, running)
        except OSError as error:
            logger.debug("The client is gone: %r", error)
        finally:
            early.cancel()
            serving.cancel()
            self._running.pop(running.id, None)
            await asyncio.wait([serving], timeout=1)

    async def _resume(self, request: LocalRequest, running: Running) -> None:
        """Reads the rest of a stream whose connection the server has closed, as a client over HTTP does."""
        while request.is_left_early.is_set():
            request = self._get(running.deliver, request.last_event_id)
            await request.run()

    async def _answer(self, request: LocalRequest, running: Running) -> None:
        """Passes on a response that is no stream, and keeps the session's id."""
        if not request.body:
            return
        if session_id := request.headers.get(b"mcp-session-id"):
            self._session_id = session_id.decode()
            self._version = json.loads(request.body)["result"]["protocolVersion"]
        self._note_end(request)
        await running.deliver(_with_id(request.body, running.id) if request.status >= 400 else request.body)

    # The session

    async def _listen(self) -> None:
        """Keeps the session's standalone stream open, as long as the session lives."""
        last_event_id = ""
        while not (self.is_over.is_set() or self._is_ending):
            request = self._get(self._deliver, last_event_id)
            await request.run()
            last_event_id = request.last_event_id
            self._note_end(request)
            if request.status != 200:
                await asyncio.sleep(mcp_settings.RETRY_MILLISECONDS / 1000)

    def _note_end(self, request: LocalRequest) -> None:
        if request.body == replies.SESSION_NOT_FOUND.body:
            self.is_over.set()

    def _note_refused(self, request: LocalRequest) -> None:
        self._note_end(request)
        logger.warning("A message of the client was refused: %s", request.body.decode(errors="replace"))

    def _post(self, line: Line, deliver: Deliver) -> LocalRequest:
        headers = headers_of(line.value, self._version, self._session_id)
        return LocalRequest(self.endpoint, "POST", headers, line.raw, deliver)

    def _get(self, deliver: Deliver, last_event_id: str) -> LocalRequest:
        headers = {**GET_HEADERS, **session_headers(self._version, self._session_id)}
        if last_event_id:
            headers[LAST_EVENT_ID] = last_event_id
        request = LocalRequest(self.endpoint, "GET", headers, b"", deliver)
        request.last_event_id = last_event_id
        return request


def _is_request(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return False
    return is_request_id(message.get("id"))


def _with_id(body: bytes, request_id: RequestId) -> bytes:
    """A refusal with the id of its request: over HTTP, the response itself says which request it answers."""
    answer = json.loads(body)
    return body if answer.get("id") is not None else json.dumps({**answer, "id": request_id}).encode()
