"""The GET of a handshake session: its standalone stream."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.execution.threads import hop
from django_mcp.protocol import sse
from django_mcp.storage import standalone
from django_mcp.storage.standalone import OpenStream, StreamUpdate

from .admission import Admission
from .reader import reader
from .stream import StreamConsumer, opening_lines

logger = logging.getLogger("django_mcp")

ANSWER_SECONDS: Final = 1
"""How long the holder of a stream may take to show that it is alive, in addition to its polling interval."""

FIRST_LOOK_SECONDS: Final = 0.02


class MCPConsumer(StreamConsumer):
    """The standalone stream of a session. The event loop's reader reads its events."""

    def __init__(self, stream: StandaloneStream, admission: Admission | None = None) -> None:
        super().__init__(stream.expires_at)
        self.admission = admission
        session = stream.session
        self.open_stream = OpenStream(session.pk, session.server, session.principal, stream.holder, stream.position)
        self._opening = opening_lines(session.protocol_version, stream.position)
        self._writing: asyncio.Task[None] | None = None
        self._is_silent = True
        self._is_ending = False

    @property
    def is_busy(self) -> bool:
        return self._writing is not None

    async def begin(self) -> None:
        await reader().add(self)

    async def release(self) -> None:
        reader().remove(self)
        if self._writing is not None:
            self._writing.cancel()
        await asyncio.shield(hop(standalone.release, self.open_stream))

    def close(self) -> None:
        self._start_writing(sse.retry(mcp_settings.RETRY_MILLISECONDS), is_last=True)

    def is_admitted(self) -> bool:
        return self.admission is None or self.admission.holds()

    def only_readable(self, update: StreamUpdate) -> StreamUpdate:
        uris = {item.uri for item in update.stored if item.uri}
        hidden = self.admission.unreadable(uris) if uris and self.admission is not None else set()
        return replace(update, stored=[item for item in update.stored if item.uri not in hidden]) if hidden else update

    def deliver(self, update: StreamUpdate) -> None:
        if update.is_over:
            self._start_writing(b"", is_last=True)
        elif not self.is_busy:
            # The opening lines are sent with the first events, so that a client that comes back gets them immediately.
            lines = self._opening + b"".join(
                sse.encode(item.message, item.position.event_id) for item in update.stored if item.message
            )
            self._opening = b""
            if lines:
                self._start_writing(lines, update)
            else:
                self._move(update)

    def keep_alive(self) -> None:
        if self._is_silent and not self.is_busy:
            self._start_writing(sse.KEEPALIVE)
        self._is_silent = True

    def _start_writing(self, chunk: bytes, update: StreamUpdate | None = None, *, is_last: bool = False) -> None:
        if self._is_ending:
            # Otherwise each close would restart the timeout, and a client that does not read would keep the stream
            # open.
            return
        self._is_ending = is_last
        if is_last and self._writing is not None:
            self._writing.cancel()
        self._is_silent = False
        self._writing = asyncio.create_task(self._write_chunk(chunk, update, is_last))

    async def _write_chunk(self, chunk: bytes, update: StreamUpdate | None, is_last: bool) -> None:
        try:
            if is_last:
                await self.finish(chunk)
            elif await self.write(chunk) and update is not None:
                self._move(update)
        except Exception:
            logger.exception("A stream failed")
            self._stop_serving()
        finally:
            if self._writing is asyncio.current_task():
                self._writing = None
                reader().wake()

    def _move(self, update: StreamUpdate) -> None:
        old = self.open_stream
        self.open_stream = OpenStream(old.session_pk, old.server, old.principal, old.holder, update.position)


async def take_over(stream: StandaloneStream) -> StandaloneStream | None:
    """The stream, if it was taken from another connection because that one is dead or has gone: it is asked, and renews
    its lease if it is alive. The stream goes on after what the other connection has sent.
    """
    pk, clock = stream.session.pk, asyncio.get_running_loop()
    lease = await hop(_ask_holder, pk)
    take = partial(standalone.take_from_dead, pk, stream.holder, lease)
    deadline, pause = clock.time() + mcp_settings.POLL_SECONDS + ANSWER_SECONDS, FIRST_LOOK_SECONDS
    while (left := deadline - clock.time()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, ANSWER_SECONDS / 4)
        current = await hop(standalone.lease_of, pk)
        if current != lease or not current.holder:
            # The holder has renewed or released the lease.
            take = partial(standalone.take, pk, stream.holder, force=False)
            break
    return await hop(_take, stream, take)


def _take(stream: StandaloneStream, take: Callable[[], bool]) -> StandaloneStream | None:
    if not take():
        return None
    return replace(stream, position=standalone.last_position(stream.session.pk), is_taken=True)


def _ask_holder(session_pk: int) -> standalone.Lease:
    lease = standalone.ask_holder(session_pk)
    bell.ring([bell.session_group(session_pk)])
    return lease
