"""The bell: tells streams and waiting calls, in whatever process, that there is something new to read.

A ring carries nothing but the name of a group, so a lost one costs latency and never a message. The bells of a process
are rung directly, those of other processes over the project's default channel layer, of which each event loop uses one
channel, however many bells it has. What no ring says is found by looking into the database, for all the bells of a loop
at once: often where no layer spans the processes, now and then where one does.
"""

import asyncio
import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from django_mcp.conf import mcp_settings
from django_mcp.loops import serving_loop

logger = logging.getLogger("django_mcp")

REJOIN_SECONDS: Final = 60 * 60
"""Layers let a membership of a group expire (channels_redis: after a day), which a stream may outlive."""


def session_group(session_pk: int) -> str:
    """For what a session's streams say, and for its end."""
    return f"mcp.session.{session_pk}"


def calls_group(session_pk: int) -> str:
    """For what a session's running calls wait for: answers and cancellations; and for its end."""
    return f"mcp.calls.{session_pk}"


def server_group(name: str) -> str:
    """For what changes on a server."""
    # A name may hold what a group's may not.
    return f"mcp.server.{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def sessions_with_calls(groups: Iterable[str]) -> list[int]:
    """The sessions whose `calls_group` is among these."""
    prefix = calls_group(0)[:-1]
    return [int(group.removeprefix(prefix)) for group in groups if group.startswith(prefix)]


def spans_processes() -> bool:
    layer = get_channel_layer()
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def ring(groups: Iterable[str]) -> None:
    """Rings for everybody who listens to these groups. From any thread, and whether or not there is an event loop; it
    never raises.
    """
    names = list(groups)
    rung = [belfry.id for belfry in _belfries() if belfry.ring_from_any_thread(names)]
    if not spans_processes():
        return
    loop = serving_loop.get() or _running_loop()
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(_send(names, rung), loop)
    else:
        async_to_sync(_send)(names, rung)


