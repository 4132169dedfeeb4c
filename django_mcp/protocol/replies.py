"""HTTP replies: a status, a body and headers. Built here, and written by the code that holds the connection."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from . import jsonrpc
from .errors import INTERNAL_ERROR, INVALID_REQUEST, InsufficientScope, ProtocolError, TooManyCalls, http_status
from .jsonrpc import JSON, RequestId
from .records import record
from .versions import Era

JSON_TYPE: Final = "application/json"


@record(frozen=True, slots=True)
class Reply:
    """An HTTP reply. An empty body has no content type. `scopes` are the scopes that the caller's credential lacks."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    scopes: tuple[str, ...] = ()

    def with_header(self, name: str, value: str) -> "Reply":
        """The same reply with this header; it replaces an earlier value."""
        kept = [header for header in self.headers if header[0] != name]
        return replace(self, headers=(*kept, (name, value)))


ACCEPTED: Final = Reply(202)
"""The reply to a notification or a response: no body (spec basic/transports)."""

TERMINATED: Final = Reply(200, b'{"success":true}')
"""The reply to a DELETE that terminated its session."""


def result(request_id: RequestId, value: JSON, status: int = 200) -> Reply:
    """The reply to a request that succeeded."""
    return Reply(status, jsonrpc.encode({"jsonrpc": "2.0", "id": request_id, "result": value}))


def listing(request_id: RequestId, key: str, entries: Iterable[bytes], rest: dict[str, Any]) -> Reply:
    """The reply to a request for a list: under `key` its entries, each of which is JSON already, and the other members
    of the result.
    """
    others = b"," + jsonrpc.encode(rest)[1:] if rest else b"}"
    written = (jsonrpc.encode(request_id), key.encode(), b",".join(entries), others)
    return Reply(200, b'{"jsonrpc":"2.0","id":%b,"result":{"%b":[%b]%b}' % written)


def error(failure: ProtocolError, era: Era = "handshake", request_id: RequestId | None = None) -> Reply:
    """The reply to a request that failed, or to a body in which no request could be read.

    An unreadable id is `null` in the handshake era and absent in the modern era, as the schemas require.
    """
    details: dict[str, Any] = {"code": failure.code, "message": failure.message}
    if failure.data is not None:
        details["data"] = failure.data
    body: dict[str, Any] = {"jsonrpc": "2.0"}
    if request_id is not None or era == "handshake":
        body["id"] = request_id
    body["error"] = details
    reply = Reply(http_status(failure, era), jsonrpc.encode(body))
    if isinstance(failure, TooManyCalls):
        return reply.with_header("Retry-After", str(failure.wait_seconds))
    if isinstance(failure, InsufficientScope):
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(failure.scopes)}"'
        return replace(reply, scopes=failure.scopes).with_header("WWW-Authenticate", challenge)
    return reply


def with_id(reply: Reply, request_id: RequestId | None) -> Reply:
    """The refusal with a request's id, as a response to this request."""
    return replace(reply, body=jsonrpc.encode({**json.loads(reply.body), "id": request_id}))


def refusal(status: int, message: str) -> Reply:
    """A refusal by the transport itself: a JSON-RPC error without an id, so that a client can read it."""
    return error(ProtocolError(INVALID_REQUEST, message, status=status))


def method_not_allowed(allow: str) -> Reply:
    """A 405 with the allowed methods, which RFC 9110 requires."""
    return refusal(405, "Method not allowed").with_header("Allow", allow)


SESSION_NOT_FOUND: Final = refusal(404, "Session not found")
"""The same reply for a session that is unknown, expired, terminated, of another server or of another principal, so that
a client cannot find out which.
"""

INTERNAL: Final = error(ProtocolError(INTERNAL_ERROR, "Internal server error", status=500))
"""The reply to an unexpected exception, which is in the log."""

STREAM_CONFLICT: Final = refusal(409, "Conflict: Only one SSE stream is allowed per session")
"""Another live connection has the session's stream."""

MISSING_SESSION_ID: Final = refusal(400, "Missing session ID")

HEADERS_TOO_LARGE: Final = refusal(431, "The request's headers are too large")

BUSY: Final = refusal(503, "The server reads too many requests at once: try again").with_header("Retry-After", "5")
"""The process holds too many bytes of unfinished bodies."""

TOO_SLOW: Final = refusal(408, "The request body did not come in time")
