"""The names of the groups that the bell rings for."""

import hashlib


def session_group(session_pk: int) -> str:
    """Who reads a session's streams."""
    return f"mcp.session.{session_pk}"


def calls_group(session_pk: int) -> str:
    """A session's calls that run: each waits for an answer, or to be cancelled."""
    return f"mcp.calls.{session_pk}"


def server_group(name: str) -> str:
    """Who hears of a server's changes."""
    # A name may hold what a group's may not.
    return f"mcp.server.{hashlib.sha256(name.encode()).hexdigest()[:32]}"
