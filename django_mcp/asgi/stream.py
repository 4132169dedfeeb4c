"""Streams that stay open: the GET of a handshake session, and a modern client's `subscriptions/listen`.

Each reads rows after the last one that it wrote, when its group rings and at intervals. It contains no rules of the
protocol: whether a stream may be opened is decided before.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from weakref import WeakSet

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.http import AsyncHttpConsumer
from django.db import Error as DatabaseError
from django.utils import timezone

from django_mcp import gates
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.request_stream import PRIMED_SINCE
from django_mcp.execution.threads import hop
from django_mcp.protocol import sse
from django_mcp.protocol.headers import to_bytes
from django_mcp.protocol.versions import is_at_least
from django_mcp.storage import events

from .admission import Admission

logger = logging.getLogger("django_mcp")

T = TypeVar("T")

_HEADERS: Final = to_bytes(sse.HEADERS)
open_streams: "WeakSet[StreamConsumer]" = WeakSet()
_loops: "WeakSet[asyncio.AbstractEventLoop]" = WeakSet()
"""The event loops that have served streams."""
_stopping: "WeakSet[asyncio.AbstractEventLoop]" = WeakSet()


class StreamConsumer(AsyncHttpConsumer):  # type: ignore[misc]
    """An SSE response that stays open until its client disconnects, the server closes it, or it is complete.

    In Channels' documented pattern, `handle` writes, and neither layer messages nor the disconnect arrive before it
    returns. The loop of Channels has a task for each source of messages; this one receives only from the connection, in
    the task that serves it, so that an idle stream costs little.
    """

    # The bell listens for all streams: Channels would end a stream when its layer fails, while this one continues with
    # polling.
    channel_layer_alias = ""
    admission: Admission | None = None

    def __init__(self, expires_at: datetime | None = None) -> None:
        """The stream closes at `expires_at`, when its client's credential expires: the client must reconnect with a new
        one.
        """
        super().__init__()
        self._expires_at = expires_at
        self._expiry: asyncio.TimerHandle | None = None
        self._serving: asyncio.Task[Any] | None = None
        self._is_over = False

    async def dispatch(self, message: MutableMapping[str, Any]) -> None:
        # Channels would first close old database connections, in a thread that all requests share; here `hop` closes
        # them.
        await getattr(self, get_handler_name(message))(message)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves the stream to its end."""
        self.scope, self.base_send = scope, send
        self._serving = asyncio.current_task()
        open_streams.add(self)
        _loops.add(asyncio.get_running_loop())
        try:
            await self.dispatch({"type": "http.request"})
            while True:
                message = await receive()
                # The request message of a request with a body was read before; without a body it arrives here.
                if message["type"] != "http.request":
                    await self.dispatch(message)
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._is_over or self._serving is None:
                raise
            self._serving.uncancel()
        finally:
            open_streams.discard(self)
            if self._expiry is not None:
                self._expiry.cancel()
            await self.release()

    async def http_request(self, message: MutableMapping[str, Any]) -> None:
        await self.send_headers(headers=_HEADERS)
        await self.begin()
        loop = asyncio.get_running_loop()
        if loop in _stopping:
            self.close()
        elif gates.gates and self.is_refused():
            # The gate closed while the stream was being opened.
            self.close()
        elif isinstance(self._expires_at, datetime):
            self._expiry = loop.call_later(_seconds_until(self._expires_at), self.close)

    async def http_disconnect(self, message: MutableMapping[str, Any]) -> None:
        raise StopConsumer

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the stream is served on an event loop."""
        return self._serving is not None and self._serving.get_loop() is loop

    def is_refused(self) -> bool:
        """Whether a gate refuses the client now."""
        return self.admission is not None and self.admission.is_refused()

    async def begin(self) -> None:
        """Starts to write."""
        raise NotImplementedError

    async def release(self) -> None:
        """Releases the stream's resources."""

    def close(self) -> None:
        """Ends the stream with a last message to its client, because the server stops."""
        raise NotImplementedError

    async def write(self, chunk: bytes) -> bool:
        """Sends a chunk. Returns whether the client received it."""
        try:
            async with asyncio.timeout(mcp_settings.SEND_TIMEOUT_SECONDS):
                await self.send_body(chunk, more_body=True)
        except (OSError, TimeoutError) as error:
            logger.debug("A stream's client is gone: %r", error)
            self._stop_serving()
            return False
        return True

    async def finish(self, last_chunk: bytes = b"") -> None:
        """Ends the response and the stream."""
        try:
            async with asyncio.timeout(mcp_settings.SEND_TIMEOUT_SECONDS):
                await self.send_body(last_chunk)
        except (OSError, TimeoutError) as error:
            logger.debug("A stream's client is gone: %r", error)
        self._stop_serving()

    def _stop_serving(self) -> None:
        """Stops waiting for the client, because some servers report no disconnect after the response is complete."""
        if not self._is_over and self._serving is not None:
            self._is_over = True
            self._serving.cancel()