class Bell:
    """Listens to groups, as an asynchronous context manager."""

    __slots__ = ("__weakref__", "_belfry", "_rung", "groups")

    def __init__(self, groups: Iterable[str]) -> None:
        self.groups = tuple(groups)
        self._rung = asyncio.Event()

    async def __aenter__(self) -> "Bell":
        self._belfry = _belfry_here()
        await self._belfry.hang(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._belfry.take_down(self)

    def ring(self) -> None:
        """On the bell's own event loop."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Whether somebody rang since the last wait, or within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Poller(Protocol):
    """Finds in the database what no ring has said."""

    async def look(self, groups: Collection[str]) -> Collection[str]:
        """Of the groups, those with news since the last look."""


def look_with(poller: Callable[[], Poller]) -> None:
    """Says who looks into the database: one for each event loop."""
    global _poller_class
    _poller_class = poller


_poller_class: Callable[[], Poller] | None = None


class _Group:
    """The bells of a group, and the channel with which the group was joined."""

    __slots__ = ("bells", "channel", "lock")

    def __init__(self) -> None:
        self.bells: set[Bell] = set()
        self.channel = ""
        self.lock = asyncio.Lock()


class _Belfry:
    """The bells of one event loop, and what rings them. It works while it has bells.

    A channel layer that fails is passed over and tried again: until it is back, the database is looked into every
    POLL_SECONDS.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.id = secrets.token_hex(8)
        self._loop = loop
        self._layer: Any = None
        self._groups: dict[str, _Group] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._channel = ""
        self._was_tried = asyncio.Event()
        self._is_fed = False
        self._was_rung = False

    # The bells

    async def hang(self, bell: Bell) -> None:
        for name in bell.groups:
            self._groups.setdefault(name, _Group()).bells.add(bell)
        if not self._tasks:
            self._start()
        await self._was_tried.wait()
        # With a layer that fails, nobody waits for it: all is joined when it is back.
        if self._is_fed:
            await self._join(bell.groups)

    async def take_down(self, bell: Bell) -> None:
        for name in bell.groups:
            if name in self._groups:
                self._groups[name].bells.discard(bell)
        await self._leave(bell.groups)
        if not self._groups:
            self._stop()

    def ring_from_any_thread(self, names: Collection[str]) -> bool:
        """Rings, and whether anybody listens."""
        if not any(name in self._groups for name in names):
            return False
        try:
            self._loop.call_soon_threadsafe(self._ring, names)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _ring(self, names: Iterable[str]) -> None:
        for name in names:
            if (group := self._groups.get(name)) is not None:
                for bell in group.bells:
                    bell.ring()

    # What rings them

    def _start(self) -> None:
        self._was_tried.clear()
        self._layer = get_channel_layer() if spans_processes() else None
        self._tasks = [self._loop.create_task(self._look())]
        if self._layer is None:
            self._was_tried.set()
        else:
            self._tasks.append(self._loop.create_task(self._listen()))

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._channel = ""
        self._is_fed = False

    async def _listen(self) -> None:
        """Rings for what comes over the layer."""
        while True:
            try:
                self._channel = await self._layer.new_channel()
                await self._join(list(self._groups))
                self._was_tried.set()
                while True:
                    self._hear(await _receive(self._layer, self._channel))
            except Exception as failure:  # a layer may raise whatever its transport does
                self._note(failure)
                self._channel = ""
            self._was_tried.set()
            await asyncio.sleep(mcp_settings.POLL_SECONDS)

    def _hear(self, message: Mapping[str, Any]) -> None:
        self._was_rung = True
        if self.id not in message["rung"]:
            self._ring([message["group"]])

    async def _look(self) -> None:
        """Rings for what the database says, often where rings may be lost; after a ring too, since of many at once a
        layer loses some.
        """
        poller = _poller_class() if _poller_class is not None else None
        looked = joined = self._loop.time()
        while True:
            await asyncio.sleep(mcp_settings.POLL_SECONDS)
            now = self._loop.time()
            if self._channel and (not self._is_fed or now - joined >= REJOIN_SECONDS):
                joined = now
                await self._join(list(self._groups), again=True)
            is_due = not self._is_fed or self._was_rung or now - looked >= mcp_settings.KEEPALIVE_SECONDS
            if poller is not None and is_due:
                looked, self._was_rung = now, False
                try:
                    self._ring(await poller.look(tuple(self._groups)))
                except Exception:
                    logger.exception("Looking into the database failed")

    # The groups of the layer

    async def _join(self, names: Iterable[str], *, again: bool = False) -> None:
        """Has the layer's rings for these groups come here. Once it fails, the rest is left for the next try."""
        try:
            for name in names:
                if (group := self._groups.get(name)) is None:
                    continue
                async with group.lock:
                    if group.bells and (again or group.channel != self._channel):
                        await self._layer.group_add(name, self._channel)
                        group.channel = self._channel
            self._is_fed = bool(self._channel)
        except Exception as failure:
            self._note(failure)

    async def _leave(self, names: Iterable[str]) -> None:
        """Forgets those of the groups that have no bells any more."""
        for name in names:
            if (group := self._groups.get(name)) is None:
                continue
            async with group.lock:
                try:
                    if not group.bells and group.channel and self._is_fed:
                        await self._layer.group_discard(name, group.channel)
                        group.channel = ""
                except Exception as failure:
                    self._note(failure)
                if not group.bells:
                    self._groups.pop(name, None)

    def _note(self, failure: Exception) -> None:
        self._is_fed = False
        logger.warning("The channel layer failed (%r); looking into the database instead", failure)


_all: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Belfry]" = WeakKeyDictionary()
_all_lock = threading.Lock()


def _belfries() -> list[_Belfry]:
    with _all_lock:
        return list(_all.values())


def _belfry_here() -> _Belfry:
    loop = asyncio.get_running_loop()
    with _all_lock:
        if loop not in _all:
            _all[loop] = _Belfry(loop)
        return _all[loop]


async def _receive(layer: Any, channel: str) -> Mapping[str, Any]:
    while True:
        try:
            message: Mapping[str, Any] = await layer.receive(channel)
            return message
        except Exception as failure:
            # A client library's own, for a read that its layer means to last: nothing has rung, and nothing is broken.
            if type(failure).__name__ != "TimeoutError":
                raise


async def _send(names: list[str], rung: list[str]) -> None:
    layer = get_channel_layer()
    for name in names:
        try:
            await layer.group_send(name, {"type": "mcp.ring", "group": name, "rung": rung})
        except Exception as failure:
            logger.warning("Ringing failed (%r); listeners look by themselves", failure)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
