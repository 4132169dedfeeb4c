"""The bell: tells streams and waiting calls, in whatever process, that there is something new to read.

A ring carries nothing, so a lost one costs latency and never a message: whoever listens also looks by itself now and
then. Rings travel over the project's default channel layer. One that does not span processes (the in-memory one), or
none, leaves the looking, every POLL_SECONDS.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final

from asgiref.sync import SyncToAsync, async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from django_mcp.conf import mcp_settings
from django_mcp.loops import serving_loop

logger = logging.getLogger("django_mcp")

RING: Final = {"type": "mcp.ring"}


def session_group(session_pk: int) -> str:
    return f"mcp.session.{session_pk}"


def server_group(name: str) -> str:
    # A name may hold what a group's may not.
    return f"mcp.server.{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def spans_processes() -> bool:
    layer = get_channel_layer()
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def look_interval() -> float:
    """Seconds after which a listener looks by itself."""
    return mcp_settings.KEEPALIVE_SECONDS if spans_processes() else mcp_settings.POLL_SECONDS


def ring(groups: Iterable[str]) -> None:
    """Rings for everybody who listens to these groups. From any thread, and whether or not there is an event loop; it
    never raises.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    loop = serving_loop.get() or _running_loop()
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(_send(layer, list(groups)), loop)
    elif spans_processes() or getattr(SyncToAsync.threadlocal, "main_event_loop", None) is not None:
        async_to_sync(_send)(layer, list(groups))
    # Else there is no loop in this process that could listen, and the layer reaches no other process.


class Bell:
    """Listens to groups, as an asynchronous context manager. `wait` returns at a ring, or when its time is up.

    A channel layer that fails is passed over and tried again: until it is back, the bell rings every POLL_SECONDS.
    """

    def __init__(self, groups: Iterable[str]) -> None:
        self._groups = list(groups)
        self._layer: Any = get_channel_layer()
        self._channel = ""

    async def __aenter__(self) -> "Bell":
        await self._join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._channel:
            return
        try:
            for group in self._groups:
                await self._layer.group_discard(group, self._channel)
        except Exception as failure:  # a layer may raise whatever its transport does
            logger.debug("Leaving %s failed: %r", self._groups, failure)

    async def wait(self, seconds: float) -> bool:
        """Whether somebody rang within so many seconds."""
        if not self._channel:
            await asyncio.sleep(min(seconds, mcp_settings.POLL_SECONDS))
            await self._join()
            return True
        try:
            await asyncio.wait_for(self._layer.receive(self._channel), seconds)
        except TimeoutError:
            return False
        except Exception as failure:
            if type(failure).__name__ == "TimeoutError":
                # A client library's own, for a read that its layer means to last: nothing has rung, and nothing is
                # broken.
                return False
            logger.warning("The channel layer failed (%r); looking into the database instead", failure)
            self._channel = ""
            await asyncio.sleep(min(seconds, mcp_settings.POLL_SECONDS))
        return True

    async def _join(self) -> None:
        if self._layer is None:
            return
        try:
            channel = await self._layer.new_channel()
            for group in self._groups:
                await self._layer.group_add(group, channel)
            self._channel = channel
        except Exception as failure:
            logger.warning("The channel layer failed (%r); looking into the database instead", failure)


async def _send(layer: Any, groups: list[str]) -> None:
    for group in groups:
        try:
            await layer.group_send(group, RING)
        except Exception as failure:
            logger.warning("Ringing failed (%r); listeners look by themselves", failure)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
