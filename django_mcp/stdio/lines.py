"""The pipes of a stdio client: lines in, lines out, and nothing else on either."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final

from django_mcp.protocol import jsonrpc
from django_mcp.protocol.errors import INVALID_REQUEST, ProtocolError
from django_mcp.protocol.inbound import Limits

CHUNK_BYTES: Final = 64 * 1024
WAITING_LINES: Final = 16
"""Lines that were read and not yet answered. Then the client's writes wait in its pipe."""

WAITING_BYTES: Final = 4 * 1024 * 1024
"""Bytes that wait for a client that does not read. Then the calls that write them wait."""

CLOSE_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the client: its bytes and its JSON value, or the error that it is answered with."""

    raw: bytes
    value: Any = None
    problem: ProtocolError | None = None


@contextmanager
def private_pipes() -> Iterator[tuple[int, int]]:
    """The process's stdin and stdout as descriptors that nobody else knows.

    Text that the project's code prints, or that a library or a subprocess writes to stdout, goes to stderr; text that
    was printed earlier and not yet written does too. Code that reads stdin finds its end.
    """
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    try:
        yield reading, writing
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(reading, 0)
        os.dup2(writing, 1)
        os.close(reading)
        os.close(writing)


def read_lines(descriptor: int, limit: int) -> Iterator[bytes | None]:
    """The lines that arrive at a descriptor, without their ends; `None` for a line longer than `limit` bytes, the rest
    of which is skipped. Never keeps more than the limit and one chunk.
    """
    kept, is_skipping = b"", False
    while chunk := os.read(descriptor, CHUNK_BYTES):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            line = kept + part
            yield None if is_skipping or len(line) > limit else line
            kept, is_skipping = b"", False
        kept += rest
        if len(kept) > limit:
            kept, is_skipping = b"", True
    if kept or is_skipping:
        yield None if is_skipping else kept


def read_line(raw: bytes | None, limits: Limits) -> Line:
    """A line with its JSON value, or with the error that it is answered with."""
    if raw is None:
        message = f"Payload too large: a line exceeds {limits.body_bytes} bytes"
        return Line(b"", problem=ProtocolError(INVALID_REQUEST, message))
    try:
        return Line(raw, jsonrpc.decode(raw, limits.json_depth, limits.json_values))
    except ProtocolError as error:
        return Line(raw, problem=error)


async def incoming(descriptor: int, limits: Limits) -> AsyncIterator[Line]:
    """The lines of a descriptor to its end, read and parsed by a thread of its own; empty lines are skipped."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Line | None] = asyncio.Queue(WAITING_LINES)

    def read() -> None:
        with suppress(OSError, RuntimeError):  # The descriptor or the loop is closed: nobody reads any more.
            for raw in read_lines(descriptor, limits.body_bytes):
                if raw is None or raw.strip():
                    asyncio.run_coroutine_threadsafe(queue.put(read_line(raw, limits)), loop).result()
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(queue.put(None), loop)

    # A daemon, because nothing wakes a thread that waits for a pipe.
    threading.Thread(target=read, name="django_mcp-stdin", daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line


class LineWriter:
    """Writes lines to a descriptor, in order, by a thread of its own. `is_broken` is set when nobody reads them."""

    def __init__(self, descriptor: int) -> None:
        self.is_broken = asyncio.Event()
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = asyncio.Event()
        self._ended = asyncio.Event()
        self._waiting = 0
        # A daemon, because nothing wakes a thread whose client does not read.
        threading.Thread(target=self._write_all, name="django_mcp-stdout", daemon=True).start()

    async def write(self, message: bytes) -> None:
        """Writes a message as a line. Returns at once, unless much is waiting. Raises `BrokenPipeError` when the client
        is gone.
        """
        self._waiting += len(message)
        self._lines.put(message.replace(b"\n", b" ") + b"\n")
        while self._waiting > WAITING_BYTES and not self.is_broken.is_set():
            self._room.clear()
            await self._room.wait()
        if self.is_broken.is_set():
            raise BrokenPipeError("The client has closed its end.")

    async def close(self) -> None:
        """Waits until everything is written, for a moment."""
        self._lines.put(None)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), CLOSE_SECONDS)

    def _write_all(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                view = memoryview(line)
                while view:
                    view = view[os.write(self._descriptor, view) :]
                self._tell(self._note_written, len(line) - 1)
        except OSError:
            self._tell(self.is_broken.set)
            self._tell(self._room.set)
        self._tell(self._ended.set)

    def _note_written(self, size: int) -> None:
        self._waiting -= size
        self._room.set()

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # The loop is closed.
            self._loop.call_soon_threadsafe(function, *args)
