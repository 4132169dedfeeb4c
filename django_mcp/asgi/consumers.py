"""The streams that stand open: a handshake session's GET, and a modern client's `subscriptions/listen`.

Each reads rows after the last one that it wrote, when it is rung for and when it has not been for a while. No rule of
the protocol lives here: what may be opened is decided before.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakSet

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.http import AsyncHttpConsumer
from django.utils import timezone

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.exchange import StandingStream
from django_mcp.execution.threads import hop
from django_mcp.methods.request import Listen
from django_mcp.models import Session, to_json_text
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.protocol.modern import SUBSCRIPTION_ID_META_KEY
from django_mcp.protocol.versions import is_at_least
from django_mcp.storage import events, sessions, standalone
from django_mcp.storage.standalone import Held, News

from .reader import reader

logger = logging.getLogger("django_mcp")

PRIMED_SINCE: Final = "2025-11-25"

_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in sse.HEADERS]
_open: "WeakSet[StreamConsumer]" = WeakSet()
_stopping: "WeakSet[asyncio.AbstractEventLoop]" = WeakSet()


class StreamConsumer(AsyncHttpConsumer):  # type: ignore[misc]
    """An SSE response that lasts, until its client goes, the server closes it, or it has said everything.

    Channels' documented pattern writes from `handle`, and then neither layer messages nor the disconnect arrive before
    it is done. Its own loop has a task for each source of messages; this one has the connection alone, in the task that
    it is served in, so that an idle stream costs little.
    """

    # The bus listens for all: Channels would end the stream when its layer fails, and this one goes on by looking.
    channel_layer_alias = ""

    def __init__(self, expires_at: datetime | None = None) -> None:
        """The stream closes when its client's credential ends, at `expires_at`: the client has to show the next one."""
        super().__init__()
        self._expires_at = expires_at
        self._expiry: asyncio.TimerHandle | None = None
        self._serving: asyncio.Task[Any] | None = None
        self._is_over = False

    async def dispatch(self, message: MutableMapping[str, Any]) -> None:
        # Channels would close old database connections first, in a thread that everybody shares; here they are for
        # `hop` to close.
        await getattr(self, get_handler_name(message))(message)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves the stream to its end, whoever ends it."""
        self.scope, self.base_send = scope, send
        self._serving = asyncio.current_task()
        _open.add(self)
        try:
            await self.dispatch({"type": "http.request"})
            while True:
                message = await receive()
                # A request with a body has been read before, one without still comes.
                if message["type"] != "http.request":
                    await self.dispatch(message)
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._is_over or self._serving is None:
                raise
            self._serving.uncancel()
        finally:
            _open.discard(self)
            if self._expiry is not None:
                self._expiry.cancel()
            await self.let_go()

    async def http_request(self, message: MutableMapping[str, Any]) -> None:
        await self.send_headers(headers=_HEADERS)
        await self.begin()
        loop = asyncio.get_running_loop()
        if loop in _stopping:
            self.close()
        elif isinstance(self._expires_at, datetime):
            self._expiry = loop.call_later(_seconds_until(self._expires_at), self.close)

    async def http_disconnect(self, message: MutableMapping[str, Any]) -> None:
        raise StopConsumer

    async def begin(self) -> None:
        """Starts to say something."""
        raise NotImplementedError

    async def let_go(self) -> None:
        """Gives back what the stream holds."""

    def close(self) -> None:
        """Ends the stream, with a word to its client; the server is about to stop."""
        raise NotImplementedError

    async def say(self, chunk: bytes) -> bool:
        """Whether the client took it."""
        try:
            async with asyncio.timeout(mcp_settings.SEND_TIMEOUT_SECONDS):
                await self.send_body(chunk, more_body=True)
        except (OSError, TimeoutError) as error:
            logger.debug("A stream's client is gone: %r", error)
            self._leave()
            return False
        return True

    async def finish(self, farewell: bytes = b"") -> None:
        """Ends the response, and with it the stream."""
        try:
            async with asyncio.timeout(mcp_settings.SEND_TIMEOUT_SECONDS):
                await self.send_body(farewell)
        except (OSError, TimeoutError) as error:
            logger.debug("A stream's client is gone: %r", error)
        self._leave()

    def _leave(self) -> None:
        """Stops waiting for the client: not every server tells of a disconnect once the response is complete."""
        if not self._is_over and self._serving is not None:
            self._is_over = True
            self._serving.cancel()


class MCPConsumer(StreamConsumer):
    """The GET of a handshake session: its standalone stream, which the reader of the event loop reads for."""

    def __init__(self, stream: StandingStream) -> None:
        super().__init__(stream.expires_at)
        session = stream.session
        self.held = Held(session.pk, session.server, session.principal, stream.holder, stream.position)
        self._opening = _opening(session.protocol_version, stream.position)
        self._writing: asyncio.Task[None] | None = None
        self._is_silent = True
        self._is_ending = False

    @property
    def is_busy(self) -> bool:
        return self._writing is not None

    async def begin(self) -> None:
        await reader().add(self)

    async def let_go(self) -> None:
        reader().remove(self)
        if self._writing is not None:
            self._writing.cancel()
        await asyncio.shield(hop(standalone.release, self.held))

    def close(self) -> None:
        self._write(sse.retry(mcp_settings.RETRY_MILLISECONDS), is_last=True)

    def hear(self, news: News) -> None:
        if news.is_over:
            self._write(b"", is_last=True)
        elif not self.is_busy:
            # What opens the stream goes out with what is there already, so that a client which comes back has it at
            # once.
            said = self._opening + b"".join(
                sse.encode(item.message, item.position.event_id) for item in news.stored if item.message
            )
            self._opening = b""
            if said:
                self._write(said, news)
            else:
                self._move(news)

    def keep_alive(self) -> None:
        if self._is_silent and not self.is_busy:
            self._write(sse.KEEPALIVE)
        self._is_silent = True

    def _write(self, chunk: bytes, news: News | None = None, *, is_last: bool = False) -> None:
        if self._is_ending:
            # A client that does not read would keep the stream open if each end began anew.
            return
        self._is_ending = is_last
        if is_last and self._writing is not None:
            self._writing.cancel()
        self._is_silent = False
        self._writing = asyncio.create_task(self._deliver(chunk, news, is_last))

    async def _deliver(self, chunk: bytes, news: News | None, is_last: bool) -> None:
        try:
            if is_last:
                await self.finish(chunk)
            elif await self.say(chunk) and news is not None:
                self._move(news)
        except Exception:
            logger.exception("A stream failed")
            self._leave()
        finally:
            if self._writing is asyncio.current_task():
                self._writing = None
                reader().wake()

    def _move(self, news: News) -> None:
        held = self.held
        self.held = Held(held.session_pk, held.server, held.principal, held.holder, news.position)


class LinesConsumer(StreamConsumer):
    """A stream whose lines come from a generator, in a task of its own."""

    def __init__(self, expires_at: datetime | None = None) -> None:
        super().__init__(expires_at)
        self._writer: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        self.is_closing = False

    def lines(self) -> AsyncGenerator[bytes, None]:
        """What the stream says, until it ends. Closing it is the end of the client's interest."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """What a client hears when the server closes the stream."""
        return b""

    def close(self) -> None:
        self.is_closing = True
        self.news.set()

    async def begin(self) -> None:
        self._writer = asyncio.create_task(self._write())

    async def let_go(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def has_news(self) -> bool:
        """Waits until there is news, the server closes, or it is time for a sign of life."""
        try:
            async with asyncio.timeout(mcp_settings.KEEPALIVE_SECONDS):
                await self.news.wait()
        except TimeoutError:
            return False
        self.news.clear()
        return True

    async def _write(self) -> None:
        lines = self.lines()
        try:
            async for chunk in lines:
                if not await self.say(chunk):
                    return
            await self.finish(self.farewell() if self.is_closing else b"")
        except Exception:
            logger.exception("A stream failed")
            self._leave()
        finally:
            await lines.aclose()


class ReplayConsumer(LinesConsumer):
    """A GET that resumes the stream of a POST: the rest of it, as it is stored."""

    def __init__(self, stream: StandingStream) -> None:
        super().__init__(stream.expires_at)
        self._session = stream.session
        self._position = stream.position

    def farewell(self) -> bytes:
        return sse.retry(mcp_settings.RETRY_MILLISECONDS)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        listener = await bell.listen([bell.session_group(self._session.pk)], self.news.set)
        try:
            yield _opening(self._session.protocol_version, self._position)
            while not self.is_closing:
                stored, has_ended = await hop(self._read)
                if stored:
                    yield (
                        b"".join(sse.encode(item.message, item.position.event_id) for item in stored if item.message)
                        or sse.KEEPALIVE
                    )
                if has_ended:
                    return
                if not stored and not await self.has_news():
                    yield sse.KEEPALIVE
        finally:
            listener.stop()

    def _read(self) -> tuple[list[events.Stored], bool]:
        """What is new, and whether the stream is over."""
        session = self._session
        stored = events.read_after(self._position, session.pk)
        if stored:
            self._position = stored[-1].position
            return stored, any(item.is_last for item in stored)
        if sessions.resume(session.session_id, server=session.server, principal=session.principal) is None:
            return [], True
        if sessions.barred(Session.objects.filter(pk=session.pk)):
            sessions.terminate(session.session_id, server=session.server, principal=session.principal)
            return [], True
        self._bury_if_dead()
        # Nothing may have been stored between the read and the end of the stream.
        ended = events.has_ended(session.pk, self._position.key)
        return [], ended and not events.read_after(self._position, session.pk)

    def _bury_if_dead(self) -> None:
        """Ends the stream of a request whose process has died, so that nobody waits for it for ever."""
        key = self._position.key
        request_id = events.dead_request(self._session.pk, key)
        if request_id is not None:
            error = ProtocolError(INTERNAL_ERROR, "The server process that ran this request has stopped")
            events.bury(self._session.pk, key, replies.error(error, "handshake", request_id).body.decode())


class ListenConsumer(LinesConsumer):
    """A modern client's `subscriptions/listen`: what changes from now on, for as long as the client stays, and would
    still be admitted. Nothing is replayed.
    """

    def __init__(self, listen: Listen, is_admitted: Callable[[], bool] | None = None) -> None:
        """`is_admitted` is asked in a thread, once in a keep-alive."""
        super().__init__(listen.request.caller.principal.expires_at)
        self._listen = listen
        self._is_admitted = is_admitted
        self._asked_at = time.monotonic()
        self._tag = {SUBSCRIPTION_ID_META_KEY: listen.request.id}

    def farewell(self) -> bytes:
        result = {"resultType": "complete", "_meta": self._tag}
        return sse.encode(to_json_text({"jsonrpc": "2.0", "id": self._listen.request.id, "result": result}))

    async def lines(self) -> AsyncGenerator[bytes, None]:
        server, principal = self._listen.request.server.name, self.principal
        listener = await bell.listen([bell.server_group(server)], self.news.set)
        try:
            position = await hop(events.last_change, server)
            yield self._say("notifications/subscriptions/acknowledged", {"notifications": dict(self._listen.honoured)})
            while not self.is_closing and await self._may_stay():
                changes, position = await hop(events.read_changes, server, position, principal)
                wanted = [change for change in changes if self._listen.wants(change.method, change.uri)]
                if wanted:
                    yield b"".join(
                        self._say(change.method, {"uri": change.uri} if change.uri else {})
                        for change in _distinct(wanted)
                    )
                if not changes and not await self.has_news():
                    yield sse.KEEPALIVE
        finally:
            listener.stop()

    async def _may_stay(self) -> bool:
        """Whether the client would be admitted again, asked now and then: also while there is news without a pause."""
        now = time.monotonic()
        if self._is_admitted is None or now - self._asked_at < mcp_settings.KEEPALIVE_SECONDS:
            return True
        self._asked_at = now
        return await hop(self._is_admitted)

    @property
    def principal(self) -> str:
        return self._listen.request.caller.principal.key

    def _say(self, method: str, params: dict[str, Any]) -> bytes:
        return sse.encode(to_json_text({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": self._tag}}))


def consumer_of(stream: StandingStream) -> StreamConsumer:
    """The consumer that writes a stream."""
    return MCPConsumer(stream) if stream.position.key == events.STANDALONE else ReplayConsumer(stream)


def listeners() -> list[ListenConsumer]:
    """The `subscriptions/listen` streams that this process keeps open."""
    return [consumer for consumer in _open if isinstance(consumer, ListenConsumer)]


def close_all() -> None:
    """Asks every open stream to end, with a word to its client; called on the event loop when the server stops.

    So do those that open from then on: a server accepts connections for a while yet, and then waits for them to end.
    """
    _stopping.add(asyncio.get_running_loop())
    for consumer in list(_open):
        consumer.close()


def _seconds_until(moment: datetime) -> float:
    """Credentials say it with a time zone or, where the project has none, without."""
    aware = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    return max(0, (aware - datetime.now(UTC)).total_seconds())


def _opening(version: str, position: events.Position) -> bytes:
    if is_at_least(version, PRIMED_SINCE):
        return sse.prime(position.event_id, mcp_settings.RETRY_MILLISECONDS)
    return sse.KEEPALIVE


def _distinct(changes: list[Any]) -> list[Any]:
    """Changes without repetition: a client that reads a list again once has read it for all of them."""
    return list({(change.method, change.uri): change for change in changes}.values())
