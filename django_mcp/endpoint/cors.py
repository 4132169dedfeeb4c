"""Cross-origin requests (CORS): the headers that let a page of another origin read a reply.

Only pages of allowed origins get these headers; `origins.py` decides which requests are accepted at all.
"""

from collections.abc import Collection
from typing import Final

from django_mcp.protocol.headers import PARAM_PREFIX, Headers
from django_mcp.protocol.replies import Reply

METHODS: Final = "GET, POST, DELETE"
HEADERS: Final = (
    "Accept, Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id"
)
"""The headers of MCP clients that need a preflight. `Mcp-Param-…` headers are taken from the preflight itself."""

EXPOSED: Final = "Mcp-Session-Id, Retry-After, WWW-Authenticate"
MAX_AGE_SECONDS: Final = 86_400


def headers_for(headers: Headers, allowed_origins: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The CORS headers of a reply; none unless a page of an allowed origin sent the request."""
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
    """The reply to a preflight of an allowed origin; `None` for other requests."""
    if headers.get("origin") not in allowed_origins or "access-control-request-method" not in headers:
        return None
    asked = headers.get("access-control-request-headers", "").split(",")
    params = [name.strip() for name in asked if name.strip().lower().startswith(PARAM_PREFIX)]
    reply = Reply(204).with_header("Access-Control-Allow-Methods", METHODS)
    reply = reply.with_header("Access-Control-Allow-Headers", ", ".join((HEADERS, *params)))
    return reply.with_header("Access-Control-Max-Age", str(MAX_AGE_SECONDS))
