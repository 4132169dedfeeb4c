"""A GET that resumes the stream of a POST, from the stored events."""

import asyncio
import time
from collections.abc import AsyncGenerator
from weakref import WeakValueDictionary

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.models import Session
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.storage import events, sessions

from .admission import Admission
from .stream import LinesConsumer, opening_lines


class ReplayConsumer(LinesConsumer):
    """The stream of a GET that resumes the stream of a POST, from the stored events. It ends when the client resumes
    this stream on another connection to the same process.
    """

    def __init__(self, stream: StandaloneStream, admission: Admission | None = None) -> None:
        super().__init__(stream.expires_at, admission)
        self._session = stream.session
        self._position = stream.position
        self._noted_at = float("-inf")

    async def begin(self) -> None:
        # A client reads a stream once, and any number of open replays would cost more than the request itself.
        place = (self._session.pk, self._position.key)
        earlier, _replays[place] = _replays.get(place), self
        if earlier is not None and earlier.is_of(asyncio.get_running_loop()):
            earlier.close()
        await super().begin()

    def wait_seconds(self) -> float:
        # Twice within the time after which a call gives up its client, or a short session expires.
        return sessions.touch_seconds(min(super().wait_seconds(), mcp_settings.CLIENT_GONE_SECONDS / 2))

    def last_lines(self) -> bytes:
        return sse.retry(mcp_settings.RETRY_MILLISECONDS)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        listener = await bell.listen([bell.session_group(self._session.pk)], self.rung.set)
        try:
            yield opening_lines(self._session.protocol_version, self._position)
            while not self.is_closing and await self.is_still_admitted():
                stored, has_ended = await self.read(self._read) or ([], False)
                lines = b"".join(sse.encode(item.message, item.position.event_id) for item in stored if item.message)
                yield lines or self.keep_alive()
                if has_ended:
                    return
                if not stored:
                    await self.wait()
        finally:
            listener.stop()

    def _read(self) -> tuple[list[events.Stored], bool]:
        """The next events, and whether the stream is over."""
        session = self._session
        self._note_presence()
        stored = events.read_after(self._position, session.pk)
        if stored:
            self._position = stored[-1].position
            return stored, any(item.is_last for item in stored)
        if sessions.resume(session.session_id, server=session.server, principal=session.principal) is None:
            return [], True
        if sessions.revoked(Session.objects.filter(pk=session.pk)):
            sessions.terminate(session.session_id, server=session.server, principal=session.principal)
            return [], True
        self._end_if_dead()
        # More events may have been stored between the read and the end of the stream.
        ended = events.has_ended(session.pk, self._position.key)
        return [], ended and not events.read_after(self._position, session.pk)

    def _note_presence(self) -> None:
        """Marks the client as present, for a waiting call and for the session's expiry."""
        now = time.monotonic()
        if now - self._noted_at >= self.wait_seconds() / 2:
            self._noted_at = now
            sessions.note_presence(self._session.pk)

    def _end_if_dead(self) -> None:
        """Ends the stream of a request whose process has died, so that no client waits for it for ever."""
        key = self._position.key
        request_id = events.dead_request(self._session.pk, key)
        if request_id is not None:
            error = ProtocolError(INTERNAL_ERROR, "The server process that ran this request has stopped")
            events.end_dead_stream(self._session.pk, key, replies.error(error, "handshake", request_id).body.decode())


_replays: WeakValueDictionary[tuple[int, str], ReplayConsumer] = WeakValueDictionary()
"""The newest replay of each stream, by its session and key."""
