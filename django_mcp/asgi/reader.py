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
from django_mcp.storage.standalone import Held, News

logger = logging.getLogger("django_mcp")

PORTION: Final = 200
"""The number of streams that are read for in one query."""


class StreamClient(Protocol):
    """A stream for which the reader reads."""

    held: Held

    @property
    def is_busy(self) -> bool:
        """Whether it is still writing its last update."""

    def is_admitted(self) -> bool:
        """Whether its client would still be admitted. Called in a thread."""

    def only_readable(self, news: News) -> News:
        """The update without resources that its client may not read now. Called in a thread."""

    def hear(self, news: News) -> None:
        """Starts to write an update; does not wait."""

    def keep_alive(self) -> None:
        """Sends a keep-alive, if the stream has been silent."""


class Reader:
    """The standalone streams of one event loop."""

    def __init__(self) -> None:
        self._streams: dict[StreamClient, bell.Listener] = {}
        self._rung: dict[StreamClient, None] = {}
        self._news = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def add(self, stream: StreamClient) -> None:
        """Starts to read for a stream, from its position."""
        held = stream.held
        groups = [bell.session_group(held.session_pk), bell.server_group(held.server)]
        self._streams[stream] = await bell.listen(groups, partial(self.ring, stream))
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep())]
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
        self._news.set()

    def wake(self) -> None:
        """Reads for streams that are no longer busy."""
        if self._rung:
            self._news.set()

    async def _read(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while streams := list(islice((one for one in self._rung if not one.is_busy), PORTION)):
                for stream in streams:
                    del self._rung[stream]
                await self._tell(standalone.read, streams)

    async def _keep(self) -> None:
        """Runs twice per keep-alive: renews the leases, and sends keep-alives on silent streams. Every second time,
        first closes the streams of clients that are no longer admitted.
        """
        for asks in cycle([True, False]):
            await asyncio.sleep(sessions.touch_seconds(mcp_settings.KEEPALIVE_SECONDS / 2))
            for portion in _portions(list(self._streams)):
                streams = await self._close_unadmitted(portion) if asks else portion
                await self._tell(standalone.renew, streams)
                for stream in streams:
                    stream.keep_alive()

    async def _close_unadmitted(self, streams: Sequence[StreamClient]) -> Sequence[StreamClient]:
        """Ends the streams of clients that are no longer admitted, and returns the others."""
        admitted = await hop(lambda: [stream.is_admitted() for stream in streams])
        for stream, is_admitted in zip(streams, admitted, strict=True):
            if not is_admitted and stream in self._streams:
                stream.hear(News(stream.held.position, is_over=True))
        return [stream for stream, is_admitted in zip(streams, admitted, strict=True) if is_admitted]

    async def _tell(self, read: Callable[[Sequence[Held]], list[News]], streams: Sequence[StreamClient]) -> None:
        """Reads for some streams, and delivers the updates. One read at a time, because two would find the same
        events.
        """
        async with self._reading:
            streams = [stream for stream in streams if stream in self._streams]
            held = [stream.held for stream in streams]
            try:
                found = await hop(_read_for, streams, read, held)
            except Exception as failure:  # a database that is away may come back
                logger.warning("Reading for %d streams failed: %r", len(streams), failure)
                self._rung |= dict.fromkeys(streams)
                asyncio.get_running_loop().call_later(mcp_settings.POLL_SECONDS, self._news.set)
                return
            for stream, before, news in zip(streams, held, found, strict=True):
                if stream not in self._streams:
                    continue
                # A stream that was busy may already have written some of these events.
                is_stale = stream.is_busy or stream.held is not before
                if news.has_more or is_stale:
                    self.ring(stream)
                if news.is_over or not is_stale:
                    stream.hear(news)


def _read_for(
    streams: Sequence[StreamClient], read: Callable[[Sequence[Held]], list[News]], held: Sequence[Held]
) -> list[News]:
    return [stream.only_readable(news) for stream, news in zip(streams, read(held), strict=True)]


def reader() -> Reader:
    """The reader of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _readers:
        _readers[loop] = Reader()
    return _readers[loop]


def _portions(streams: Sequence[StreamClient]) -> Iterable[Sequence[StreamClient]]:
    return (streams[start : start + PORTION] for start in range(0, len(streams), PORTION))


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Reader] = WeakKeyDictionary()
