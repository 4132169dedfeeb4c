"""Server-sent events: the bytes of one event. A message is JSON on one line, so that the simplest parser can read
it.
"""

from collections.abc import Iterator
from typing import Final

from .records import record

HEADERS: Final = (
    ("Content-Type", "text/event-stream"),
    # A proxy that transforms or buffers the stream would hold back its events.
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

KEEPALIVE: Final = b": ping\n\n"
"""A comment: clients ignore it, and it keeps proxies from closing an idle connection."""


_LINE_ENDS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Characters that the standard does not count as line ends, but that some clients split at, as Python's `splitlines()`
does. JSON may escape these; the others it must escape.
"""


def encode(message: str, event_id: str | None = None) -> bytes:
    """The bytes of a message, with its event id if the client can resume the stream after it."""
    data = message if message.isascii() else message.translate(_LINE_ENDS)
    lines = f"event: message\ndata: {data}\n\n"
    return (f"id: {event_id}\n{lines}" if event_id else lines).encode()


def prime(event_id: str, retry_milliseconds: int) -> bytes:
    """The event that opens a stream (from 2025-11-25 on): an id to resume from before the first message, and the time
    to wait before it reconnects.
    """
    return f"id: {event_id}\nretry: {retry_milliseconds}\ndata: \n\n".encode()


def retry(milliseconds: int) -> bytes:
    """Tells the client how long to wait before it reconnects; sent before the server closes the connection."""
    return f"retry: {milliseconds}\n\n".encode()


@record(frozen=True, slots=True)
class Event:
    """An event as a client reads it: its id, its message, and whether it says when to reconnect."""

    id: str
    data: bytes
    retries: bool


def read(chunk: bytes) -> Iterator[Event]:
    """The events of a chunk that the functions above have made: whole events, each message on one line."""
    for block in chunk.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        if block and not block.startswith(b":"):
            yield Event(fields.get(b"id", b"").decode(), fields.get(b"data", b"").strip(), b"retry" in fields)
