"""Server-sent events: one event to its lines. A message is JSON on one line, so that the simplest reader gets it
whole.
"""

from typing import Final

HEADERS: Final = (
    ("Content-Type", "text/event-stream"),
    # A proxy that transforms or collects a stream holds back what the client waits for.
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

KEEPALIVE: Final = b": ping\n\n"
"""A comment: nothing to the client, but the proxies between see that the connection lives."""


_LINE_ENDS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""No ends of a line in the standard, but to clients that split text as Python does. JSON may escape them; the rest of
their kind it must.
"""


def encode(message: str, event_id: str | None = None) -> bytes:
    """The lines of a message; with its id, when the client can come back for what follows it."""
    data = message if message.isascii() else message.translate(_LINE_ENDS)
    lines = f"event: message\ndata: {data}\n\n"
    return (f"id: {event_id}\n{lines}" if event_id else lines).encode()


def prime(event_id: str, retry_milliseconds: int) -> bytes:
    """The event that opens a stream (from 2025-11-25 on): an id to come back with before there is a message, and when
    to.
    """
    return f"id: {event_id}\nretry: {retry_milliseconds}\ndata: \n\n".encode()


def retry(milliseconds: int) -> bytes:
    """Tells the client when to come back, before the connection is closed on it."""
    return f"retry: {milliseconds}\n\n".encode()
