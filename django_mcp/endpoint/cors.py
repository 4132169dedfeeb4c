"""Cross-origin requests: what a browser must be told before it lets a page of another origin read an answer.

Only origins that the endpoint names are told anything; who may call at all is said in permissions.py.
"""

from collections.abc import Collection
from typing import Final

from django_mcp.protocol.headers import Headers
from django_mcp.protocol.replies import Reply

METHODS: Final = "GET, POST, DELETE"
HEADERS: Final = (
    "Accept, Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id"
)
"""What clients send beyond what a browser sends unasked. `Mcp-Param-…` come with what the page asks for."""

EXPOSED: Final = "Mcp-Session-Id, Retry-After, WWW-Authenticate"
MAX_AGE_SECONDS: Final = 86_400


def headers_for(headers: Headers, allowed_origins: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What goes with the answer to a request; nothing where no page of an allowed origin asks."""
    origin = headers.get("origin")
    if not allowed_origins:
        return ()
    if origin is None or origin not in allowed_origins:
        return (("Vary", "Origin"),)
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", EXPOSED),
        ("Vary", "Origin"),
    )


def preflight(headers: Headers, allowed_origins: Collection[str]) -> Reply | None:
    """The answer to a browser that asks what it may send, or `None` when it is no such question, or not from an allowed
    origin.
    """
    if headers.get("origin") not in allowed_origins or "access-control-request-method" not in headers:
        return None
    asked = headers.get("access-control-request-headers", "").split(",")
    params = [name.strip() for name in asked if name.strip().lower().startswith("mcp-param-")]
    reply = Reply(204).with_header("Access-Control-Allow-Methods", METHODS)
    reply = reply.with_header("Access-Control-Allow-Headers", ", ".join((HEADERS, *params)))
    return reply.with_header("Access-Control-Max-Age", str(MAX_AGE_SECONDS))
