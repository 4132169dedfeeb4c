"""The HTTP headers of MCP: their names, the Base64 form of their values, and what `Accept` and `Content-Type` must say.

Headers arrive as a mapping from lower-case names to text, one character a byte (latin-1, as WSGI and ASGI hand them
over); a header sent twice is joined by a comma.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from .errors import HEADER_MISMATCH, INVALID_REQUEST, ProtocolError

Headers: TypeAlias = Mapping[str, str]

SESSION_ID: Final = "mcp-session-id"
PROTOCOL_VERSION: Final = "mcp-protocol-version"
METHOD: Final = "mcp-method"
NAME: Final = "mcp-name"
PARAM_PREFIX: Final = "mcp-param-"
LAST_EVENT_ID: Final = "last-event-id"

OWS: Final = " \t"
"""The whitespace that may surround a header's value and is not part of it (RFC 9110)."""

_SENTINEL: Final = ("=?base64?", "?=")


class Unmirrored(dict[str, str]):
    """Headers of a message that did not come over HTTP: nothing between the client and the server reads them, so that
    none must repeat what the message says.
    """


def check_content(headers: Headers) -> None:
    """Raises `ProtocolError` (406 or 415) unless a POST accepts both JSON and SSE, and its body is JSON."""
    if _accepted(headers.get("accept", "")) != (True, True):
        message = "Not Acceptable: Accept header must include application/json and text/event-stream"
        raise ProtocolError(INVALID_REQUEST, message, status=406)
    # Required against CSRF: a browser form cannot send this type to another site without a preflight request.
    if not _is_json(headers.get("content-type", "")):
        message = "Unsupported Media Type: Content-Type must be application/json"
        raise ProtocolError(INVALID_REQUEST, message, status=415)


def check_stream(headers: Headers) -> None:
    """Raises `ProtocolError` (406) unless a GET accepts an event stream."""
    if not _accepted(headers.get("accept", ""))[1]:
        message = "Not Acceptable: Accept header must include text/event-stream"
        raise ProtocolError(INVALID_REQUEST, message, status=406)


def are_too_large(headers: Headers, limit: int) -> bool:
    """Whether all values together are longer than `limit` bytes."""
    return sum(map(len, headers.values())) > limit


def declares_more(headers: Headers, limit: int) -> bool:
    """Whether `Content-Length` announces a body longer than `limit` bytes. A value that is not a number is ignored."""
    declared = headers.get("content-length", "")
    # Python refuses to parse a number of thousands of digits; the first twenty are enough to compare.
    return declared.isascii() and declared.isdigit() and int(declared[:20]) > limit


def to_bytes(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """The headers of a response as ASGI takes them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def decode_value(name: str, value: str) -> str:
    """The text of a mirrored header's value (`Mcp-Name`, `Mcp-Param-*`): literal, or Base64 in `=?base64?…?=`.

    Raises `ProtocolError` -32020 for bytes that no header should hold, and for Base64 that is not canonical UTF-8.
    """
    value = value.strip(OWS)
    if not (value.isascii() and value.replace("\t", " ").isprintable()):
        raise _mismatch(f"{name} holds characters outside visible ASCII; send them as =?base64?…?=")
    prefix, suffix = _SENTINEL
    if not (value.startswith(prefix) and value.endswith(suffix) and len(value) >= len(prefix) + len(suffix)):
        return value
    encoded = value[len(prefix) : -len(suffix)]
    try:
        raw = base64.b64decode(encoded, validate=True)
        if base64.b64encode(raw).decode() != encoded:
            raise ValueError("not canonical")
        return raw.decode()
    except (binascii.Error, ValueError):
        raise _mismatch(f"{name} is not valid Base64 of UTF-8 text") from None


def _mismatch(message: str) -> ProtocolError:
    return ProtocolError(HEADER_MISMATCH, f"Header mismatch: {message}", status=400)


@lru_cache(maxsize=256)
def _accepted(accept: str) -> tuple[bool, bool]:
    """Whether an Accept header accepts JSON, and whether it accepts an event stream."""
    takes = {_media_type(part): not _is_refused(part) for part in accept.split(",")}

    def accepts(*ranges: str) -> bool:
        """The most specific range of the header decides (RFC 9110)."""
        return next((takes[media_range] for media_range in ranges if media_range in takes), False)

    return (
        accepts("application/json", "application/*", "*/*"),
        accepts("text/event-stream", "text/*", "*/*"),
    )


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    return _media_type(content_type) == "application/json"


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _is_refused(media_range: str) -> bool:
    """Whether a media range has the weight zero: `q=0` refuses it."""
    for parameter in media_range.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            return not value.strip().strip("0.")
    return False
