"""Closes the open streams when the server is told to stop: a server waits for its connections, and streams do not end
by themselves.

ASGI tells an application about a shutdown only after the connections are closed, so this module handles the signal
itself, before the server's own handler. Each client is told when to reconnect, and resumes on another worker.
"""

import asyncio
import signal
import threading
from types import FrameType
from typing import Any

from .stream import close_all

_watched: set[int] = set()


def close_streams_at_shutdown() -> None:
    """Handles the signals that stop a server; once per process, in its main thread, where Python delivers signals."""
    if _watched or threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _watched.add(number)
        _listen(number, loop)


def _listen(number: int, loop: asyncio.AbstractEventLoop) -> None:
    handler = signal.getsignal(number)

    def close_first(received: int, frame: FrameType | None) -> Any:
        if not loop.is_closed():
            loop.call_soon_threadsafe(close_all)
        if callable(handler):
            return handler(received, frame)
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        return signal.raise_signal(number)

    signal.signal(number, close_first)
