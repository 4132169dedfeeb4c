"""Reads the body of a POST in the ASGI lane, within bounds: of one body, of time, and of all bodies that a process
keeps unfinished.
"""

import asyncio
from typing import TYPE_CHECKING

from django_mcp.conf import mcp_settings
from django_mcp.protocol.headers import Headers, declares_more

if TYPE_CHECKING:
    from . import Receive

_kept_bytes = 0
"""Bytes of unfinished bodies that this process keeps. Event loops of several threads may be off by a body."""


class Disconnected(Exception):
    """The client went away before it had sent its request."""


class BodyReader:
    """Reads one body. `release()` it in any case: its bytes then count for the process no more."""

    __slots__ = (
        "_chunks",
        "_counted",
        "_deadline",
        "_headers",
        "_limit",
        "_receive",
        "_size",
        "is_busy",
        "is_complete",
    )

    def __init__(self, receive: "Receive", headers: Headers, limit: int) -> None:
        self._receive = receive
        self._headers = headers
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._counted = 0
        self._deadline = asyncio.get_running_loop().time() + mcp_settings.BODY_TIMEOUT_SECONDS
        self.is_complete = False
        self.is_busy = False

    async def read(self, pause_at: int) -> bytes | None:
        """The body; `None` as soon as it is known to be longer than the limit, or when the process keeps too much.
        Pauses after `pause_at` bytes, when `is_complete` is false and `read()` goes on. Raises `TimeoutError` for a
        body that does not come, and `Disconnected`.
        """
        if declares_more(self._headers, self._limit):
            self.is_complete = True
            return None
        async with asyncio.timeout_at(self._deadline):
            while not self.is_complete:
                if self._size > pause_at:
                    return None
                await self._receive_chunk()
        return b"".join(self._chunks) if self._size <= self._limit and not self.is_busy else None

    def release(self) -> None:
        self._count(0)

    async def _receive_chunk(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        self._chunks.append(chunk)
        self._size += len(chunk)
        self.is_complete = not message.get("more_body") or self._size > self._limit
        if not self.is_complete:
            self._count(self._size)
            self.is_busy = _kept_bytes > mcp_settings.MAX_READING_BYTES
            self.is_complete = self.is_busy

    def _count(self, size: int) -> None:
        global _kept_bytes
        _kept_bytes += size - self._counted
        self._counted = size
