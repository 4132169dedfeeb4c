"""The bell: wakes streams and waiting calls, in any process, when there may be something new to read.

A ring carries only a group's name, so a lost ring delays a message but never loses it: each process also polls the
database (poller.py). Rings travel over the project's default channel layer, on one channel per process, however many
streams it has. Within a process they need no layer.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final
from weakref import WeakKeyDictionary

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from django_mcp.conf import mcp_settings
from django_mcp.execution.kept_loop import wait_for
from django_mcp.execution.loops import serving_loop

from .groups import calls_group, server_group, session_group
from .poller import Poller

__all__ = ["Listener", "Wakeup", "calls_group", "listen", "ring", "server_group", "session_group", "spans_processes"]

logger = logging.getLogger("django_mcp")

PROCESS: Final = secrets.token_urlsafe(8)
"""The sender of this process' rings, which it ignores when they come back over the layer."""

LOOKS_WITH_LAYER: Final = 5
"""With a layer, a process polls this many times less often; not never, because a layer drops rings when its channel is
full.
"""

JOIN_SECONDS: Final = 1
"""The longest wait of a listener until its groups are joined. A layer that is slow delays messages, and no stream."""

SEND_SECONDS: Final = 1
"""The longest time that a layer may take for one ring. It is lost then, and delays a message."""

SENDS_LIMIT: Final = 16
"""The number of rings that an event loop sends at once: each may take a connection to the layer."""

JOIN_AGAIN_SECONDS: Final = 6 * 60 * 60
"""Joins its groups again this often, because layers forget members after a while (channels_redis: a day)."""


def spans_processes() -> bool:
    """Whether rings reach other processes."""
    layer = get_channel_layer()
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def ring(groups: Iterable[str]) -> None:
    """Wakes all listeners of these groups. Works in any thread, with or without an event loop; never raises."""
    rung = list(groups)
    for loop, listeners in list(_listeners_of_loops.items()):
        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(listeners.ring, rung)
    if spans_processes():
        serving = serving_loop.get() or _running_loop()
        if serving is not None and serving.is_running():
            with contextlib.suppress(RuntimeError):  # the loop was closed
                serving.call_soon_threadsafe(_send_soon, rung)
        else:
            try:
                wait_for(_send, get_channel_layer(), rung)
            except ImproperlyConfigured as error:
                logger.warning("Ringing failed (%s); listeners will poll the database", error)


class Listener:
    """A listener to rings. `callback` is called on the event loop, and must not block."""

    __slots__ = ("_listeners", "callback", "groups")

    def __init__(self, groups: Iterable[str], callback: Callable[[], object], listeners: "Listeners") -> None:
        self.groups = tuple(groups)
        self.callback = callback
        self._listeners = listeners

    def stop(self) -> None:
        """Stops the calls of `callback`."""
        self._listeners.remove(self)


async def listen(groups: Iterable[str], callback: Callable[[], object]) -> Listener:
    """Calls `callback` on this event loop whenever one of the groups rings. Read after you call this, so that nothing
    is missed in between.
    """
    loop = asyncio.get_running_loop()
    if loop not in _listeners_of_loops:
        _listeners_of_loops[loop] = Listeners()
    listeners = _listeners_of_loops[loop]
    listener = Listener(groups, callback, listeners)
    await listeners.add(listener)
    return listener


