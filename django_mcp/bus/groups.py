"""The names of the bell's groups."""

import hashlib


def session_group(session_pk: int) -> str:
    """The readers of a session's streams."""
    return f"mcp.session.{session_pk}"


def calls_group(session_pk: int) -> str:
    """The running calls of a session, which wait for an answer or a cancellation."""
    return f"mcp.calls.{session_pk}"


def server_group(name: str) -> str:
    """The readers of a server's changes."""
    # Hashed, because a server's name may contain characters that a group's may not.
    return f"mcp.server.{hashlib.sha256(name.encode()).hexdigest()[:32]}"
