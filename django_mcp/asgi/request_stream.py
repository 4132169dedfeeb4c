"""The request stream of the ASGI lane: a task writes it while the request runs, on this event loop or in a thread."""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.questions import ClientQuestion
from django_mcp.endpoint.request_stream import (
    OUTBOX_CHARACTERS,
    OUTBOX_LIMIT,
    PORTION,
    PRIMED_SINCE,
    WATCH_AFTER_SECONDS,
    RequestStream,
    logger,
)
from django_mcp.execution.own_thread import release_own_connections, waiting_call
from django_mcp.execution.threads import hop, waiting_thread
from django_mcp.execution.transactions import release_connections
from django_mcp.models import to_json_text
from django_mcp.primitives.asking import Question
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.protocol.headers import to_bytes
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import is_at_least
from django_mcp.storage import events, sessions
from django_mcp.storage.session_state import SessionState

WAITS_BEFORE_WATCHING: Final = 10
"""A request whose function does not run is watched only after so many times `WATCH_AFTER_SECONDS`."""


class ASGIRequestStream(RequestStream):
    """Writes the stream in a task while the request runs, on this event loop or in a thread."""

    # Class attributes, because they do not change for most requests, which send nothing before their reply.
    _final: bytes | None = None
    _closing = False
    _is_accepted = False
    _running_since: float | None = None
    _pump: asyncio.Task[None] | None = None
    _watchers: tuple[asyncio.Task[None], ...] = ()
    _making_known: asyncio.Task[None] | None = None
    _running: asyncio.Task[Any] | None = None
    _watching_in: contextvars.Context | None = None
    _session_timer: asyncio.TimerHandle | None = None
    _waits = 0
    _watches_session = False
    _room: threading.Event | None = None
    _is_over = False
    _dropped = 0
    _written_at = 0.0
    _waiting_characters = 0
    _has_messages: asyncio.Event
    """Made with the pump, which waits for it."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        self._loop = loop or asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._receive = receive
        self._send_to_client = send
        self._outbox: deque[str] = deque()
        self._timer = self._loop.call_later(WATCH_AFTER_SECONDS, self._start_watching)

    def bind(self, session: SessionState) -> None:
        super().bind(session)
        if self._watching_in is not None:
            # The request waited long for a thread. To watch its session now, with a row and queries, would make the
            # wait of others longer: most calls are quick once they run.
            self._waits = 0
            self._loop.call_soon_threadsafe(self._watch_session_later, context=self._watching_in)

    def accept(self) -> None:
        self._is_accepted = True

    def begin(self) -> None:
        self._running_since = time.monotonic()

    def release(self) -> None:
        # The function has returned, and only its reply waits for the event loop: with many connections, for long.
        self._running_since, self._waits = None, 0
        super().release()

    # For the tool, from any thread

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        text = to_json_text({"jsonrpc": "2.0", "method": method, "params": params})
        if threading.get_ident() != self._thread:
            self._wait_for_room()
        elif self._is_full:
            # A coroutine cannot wait here, and its messages must not fill the memory.
            self._dropped += 1
            return
        self._put(text)

    def send(self, message: Mapping[str, Any]) -> None:
        self._put(to_json_text(message))

    def ask(self, question: Question) -> Any:
        if threading.get_ident() == self._thread:
            raise RuntimeError(
                "This would block the event loop: await the a-method instead (ctx.aelicit, ctx.asample …)."
            )
        client_question = ClientQuestion(question, self, in_transaction=release_connections())
        # Otherwise the threads of calls that get no place would pile up, each with its connection.
        client_question.take_place()
        with waiting_thread():
            return asyncio.run_coroutine_threadsafe(self._ask(client_question), self._loop).result()

    async def aask(self, question: Question) -> Any:
        client_question = ClientQuestion(question, self, in_transaction=await release_own_connections())
        client_question.take_place()
        with waiting_call():
            return await self._ask(client_question)

    async def _ask(self, client_question: ClientQuestion) -> Any:
        steps, result = client_question.steps(), None
        group = bell.calls_group(client_question.session_pk)
        async with bell.Wakeup([group]) as wakeup:
            try:
                while True:
                    step = steps.send(result)
                    result = await (hop(step) if callable(step) else wakeup.wait(step))
            except StopIteration as end:
                return end.value
            finally:
                await asyncio.shield(hop(client_question.forget))

    def cancel(self) -> None:
        self._call_on_loop(self._cancel)

    def close(self) -> None:
        if self.session is not None and is_at_least(self.session.protocol_version, PRIMED_SINCE):
            self._closing = True
            self._call_on_loop(self._wake)

    # For the lane

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        self._running = task

    async def finish(self, reply: Reply) -> Reply | None:
        self._stop_watching()
        if self._pump is None:
            self._is_over = True
            if self._making_known is not None:
                await asyncio.wait([self._making_known])
                await hop(self.transcript.end)
            return reply
        self._final = reply.body
        self._has_messages.set()
        await self._pump
        return None

    async def fail(self) -> bool:
        if self._pump is None:
            self.abandon()
            return False
        await self.finish(self._failure_reply())
        return True

    def _failure_reply(self) -> Reply:
        failure = ProtocolError(INTERNAL_ERROR, "Internal server error", status=500)
        return replies.error(failure, self.era, self.transcript.request_id)

    def abandon(self) -> None:
        self._stop_watching()
        self._end()
        if self._pump is not None:
            self._pump.cancel()

    def _stop_watching(self) -> None:
        self.release()
        self._timer.cancel()
        if self._session_timer is not None:
            self._session_timer.cancel()
        for watcher in self._watchers:
            watcher.cancel()

    def _end(self) -> None:
        """Drops unwritten messages, and wakes threads that wait to send more."""
        self._is_over = True
        self._outbox.clear()
        if self._room is not None:
            self._room.set()

    # The stream

    @property
    def _is_full(self) -> bool:
        return len(self._outbox) >= OUTBOX_LIMIT or self._waiting_characters >= OUTBOX_CHARACTERS

    def _put(self, text: str) -> None:
        if self._is_over:
            return
        self._outbox.append(text)
        self._waiting_characters += len(text)
        self._call_on_loop(self._wake)

    def _call_on_loop(self, function: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            function()
        else:
            self._loop.call_soon_threadsafe(function)

    def _wait_for_room(self) -> None:
        while self._is_full and not self.cancelled and not self._is_over:
            self._room = threading.Event()
            self._loop.call_soon_threadsafe(self._wake)
            self._room.wait(1)

    def _wake(self) -> None:
        if self._pump is None:
            if self._is_over:
                return
            self._has_messages = asyncio.Event()
            self._pump = self._loop.create_task(self._write())
        self._has_messages.set()

    async def _write(self) -> None:
        """Writes the stream, from its headers to its end. After an internal error, the last event is the error, because
        the headers have been sent.
        """
        await self._send({"type": "http.response.start", "status": 200, "headers": to_bytes(sse.HEADERS)})
        try:
            await self._write_lines()
        except Exception:
            logger.exception("A stream failed")
            await self._send_lines(sse.encode(self._failure_reply().body.decode()))
        self._end()
        if self._dropped:
            logger.warning("%d messages were dropped: a coroutine sent more than its client reads", self._dropped)
        if not self.is_left:
            await self._send({"type": "http.response.body", "body": b""})

    async def _write_lines(self) -> None:
        if self.session is not None:
            await self._make_known()
            await self._send_lines(await hop(self.transcript.open))
        is_last = False
        while not is_last:
            self._has_messages.clear()
            texts = self._take()
            is_last = not self._outbox and self._final is not None
            if is_last and self._final:
                texts.append(self._final.decode())
            if texts:
                await self._send_lines(await self._record(texts, is_last=is_last))
            if self._closing and not self.is_left:
                await self._send_lines(sse.retry(mcp_settings.RETRY_MILLISECONDS))
                await self._send({"type": "http.response.body", "body": b""})
                self.is_left = True
            if not is_last and not self._outbox:
                await self._wait_for_messages()

    def _take(self) -> list[str]:
        """The next messages; wakes threads that wait for room."""
        texts = [self._outbox.popleft() for _ in range(min(PORTION, len(self._outbox)))]
        self._waiting_characters -= sum(map(len, texts))
        if self._room is not None and not self._is_full:
            self._room.set()
        return texts

    async def _wait_for_messages(self) -> None:
        """Waits until there is something to send. Sends a comment when nothing was sent for a keep-alive."""
        silent = self._loop.time() - self._written_at
        try:
            await asyncio.wait_for(self._has_messages.wait(), mcp_settings.KEEPALIVE_SECONDS - silent)
        except TimeoutError:
            await self._send_lines(sse.KEEPALIVE)

    async def _record(self, texts: list[str], *, is_last: bool) -> bytes:
        if self.session is None:
            return self.transcript.add(texts, is_last=is_last)
        lines = await hop(self.transcript.add, texts, is_last=is_last)
        if self.is_left:
            # Another connection, perhaps in another process, reads this stream now.
            await hop(bell.ring, [bell.session_group(self.session.pk)])
        return lines

    async def _send_lines(self, lines: bytes) -> None:
        if lines and not self.is_left:
            await self._send({"type": "http.response.body", "body": lines, "more_body": True})
        if lines:
            self._written_at = self._loop.time()

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        try:
            await asyncio.wait_for(self._send_to_client(message), mcp_settings.SEND_TIMEOUT_SECONDS)
        except Exception as error:  # whatever the server raises for a client that is gone or does not read
            logger.debug("A stream's client is gone: %r", error)
            self.is_left = True
            if self.era == "modern":
                self._cancel()

    async def _make_known(self) -> None:
        """Writes the stream's row once, for the writer and the watcher; again if that has failed."""
        making = self._making_known
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = self._making_known = self._loop.create_task(hop(self.transcript.make_known))
        await asyncio.shield(making)

    # Cancellation

    def _start_watching(self) -> None:
        seconds = self._seconds_until_watched()
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, self._start_watching)
            return
        self._watching_in = contextvars.copy_context()
        self._watchers = (self._loop.create_task(self._watch_client()),)
        self._watch_session()
        self._timer = self._loop.call_later(mcp_settings.KEEPALIVE_SECONDS, self._break_silence)

    def _seconds_until_watched(self) -> float:
        """Seconds until the request has run for long enough; 0 also when it has waited for very long."""
        # Read once, since the function may return in its thread meanwhile.
        running_since = self._running_since
        if running_since is not None:
            return WATCH_AFTER_SECONDS - (time.monotonic() - running_since)
        if self._waits >= WAITS_BEFORE_WATCHING:
            return 0
        # It waits for a thread or the event loop, as others do: to watch each would make the wait longer.
        self._waits += 1
        return WATCH_AFTER_SECONDS

    def _break_silence(self) -> None:
        """Opens the stream of a call. A request that still waits for a thread or the database may be refused, or get a
        session, so its status and headers are not known yet.
        """
        if self._is_accepted:
            self._wake()
        else:
            self._timer = self._loop.call_later(1, self._break_silence)

    def _watch_session_later(self) -> None:
        seconds = self._seconds_until_watched()
        if self._is_over:
            return
        if seconds > 0:
            self._session_timer = self._loop.call_later(seconds, self._watch_session_later)
        else:
            self._watch_session()

    def _watch_session(self) -> None:
        if self.session is not None and not self._watches_session:
            self._watches_session = True
            self._watchers += (self._loop.create_task(self._watch_for_cancellation(self.session)),)

    async def _watch_client(self) -> None:
        """Notes that the client has disconnected: a modern client cancels the request this way, a handshake client may
        come back.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_left = True
        if self.era == "modern":
            self._cancel()

    async def _watch_for_cancellation(self, session: SessionState) -> None:
        async with bell.Wakeup([bell.calls_group(session.pk)]) as wakeup:
            renewed = self._loop.time()
            while True:
                seconds = sessions.touch_seconds(mcp_settings.STREAM_LEASE_SECONDS / 3)
                try:
                    await self._make_known()
                    if self._loop.time() - renewed >= seconds:
                        await hop(sessions.renew_request, session.pk, self.transcript.key)
                        renewed = self._loop.time()
                    if await hop(events.is_cancelled, session.pk, self.transcript.key):
                        break
                except Exception as failure:  # a database that is away may come back
                    logger.warning("Asking whether a request was cancelled failed: %r", failure)
                await wakeup.wait(seconds)
        self._cancel()

    def _cancel(self) -> None:
        self.cancelled = True
        if self._running is not None:
            self._running.cancel()
