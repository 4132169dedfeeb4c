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
    "InsufficientScope",
    "ProtocolError",
    "http_status",
    "unsupported_version",
]

REQUEST_CANCELLED: Final = -32800
"""Ends the POST of a request that its client has cancelled, and no longer waits for: the code of the official SDKs."""

RESOURCE_NOT_FOUND: Final = -32002
"""A missing resource, said to a handshake client; 2026-07-28 retired the code for `INVALID_PARAMS`."""

_MODERN_STATUS: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
    HEADER_MISMATCH: 400,
    MISSING_REQUIRED_CLIENT_CAPABILITY: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
}
"""Spec 2026-07-28 basic/transports: the status follows the code, and a code that is not here (a fault in a handler) is
200.
"""


class ProtocolError(Exception):
    """A JSON-RPC error answer: `code`, `message`, and `data` when there is some.

    `status` is the HTTP status where the transport itself refuses; otherwise `http_status` decides it.
    """

    def __init__(self, code: int, message: str, data: Any = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status


class InsufficientScope(ProtocolError):
    """The credential lacks scopes that its user could grant: `scopes` are all that the operation needs (RFC 6750)."""

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(INVALID_REQUEST, f"Insufficient scope: {' '.join(self.scopes)} is required", status=403)


class TooManyCalls(ProtocolError):
    """The caller has called too often, and may again after so many seconds (RFC 6585)."""

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = max(1, round(wait_seconds))
        super().__init__(INVALID_REQUEST, f"Too many calls: wait {self.wait_seconds} seconds", status=429)


def http_status(error: ProtocolError, era: Era) -> int:
    """The status under which an error goes out. A handshake client's valid request that fails is 200: the error is in
    the body.
    """
    if error.status is not None:
        return error.status
    return _MODERN_STATUS.get(error.code, 200) if era == "modern" else 200


def unsupported_version(requested: object) -> ProtocolError:
    """The refusal of a revision that no request can name here, with those that one can."""
    supported = list(MODERN_VERSIONS)
    message = f"Unsupported protocol version: {requested}. Supported per request: {', '.join(supported)}"
    return ProtocolError(
        UNSUPPORTED_PROTOCOL_VERSION, message, {"supported": supported, "requested": requested}, status=400
    )