class LinesConsumer(StreamConsumer):
    """A stream whose lines come from a generator, in a task of its own."""

    def __init__(self, expires_at: datetime | None = None, admission: Admission | None = None) -> None:
        super().__init__(expires_at)
        self.admission = admission
        self._asked_at = self._written_at = time.monotonic()
        self._writer: asyncio.Task[None] | None = None
        self.rung = asyncio.Event()
        self.is_closing = False

    def lines(self) -> AsyncGenerator[bytes, None]:
        """The lines of the stream, to its end; empty lines are skipped. The generator is closed when the client
        disconnects.
        """
        raise NotImplementedError

    def last_lines(self) -> bytes:
        """The last lines for the client when the server closes the stream."""
        return b""

    def close(self) -> None:
        self.is_closing = True
        self.rung.set()

    async def begin(self) -> None:
        self._writer = asyncio.create_task(self._write_lines())

    async def release(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    def wait_seconds(self) -> float:
        """How many seconds the stream waits for a ring before it reads again."""
        return float(mcp_settings.KEEPALIVE_SECONDS)

    async def write(self, chunk: bytes) -> bool:
        is_written = await super().write(chunk)
        self._written_at = time.monotonic()
        return is_written

    def silent_seconds(self) -> float:
        """The time since the last byte was sent, because proxies close silent connections."""
        return time.monotonic() - self._written_at

    async def read(self, function: Callable[[], T]) -> T | None:
        """The result of a function that reads from the database; `None` while the database is away. The bell rings when
        it is back.
        """
        try:
            return await hop(function)
        except DatabaseError as failure:
            logger.warning("Reading for a stream failed: %r", failure)
            return None

    async def wait(self) -> None:
        """Waits for a ring, for the server's stop, or until a keep-alive is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(
                min(self.wait_seconds(), mcp_settings.KEEPALIVE_SECONDS - self.silent_seconds())
            ):
                await self.rung.wait()
                self.rung.clear()

    def keep_alive(self) -> bytes:
        """A comment when nothing was sent for a keep-alive; else nothing."""
        return sse.KEEPALIVE if self.silent_seconds() >= mcp_settings.KEEPALIVE_SECONDS else b""

    async def is_still_admitted(self) -> bool:
        """Whether the client would still be admitted. Checked once per keep-alive, even while events come without a
        pause.
        """
        now = time.monotonic()
        if self.admission is None or now - self._asked_at < mcp_settings.KEEPALIVE_SECONDS:
            return True
        self._asked_at = now
        return await hop(self.admission.holds)

    async def _write_lines(self) -> None:
        lines = self.lines()
        try:
            async for chunk in lines:
                if chunk and not await self.write(chunk):
                    return
            await self.finish(self.last_lines() if self.is_closing else b"")
        except Exception:
            logger.exception("A stream failed")
            self._stop_serving()
        finally:
            await lines.aclose()


def close_all() -> None:
    """Asks every open stream to end, with a last message to its client; called on the event loop when the server stops.

    Streams that open later end too: a server accepts connections for a while, and then waits for them to end.
    """
    _stopping.add(asyncio.get_running_loop())
    for consumer in list(open_streams):
        consumer.close()


def close_refused() -> None:
    """Closes the streams of callers whom a gate refuses now. Works in any thread."""
    for loop in list(_loops):
        with suppress(RuntimeError):  # The loop is closed, and its streams with it.
            loop.call_soon_threadsafe(_close_refused)


def _close_refused() -> None:
    loop = asyncio.get_running_loop()
    for consumer in list(open_streams):
        if consumer.is_of(loop) and consumer.is_refused():
            consumer.close()


gates.when_changed(close_refused)


def _seconds_until(moment: datetime) -> float:
    """A credential's expiry may be naive, if the project does not use time zones."""
    aware = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    return max(0, (aware - datetime.now(UTC)).total_seconds())


def opening_lines(version: str, position: events.Position) -> bytes:
    if is_at_least(version, PRIMED_SINCE):
        return sse.prime(position.event_id, mcp_settings.RETRY_MILLISECONDS)
    return sse.KEEPALIVE
