"""Reads the events of all standalone streams of an event loop together, and renews their leases in portions.

A stream that is still writing is not read for, so that a client that does not read costs no more memory than its last
portion. Independent of HTTP.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import cycle, islice
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.execution.threads import hop
from django_mcp.storage import sessions, standalone
from django_mcp.storage.standalone import OpenStream, StreamUpdate

logger = logging.getLogger("django_mcp")

PORTION: Final = 200
"""The number of streams that are read for in one query."""


class StreamClient(Protocol):
    """A stream for which the reader reads."""

    open_stream: OpenStream

    @property
    def is_busy(self) -> bool:
        """Whether it is still writing its last update."""

    def is_admitted(self) -> bool:
        """Whether its client would still be admitted. Called in a thread."""

    def only_readable(self, update: StreamUpdate) -> StreamUpdate:
        """The update without resources that its client may not read now. Called in a thread."""

    def deliver(self, update: StreamUpdate) -> None:
        """Starts to write an update; does not wait."""

    def keep_alive(self) -> None:
        """Sends a keep-alive, if the stream has been silent."""


class Reader:
    """The standalone streams of one event loop."""

    def __init__(self) -> None:
        self._streams: dict[StreamClient, bell.Listener] = {}
        self._rung: dict[StreamClient, None] = {}
        self._failed: dict[StreamClient, None] = {}
        self._has_rung = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def add(self, stream: StreamClient) -> None:
        """Starts to read for a stream, from its position."""
        open_stream = stream.open_stream
        groups = [bell.session_group(open_stream.session_pk), bell.server_group(open_stream.server)]
        self._streams[stream] = await bell.listen(groups, partial(self.ring, stream))
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_alive())]
        self.ring(stream)

    def remove(self, stream: StreamClient) -> None:
        """Stops reading for a stream."""
        self._rung.pop(stream, None)
        if listener := self._streams.pop(stream, None):
            listener.stop()
        if not self._streams:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def ring(self, stream: StreamClient) -> None:
        """Reads for a stream as soon as it is not busy."""
        self._rung[stream] = None
        self._has_rung.set()

    def wake(self) -> None:
        """Reads for streams that are no longer busy."""
        if self._rung:
            self._has_rung.set()

    async def _read(self) -> None:
        while True:
            await self._has_rung.wait()
            self._has_rung.clear()
            while streams := list(islice((stream for stream in self._rung if not stream.is_busy), PORTION)):
                for stream in streams:
                    del self._rung[stream]
                await self._deliver(standalone.read, streams)

    async def _keep_alive(self) -> None:
        """Runs twice per keep-alive: renews the leases, and sends keep-alives on silent streams. Every second time,
        first closes the streams of clients that are no longer admitted.
        """
        for asks in cycle([True, False]):
            await asyncio.sleep(sessions.touch_seconds(mcp_settings.KEEPALIVE_SECONDS / 2))
            for portion in _portions(list(self._streams)):
                streams = await self._close_unadmitted(portion) if asks else portion
                await self._deliver(standalone.renew, streams)
                for stream in streams:
                    stream.keep_alive()

    async def _close_unadmitted(self, streams: Sequence[StreamClient]) -> Sequence[StreamClient]:
        """Ends the streams of clients that are no longer admitted, and returns the others."""
        admitted = await hop(lambda: [stream.is_admitted() for stream in streams])
        for stream, is_admitted in zip(streams, admitted, strict=True):
            if not is_admitted and stream in self._streams:
                stream.deliver(StreamUpdate(stream.open_stream.position, is_over=True))
        return [stream for stream, is_admitted in zip(streams, admitted, strict=True) if is_admitted]

    async def _deliver(
        self, read: Callable[[Sequence[OpenStream]], list[StreamUpdate]], streams: Sequence[StreamClient]
    ) -> None:
        """Reads for some streams, and delivers the updates. One read at a time, because two would find the same
        events.
        """
        async with self._reading:
            streams = [stream for stream in streams if stream in self._streams]
            open_streams = [stream.open_stream for stream in streams]
            try:
                updates = await hop(_read_for, streams, read, open_streams)
            except Exception as failure:  # a database that is away may come back
                logger.warning("Reading for %d streams failed: %r", len(streams), failure)
                if not self._failed:
                    asyncio.get_running_loop().call_later(mcp_settings.POLL_SECONDS, self._read_again)
                self._failed |= dict.fromkeys(streams)
                return
            for stream, before, update in zip(streams, open_streams, updates, strict=True):
                if stream not in self._streams:
                    continue
                # A stream that was busy may already have written some of these events.
                is_stale = stream.is_busy or stream.open_stream is not before
                if update.has_more or is_stale:
                    self.ring(stream)
                if update.is_over or not is_stale:
                    stream.deliver(update)

    def _read_again(self) -> None:
        """Reads for the streams for which reading has failed, and which are still open."""
        failed, self._failed = self._failed, {}
        for stream in failed:
            if stream in self._streams:
                self.ring(stream)


def _read_for(
    streams: Sequence[StreamClient],
    read: Callable[[Sequence[OpenStream]], list[StreamUpdate]],
    open_streams: Sequence[OpenStream],
) -> list[StreamUpdate]:
    return [stream.only_readable(update) for stream, update in zip(streams, read(open_streams), strict=True)]


def reader() -> Reader:
    """The reader of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _readers:
        _readers[loop] = Reader()
    return _readers[loop]


def _portions(streams: Sequence[StreamClient]) -> Iterable[Sequence[StreamClient]]:
    return (streams[start : start + PORTION] for start in range(0, len(streams), PORTION))


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Reader] = WeakKeyDictionary()