class Wakeup:
    """Listens to groups, as an async context manager. `wait` returns at a ring, or after a time."""

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
        """Whether a ring came within so many seconds, or since the last wait."""
        try:
            await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Listeners:
    """The listeners of one event loop, its channel for the rings of other processes, and its polling."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._layer: Any = None
        self._channel = ""
        self._has_channel = asyncio.Event()
        self._joined: set[str] = set()
        self._waiting: dict[Listener, asyncio.Event] = {}
        self._joining: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self, groups: Iterable[str]) -> None:
        for group in groups:
            for listener in tuple(self._listeners.get(group, ())):
                listener.callback()

    async def add(self, listener: Listener) -> None:
        for group in listener.groups:
            self._listeners.setdefault(group, set()).add(listener)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._receive())]
        if spans_processes() and not self._joined.issuperset(listener.groups):
            self._start_joining()
            try:
                await self._wait_until_joined(listener)
            except BaseException:
                # The caller was cancelled, and has no listener to stop.
                self.remove(listener)
                raise

    def remove(self, listener: Listener) -> None:
        for group in listener.groups:
            listeners = self._listeners.get(group, set())
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(group, None)
        if groups := self._joined - self._listeners.keys():
            self._joined -= groups
            # Nothing waits for this: at worst a ring without listeners arrives.
            leaving = asyncio.ensure_future(self._leave(groups, self._channel))
            _background.add(leaving)
            leaving.add_done_callback(_background.discard)
        if not self._listeners:
            for task in (*self._tasks, *filter(None, [self._joining])):
                task.cancel()
            self._tasks, self._joining = [], None
            # A layer may forget a channel that is not read.
            self._forget_channel()

    async def _poll(self) -> None:
        """Polls the database, and rings for new rows."""
        poller = Poller()
        clock = asyncio.get_running_loop()
        joined_at = clock.time()
        while True:
            if clock.time() - joined_at > JOIN_AGAIN_SECONDS:
                joined_at = clock.time()
                self._joined.clear()
                self._start_joining()
            is_joined = bool(self._channel) and self._joined >= self._listeners.keys()
            await asyncio.sleep(mcp_settings.POLL_SECONDS * (LOOKS_WITH_LAYER if is_joined else 1))
            try:
                self.ring(await poller.poll(list(self._listeners)))
            except Exception as failure:  # a database that is away may come back
                logger.warning("Polling the database failed: %r", failure)

    async def _receive(self) -> None:
        """Passes on the rings of other processes."""
        while True:
            if not self._channel:
                try:
                    await asyncio.wait_for(self._has_channel.wait(), mcp_settings.POLL_SECONDS)
                except TimeoutError:
                    self._start_joining()
                continue
            try:
                message = await self._layer.receive(self._channel)
            except Exception as failure:
                if type(failure).__name__ != "TimeoutError":
                    # A timeout of the client library, in a read that the layer means to be long, is normal and not
                    # logged.
                    self._lose_layer(failure)
                continue
            if message.get("process") != PROCESS:
                self.ring([message["group"]])

    def _start_joining(self) -> None:
        """Joins the groups that are missing, if a layer spans processes: in one task, however many listeners wait."""
        if spans_processes() and (self._joining is None or self._joining.done()):
            self._joining = asyncio.create_task(self._join())

    async def _join(self) -> None:
        """Adds this process' channel to the group of each listener."""
        try:
            if not self._channel:
                self._layer = get_channel_layer()
                self._channel = await self._layer.new_channel()
                self._has_channel.set()
            channel = self._channel
            while missing := self._listeners.keys() - self._joined:
                for group in missing:
                    await self._layer.group_add(group, channel)
                    if channel != self._channel:
                        return
                    self._joined.add(group)
                    self._tell_joined(self._listeners.get(group, ()))
        except Exception as failure:  # a layer may raise whatever its transport does
            self._lose_layer(failure)

    async def _wait_until_joined(self, listener: Listener) -> None:
        self._waiting[listener] = asyncio.Event()
        try:
            await asyncio.wait_for(self._waiting[listener].wait(), JOIN_SECONDS)
        except TimeoutError:
            logger.debug("The channel layer is slow; polling the database meanwhile")
        finally:
            del self._waiting[listener]

    def _tell_joined(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            if listener in self._waiting and self._joined.issuperset(listener.groups):
                self._waiting[listener].set()

    async def _leave(self, groups: Iterable[str], channel: str) -> None:
        for group in groups:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._layer.group_discard(group, channel)
            except Exception as failure:
                logger.debug("Leaving %s failed: %r", group, failure)
            if group in self._listeners and channel == self._channel:
                # A new listener may have joined this group just before the process left it.
                self._joined.discard(group)
                self._start_joining()

    def _forget_channel(self) -> None:
        self._channel = ""
        self._has_channel.clear()

    def _lose_layer(self, failure: Exception) -> None:
        """Continues with polling alone, until the layer is back."""
        logger.warning("The channel layer failed (%r); polling the database instead", failure)
        self._forget_channel()
        self._joined.clear()
        if self._joining is not None and self._joining is not asyncio.current_task():
            # It may wait for ever for an answer on a connection that is gone.
            self._joining.cancel()
            self._joining = None
        for waiting in self._waiting.values():
            waiting.set()
        # Rings may have been lost meanwhile.
        self.ring(list(self._listeners))


class Sender:
    """Sends the rings of one event loop to other processes: a few at once, so that a layer that hangs does not take all
    sockets of the process. A group that waits to be rung waits once.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, groups: Iterable[str]) -> None:
        self._waiting |= dict.fromkeys(groups)
        if len(self._tasks) < SENDS_LIMIT:
            task = asyncio.create_task(self._send_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_waiting(self) -> None:
        while self._waiting:
            group = next(iter(self._waiting))
            # Before it is sent: a ring that comes meanwhile is about a later row.
            del self._waiting[group]
            await _send(get_channel_layer(), [group])


def _send_soon(groups: list[str]) -> None:
    loop = asyncio.get_running_loop()
    if loop not in _senders_of_loops:
        _senders_of_loops[loop] = Sender()
    _senders_of_loops[loop].send(groups)


async def _send(layer: Any, groups: list[str]) -> None:
    for group in groups:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await layer.group_send(group, {"type": "mcp.ring", "group": group, "process": PROCESS})
        except Exception as failure:
            logger.warning("Ringing failed (%r); listeners will poll the database", failure)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_listeners_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Listeners] = WeakKeyDictionary()
_senders_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Sender] = WeakKeyDictionary()
_background: set[Any] = set()
"""References to background tasks, which the event loop would otherwise drop."""
