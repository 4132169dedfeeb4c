"""Reads the body of a POST in the ASGI lane, within limits: on one body, on the time, and on all unfinished bodies of a
process.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from django_mcp.conf import mcp_settings
from django_mcp.protocol.headers import Headers, declares_more

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from . import Receive

_kept_bytes = 0
"""The bytes of unfinished bodies in this process. With event loops in several threads, it may be wrong by one body."""


class Disconnected(Exception):
    """The client disconnected before it had sent its whole request."""


class BodyReader:
    """Reads one body, in the task of its request. Call `release()` in any case: its bytes then no longer count for the
    process.
    """

    __slots__ = (
        "_chunks",
        "_counted",
        "_deadline",
        "_headers",
        "_is_late",
        "_limit",
        "_loop",
        "_receive",
        "_size",
        "_task",
        "is_busy",
        "is_complete",
    )

    def __init__(self, receive: "Receive", headers: Headers, limit: int, task: "asyncio.Task[Any]") -> None:
        self._receive = receive
        self._headers = headers
        self._limit = limit
        self._task = task
        self._loop = task.get_loop()
        self._chunks: list[bytes] = []
        self._size = 0
        self._counted = 0
        self._deadline = self._loop.time() + mcp_settings.BODY_TIMEOUT_SECONDS
        self._is_late = False
        self.is_complete = False
        self.is_busy = False

    async def read(self, pause_at: int) -> bytes | None:
        """The body; `None` as soon as it is known to exceed the limit, or when the process holds too many bytes. Pauses
        after `pause_at` bytes: `is_complete` is then false and `read()` continues. Raises `TimeoutError` for a body
        that is too slow, and `Disconnected`.
        """
        if declares_more(self._headers, self._limit):
            self.is_complete = True
            return None
        # Not `asyncio.timeout_at()`, which asks for the loop and the task: a system call each before Python 3.12, and
        # takes three times as long.
        timer = self._loop.call_at(self._deadline, self._give_up)
        try:
            while not self.is_complete:
                if self._size > pause_at:
                    return None
                self._add(await self._receive())
        except asyncio.CancelledError:
            # Cancelled by the timer alone, or by somebody else too?
            if not self._is_late or self._task.uncancel() > 0:
                raise
            raise TimeoutError from None
        finally:
            timer.cancel()
        return b"".join(self._chunks) if self._size <= self._limit and not self.is_busy else None

    def release(self) -> None:
        if self._counted:
            self._count(0)

    def _give_up(self) -> None:
        self._is_late = True
        self._task.cancel()

    def _add(self, message: "MutableMapping[str, Any]") -> None:
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        self._chunks.append(chunk)
        self._size += len(chunk)
        if not message.get("more_body") or self._size > self._limit:
            self.is_complete = True
            return
        self._count(self._size)
        self.is_complete = self.is_busy = _kept_bytes > mcp_settings.MAX_READING_BYTES

    def _count(self, size: int) -> None:
        global _kept_bytes
        _kept_bytes += size - self._counted
        self._counted = size
