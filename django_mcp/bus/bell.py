"""The bell: tells streams and waiting calls, in whatever process, that there is something new to read.

A ring carries nothing but a group's name, so a lost one costs latency and never a message: each process also looks
into the database now and then (poller.py). Rings travel over the project's default channel layer, on one channel a
process, however many streams it has. Within a process they need no layer.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from django_mcp.conf import mcp_settings
from django_mcp.execution.loops import serving_loop

from .groups import calls_group, server_group, session_group
from .poller import Poller

__all__ = ["Listener", "Wakeup", "calls_group", "listen", "ring", "server_group", "session_group", "spans_processes"]

logger = logging.getLogger("django_mcp")

PROCESS: Final = secrets.token_urlsafe(8)
"""Tells a process its own rings, which it has heard already."""

LOOKS_WITH_LAYER: Final = 5
"""A layer drops rings when its channel is full, so a process looks all the same, this much less often."""

JOIN_AGAIN_SECONDS: Final = 6 * 60 * 60
"""Layers forget who is in a group after a while (channels_redis: a day)."""


def spans_processes() -> bool:
    """Whether rings reach other processes."""
    layer = get_channel_layer()
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def ring(groups: Iterable[str]) -> None:
    """Rings for everybody who listens to these groups. From any thread, and whether or not there is an event loop; it
    never raises.
    """
    rung = list(groups)
    for loop, listeners in list(_listeners_of_loops.items()):
        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(listeners.ring, rung)
    if spans_processes():
        serving = serving_loop.get() or _running_loop()
        if serving is not None and serving.is_running():
            asyncio.run_coroutine_threadsafe(_send(get_channel_layer(), rung), serving)
        else:
            async_to_sync(_send)(get_channel_layer(), rung)


class Listener:
    """Somebody who is told of rings. `told` is called on the event loop, and must not block."""

    __slots__ = ("_listeners", "groups", "told")

    def __init__(self, groups: Iterable[str], told: Callable[[], object], listeners: "Listeners") -> None:
        self.groups = tuple(groups)
        self.told = told
        self._listeners = listeners

    def stop(self) -> None:
        """Is told no more."""
        self._listeners.remove(self)


async def listen(groups: Iterable[str], told: Callable[[], object]) -> Listener:
    """Has `told` called, on this event loop, whenever somebody rings for one of the groups. The caller reads after
    this, so that nothing falls between.
    """
    loop = asyncio.get_running_loop()
    if loop not in _listeners_of_loops:
        _listeners_of_loops[loop] = Listeners()
    listeners = _listeners_of_loops[loop]
    listener = Listener(groups, told, listeners)
    await listeners.add(listener)
    return listener


class Wakeup:
    """Listens to groups, as an asynchronous context manager. `wait` returns at a ring, or when its time is up."""

    __slots__ = ("_groups", "_listener", "_rung")

    def __init__(self, groups: Iterable[str]) -> None:
        self._groups = groups
        self._rung = asyncio.Event()

    async def __aenter__(self) -> "Wakeup":
        self._listener = await listen(self._groups, self._rung.set)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.stop()

    async def wait(self, seconds: float) -> bool:
        """Whether somebody rang within so many seconds, or had since the last wait."""
        try:
            await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Listeners:
    """The listeners of one event loop, the channel on which other processes ring for them, and the looking."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._layer: Any = None
        self._channel = ""
        self._joined: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self, groups: Iterable[str]) -> None:
        for group in groups:
            for listener in tuple(self._listeners.get(group, ())):
                listener.told()

    async def add(self, listener: Listener) -> None:
        for group in listener.groups:
            self._listeners.setdefault(group, set()).add(listener)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._hear())]
        await self._join()

    def remove(self, listener: Listener) -> None:
        for group in listener.groups:
            listeners = self._listeners.get(group, set())
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(group, None)
        if self._joined - self._listeners.keys():
            # Nobody waits for this: at worst a ring comes that nobody hears.
            leaving = asyncio.ensure_future(self._leave())
            _background.add(leaving)
            leaving.add_done_callback(_background.discard)
        if not self._listeners:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _look(self) -> None:
        """Rings for what is new in the database, again and again."""
        poller = Poller()
        clock = asyncio.get_running_loop()
        joined_at = clock.time()
        while True:
            if clock.time() - joined_at > JOIN_AGAIN_SECONDS:
                joined_at = clock.time()
                self._joined.clear()
                await self._join()
            seconds = mcp_settings.POLL_SECONDS * (LOOKS_WITH_LAYER if self._channel else 1)
            await asyncio.sleep(seconds)
            try:
                self.ring(await poller.look(list(self._listeners)))
            except Exception as failure:  # a database that is away may come back
                logger.warning("Looking for news failed: %r", failure)

    async def _hear(self) -> None:
        """Passes on what other processes ring for."""
        while True:
            if not self._channel:
                await asyncio.sleep(mcp_settings.POLL_SECONDS)
                await self._join()
                continue
            try:
                message = await self._layer.receive(self._channel)
            except Exception as failure:
                if type(failure).__name__ != "TimeoutError":
                    # A client library's own time-out, for a read that its layer means to last, is nothing of note.
                    self._lose(failure)
                continue
            if message.get("process") != PROCESS:
                self.ring([message["group"]])

    async def _join(self) -> None:
        """Has this process' channel in the group of each listener, where a layer spans processes."""
        if not spans_processes() or not self._listeners.keys() - self._joined:
            return
        try:
            self._layer = get_channel_layer()
            channel = self._channel or await self._layer.new_channel()
            for group in self._listeners.keys() - self._joined:
                await self._layer.group_add(group, channel)
                self._joined.add(group)
            self._channel = channel
        except Exception as failure:  # a layer may raise whatever its transport does
            self._lose(failure)

    async def _leave(self) -> None:
        for group in self._joined - self._listeners.keys():
            self._joined.discard(group)
            try:
                await self._layer.group_discard(group, self._channel)
            except Exception as failure:
                logger.debug("Leaving %s failed: %r", group, failure)
            if group in self._listeners:
                # Somebody came meanwhile, and may have joined before this left.
                self._joined.discard(group)
                await self._join()

    def _lose(self, failure: Exception) -> None:
        """Goes on by looking, until the layer is back."""
        logger.warning("The channel layer failed (%r); looking into the database instead", failure)
        self._channel = ""
        self._joined.clear()
        # What was rung for meanwhile is not known.
        self.ring(list(self._listeners))


async def _send(layer: Any, groups: list[str]) -> None:
    for group in groups:
        try:
            await layer.group_send(group, {"type": "mcp.ring", "group": group, "process": PROCESS})
        except Exception as failure:
            logger.warning("Ringing failed (%r); listeners look by themselves", failure)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_listeners_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Listeners] = WeakKeyDictionary()
_background: set[Any] = set()
"""Keeps the event loop from forgetting a task that nobody waits for."""
