"""The streams that stand open: a handshake session's GET, and a modern client's `subscriptions/listen`.

Each reads rows after the last one that it wrote, when the bell rings and when it has not rung for a while. No rule of
the protocol lives here: what may be opened is decided before.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, MutableMapping
from typing import Any, Final
from weakref import WeakSet

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.http import AsyncHttpConsumer

from django_mcp import bus, events, sessions
from django_mcp.conf import mcp_settings
from django_mcp.endpoint import StandingStream
from django_mcp.methods.requests import Listen
from django_mcp.models import to_json_text
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.protocol.modern import SUBSCRIPTION_ID_META_KEY
from django_mcp.protocol.versions import is_at_least
from django_mcp.runner import hop

logger = logging.getLogger("django_mcp")

PRIMED_SINCE: Final = "2025-11-25"
SEND_TIMEOUT_SECONDS: Final = 30
"""A client that takes nothing for so long is closed; what it missed is stored."""

_open: "WeakSet[StreamConsumer]" = WeakSet()


class StreamConsumer(AsyncHttpConsumer):  # type: ignore[misc]
    """An SSE response that lasts. The lines come from `lines`, in a task of their own, so that the client's going is
    seen at once.

    Channels' documented pattern writes from `handle`, and then neither layer messages nor the disconnect arrive before
    it is done.
    """

    # The bell listens by itself: Channels would end the stream when its layer fails, and this one goes on by looking.
    channel_layer_alias = ""

    def __init__(self) -> None:
        super().__init__()
        self._writer: asyncio.Task[None] | None = None
        self._when_written: Callable[[], object] = lambda: None
        self.closing = asyncio.Event()

    def lines(self) -> AsyncGenerator[bytes, None]:
        """What the stream says, until it ends. Closing it is the end of the client's interest."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """What a client hears when the server closes the stream."""
        return b""

    async def dispatch(self, message: MutableMapping[str, Any]) -> None:
        # Channels would close old database connections first, in a thread that everybody shares; here they are for
        # `hop` to close.
        await getattr(self, get_handler_name(message))(message)

    async def http_request(self, message: MutableMapping[str, Any]) -> None:
        if self._writer is None:
            _open.add(self)
            self._writer = asyncio.create_task(self._write())
            self._writer.add_done_callback(self._written)

    def _written(self, writer: "asyncio.Task[None]") -> None:
        _open.discard(self)
        if not writer.cancelled() and (error := writer.exception()):
            logger.error("A stream failed", exc_info=error)
        self._when_written()

    async def http_disconnect(self, message: MutableMapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
        raise StopConsumer

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves the stream to its end, whoever ends it."""
        serving = asyncio.create_task(self(scope, _from_the_start(receive), send))
        self._when_written = serving.cancel
        try:
            await asyncio.wait([serving])
        finally:
            serving.cancel()
            if self._writer is not None:
                self._writer.cancel()
                await asyncio.wait([self._writer])

    async def _write(self) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in sse.HEADERS]
        await self.send_headers(headers=headers)
        lines = self.lines()
        try:
            async for chunk in lines:
                await asyncio.wait_for(self.send_body(chunk, more_body=True), SEND_TIMEOUT_SECONDS)
            await asyncio.wait_for(
                self.send_body(self.farewell() if self.closing.is_set() else b""), SEND_TIMEOUT_SECONDS
            )
        except (OSError, TimeoutError) as error:
            logger.debug("A stream's client is gone: %r", error)
        finally:
            await lines.aclose()

    async def pause(self, bell: bus.Bell, seconds: float) -> None:
        """Waits until the bell rings, the server closes, or the time is up."""
        waiting = [asyncio.ensure_future(bell.wait(seconds)), asyncio.ensure_future(self.closing.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


class MCPConsumer(StreamConsumer):
    """The GET of a handshake session: its standalone stream, or the rest of a POST's."""

    def __init__(self, stream: StandingStream) -> None:
        super().__init__()
        self._stream = stream
        self._position = stream.position

    def farewell(self) -> bytes:
        return sse.retry(mcp_settings.RETRY_MILLISECONDS)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        session, holder = self._stream.session, self._stream.holder
        try:
            async with bus.Bell([bus.session_group(session.pk), bus.server_group(session.server)]) as bell:
                # What opens the stream goes out with what is there already, so that a client which comes back has it at
                # once.
                opening = self._opening()
                said = renewed = asyncio.get_running_loop().time()
                while not self.closing.is_set():
                    stored, ended = await hop(self._read)
                    said_now = opening + b"".join(
                        sse.encode(item.message, item.position.event_id) for item in stored if item.message
                    )
                    opening = b""
                    if said_now:
                        said = asyncio.get_running_loop().time()
                        yield said_now
                    if ended:
                        return
                    if len(stored) >= events.READ_LIMIT:
                        continue
                    now = asyncio.get_running_loop().time()
                    if now - renewed >= mcp_settings.KEEPALIVE_SECONDS:
                        renewed = now
                        if not await hop(self._renew):
                            return
                    if now - said >= mcp_settings.KEEPALIVE_SECONDS:
                        said = now
                        yield sse.KEEPALIVE
                    await self.pause(bell, bus.look_interval())
        finally:
            if holder:
                await asyncio.shield(hop(events.release_standalone, session.pk, holder))

    def _opening(self) -> bytes:
        if is_at_least(self._stream.session.protocol_version, PRIMED_SINCE):
            return sse.prime(self._position.event_id, mcp_settings.RETRY_MILLISECONDS)
        return sse.KEEPALIVE

    def _read(self) -> tuple[list[events.Stored], bool]:
        """What is new, and whether the stream is over."""
        session, holder = self._stream.session, self._stream.holder
        before = self._position
        stored, self._position = events.read_after(before, session.pk, session.server, session.principal)
        if holder:
            if self._position != before:
                return stored, not events.mark_delivered(session.pk, holder, self._position)
            return stored, not events.holds_standalone(session.pk, holder)
        if stored:
            return stored, any(item.is_last for item in stored)
        self._bury_if_dead()
        return stored, events.has_ended(session.pk, self._position.key) and self._is_told_everything()

    def _is_told_everything(self) -> bool:
        """Whether nothing was stored between the read and the end of the stream."""
        session = self._stream.session
        return not events.read_after(self._position, session.pk, session.server, session.principal)[0]

    def _bury_if_dead(self) -> None:
        """Ends the stream of a request whose process has died, so that nobody waits for it for ever."""
        session, key = self._stream.session, self._position.key
        request_id = events.dead_request(session.pk, key)
        if request_id is not None:
            error = ProtocolError(INTERNAL_ERROR, "The server process that ran this request has stopped")
            events.bury(session.pk, key, replies.error(error, "handshake", request_id).body.decode())

    def _renew(self) -> bool:
        """Keeps the session and the lease. False when either is lost, or its user may no longer come in."""
        session, holder = self._stream.session, self._stream.holder
        if session.user_id is not None and not sessions.may_stay(session.pk):
            # Ended for good, or the client would come back to a stream that is closed on it again and again.
            sessions.terminate(session.session_id, server=session.server, principal=session.principal)
            return False
        if not holder:
            return sessions.resume(session.session_id, server=session.server, principal=session.principal) is not None
        sessions.touch(session)
        return events.renew_standalone(session.pk, holder)


class ListenConsumer(StreamConsumer):
    """A modern client's `subscriptions/listen`: what changes from now on, for as long as the client stays. Nothing is
    replayed.
    """

    def __init__(self, listen: Listen) -> None:
        super().__init__()
        self._listen = listen
        self._tag = {SUBSCRIPTION_ID_META_KEY: listen.request.id}

    def farewell(self) -> bytes:
        result = {"resultType": "complete", "_meta": self._tag}
        return sse.encode(to_json_text({"jsonrpc": "2.0", "id": self._listen.request.id, "result": result}))

    async def lines(self) -> AsyncGenerator[bytes, None]:
        server, principal = self._listen.request.server.name, self._listen.request.caller.principal.key
        async with bus.Bell([bus.server_group(server)]) as bell:
            position = await hop(events.last_change, server)
            yield self._say("notifications/subscriptions/acknowledged", {"notifications": dict(self._listen.honoured)})
            said = asyncio.get_running_loop().time()
            while not self.closing.is_set():
                changes, position = await hop(events.read_changes, server, position, principal)
                wanted = [change for change in changes if self._listen.wants(change.method, change.uri)]
                now = asyncio.get_running_loop().time()
                if wanted:
                    yield b"".join(
                        self._say(change.method, {"uri": change.uri} if change.uri else {})
                        for change in _distinct(wanted)
                    )
                    said = now
                elif now - said >= mcp_settings.KEEPALIVE_SECONDS:
                    yield sse.KEEPALIVE
                    said = now
                await self.pause(bell, bus.look_interval())

    def _say(self, method: str, params: dict[str, Any]) -> bytes:
        return sse.encode(to_json_text({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": self._tag}}))


def _from_the_start(receive: Any) -> Any:
    """A `receive` that begins with the request, which the lane has read: a consumer starts with it."""
    started = False

    async def receive_again() -> Any:
        nonlocal started
        if started:
            return await receive()
        started = True
        return {"type": "http.request"}

    return receive_again


def listeners() -> int:
    """How many `subscriptions/listen` streams this process keeps open."""
    return sum(isinstance(consumer, ListenConsumer) for consumer in _open)


def close_all() -> None:
    """Asks every open stream to end, with a word to its client; called on the event loop when the server stops."""
    for consumer in list(_open):
        consumer.closing.set()


def _distinct(changes: list[Any]) -> list[Any]:
    """Changes without repetition: a client that reads a list again once has read it for all of them."""
    return list({(change.method, change.uri): change for change in changes}.values())
