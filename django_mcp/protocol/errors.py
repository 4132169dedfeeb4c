"""The JSON-RPC error plane: `ProtocolError`, and the one table from an error's code to its HTTP status."""

from collections.abc import Iterable
from typing import Any, Final

from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
)

from .versions import MODERN_VERSIONS, Era

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_REQUIRED_CLIENT_CAPABILITY",
    "PARSE_ERROR",
    "REQUEST_CANCELLED",
    "RESOURCE_NOT_FOUND",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "URL_ELICITATION_REQUIRED",
    "Closed",
    "InsufficientScope",
    "ProtocolError",
    "http_status",
    "unsupported_version",
]

REQUEST_CANCELLED: Final = -32800
"""The error that ends the POST of a cancelled request; its client no longer waits. The code of the official SDKs."""

RESOURCE_NOT_FOUND: Final = -32002
"""A missing resource, in the handshake era; 2026-07-28 replaced the code by `INVALID_PARAMS`."""

_MODERN_STATUS: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
    HEADER_MISMATCH: 400,
    MISSING_REQUIRED_CLIENT_CAPABILITY: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
}
"""The HTTP status of each error code (spec 2026-07-28 basic/transports). A code that is not listed (an error in a
handler) is 200.
"""


class ProtocolError(Exception):
    """A JSON-RPC error response: `code`, `message`, and optional `data`.

    `status` is the HTTP status of a refusal by the transport itself; otherwise `http_status` decides it.
    """

    def __init__(self, code: int, message: str, data: Any = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status


class Closed(ProtocolError):
    """A gate has closed a primitive to everybody; the message is the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(INVALID_REQUEST, reason)


class InsufficientScope(ProtocolError):
    """The credential lacks scopes that its user could grant; `scopes` are all that the operation needs (RFC 6750)."""

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(INVALID_REQUEST, f"Insufficient scope: {' '.join(self.scopes)} is required", status=403)


class TooManyCalls(ProtocolError):
    """The caller is over its rate limit, and may call again after so many seconds (RFC 6585)."""

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = max(1, round(wait_seconds))
        super().__init__(INVALID_REQUEST, f"Too many calls: wait {self.wait_seconds} seconds", status=429)


def http_status(error: ProtocolError, era: Era) -> int:
    """The HTTP status of an error. A valid request of a handshake client that fails is 200: the error is in the
    body.
    """
    if error.status is not None:
        return error.status
    return _MODERN_STATUS.get(error.code, 200) if era == "modern" else 200


def unsupported_version(requested: object) -> ProtocolError:
    """The error for a revision that requests cannot name here; it lists those that they can."""
    supported = list(MODERN_VERSIONS)
    message = f"Unsupported protocol version: {requested}. Supported per request: {', '.join(supported)}"
    return ProtocolError(
        UNSUPPORTED_PROTOCOL_VERSION, message, {"supported": supported, "requested": requested}, status=400
    )
