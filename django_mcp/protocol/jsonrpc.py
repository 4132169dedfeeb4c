"""Bytes to JSON and back, and what makes a value a JSON-RPC message.

Stricter than `json`: refuses what two parsers may read differently (duplicate keys, NaN, lone surrogates), because a
proxy that checks a body must see what the server sees.
"""

import json
import re
from math import isfinite
from typing import Any, Final, TypeAlias

from pydantic_core import to_json

from .errors import INVALID_REQUEST, PARSE_ERROR, ProtocolError

JSON: TypeAlias = Any
RequestId: TypeAlias = str | int

MAX_ID_LENGTH: Final = 255
"""The longest string id, in characters. The server echoes and stores ids, so they must not carry payloads."""

SMALL_BODY: Final = 4096
"""The bytes of a body whose brackets are counted fastest by counting them all."""

_SURROGATE: Final = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def decode(body: bytes, max_depth: int, max_values: int = 100_000) -> JSON:
    """The JSON value of a body. Raises `ProtocolError` -32700 (HTTP 400) when it is not JSON, nests deeper than
    `max_depth`, or has more than about `max_values` values.
    """
    # A value and the mark after it take two bytes: only larger bodies are counted.
    if len(body) > 2 * max_values and _has_more_values(body, max_values):
        raise ProtocolError(PARSE_ERROR, f"Parse error: JSON of more than {max_values} values", status=400)
    try:
        value = _DECODER.decode(body.decode())
        if b"\\" in body and _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ProtocolError(PARSE_ERROR, "Parse error: Invalid JSON", status=400) from None
    # A body with few brackets cannot be deep: only others are walked.
    if _has_more_brackets(body, max_depth) and _depth_exceeds(value, max_depth):
        raise ProtocolError(PARSE_ERROR, f"Parse error: JSON nested deeper than {max_depth} levels", status=400)
    return value


def encode(value: JSON) -> bytes:
    """The bytes of a message, on one line. A lone surrogate in a tool's text is escaped; it does not raise."""
    try:
        return to_json(value, inf_nan_mode="null")
    except ValueError:
        readable = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        return json.dumps(readable, separators=(",", ":")).encode()


def is_request_id(value: object) -> bool:
    """Whether a value may be a request's id: a string or an integer of limited size. `True` is an `int` in Python, but
    not in JSON-RPC.
    """
    if isinstance(value, str):
        return len(value) <= MAX_ID_LENGTH
    return type(value) is int and -(2**63) <= value < 2**63


def check_message(value: JSON) -> None:
    """Raises `ProtocolError` -32600 (HTTP 400) unless the value is a JSON-RPC request, notification or response."""
    if value.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, 'Invalid Request: jsonrpc must be "2.0"', status=400)
    if "id" in value and not is_request_id(value["id"]):
        raise ProtocolError(INVALID_REQUEST, "Invalid Request: id must be a string or an integer", status=400)
    if "method" in value:
        if not isinstance(value["method"], str):
            raise ProtocolError(INVALID_REQUEST, "Invalid Request: method must be a string", status=400)
    elif "id" not in value or ("result" in value) == ("error" in value):
        raise ProtocolError(
            INVALID_REQUEST, "Invalid Request: neither a request, a notification nor a response", status=400
        )


def _has_more_values(body: bytes, limit: int) -> bool:
    """Whether a body has more than `limit` commas and brackets outside of its strings. Counts without parsing: too
    large a body must not be parsed.
    """
    if _count_marks(body) <= limit:
        return False
    without_escapes = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if without_escapes.count(b'"') > 4 * limit:
        return True
    return _count_marks(b"".join(without_escapes.split(b'"')[::2])) > limit


def _count_marks(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _has_more_brackets(body: bytes, limit: int) -> bool:
    """Whether a body has more than `limit` opening brackets, inside of its strings or not. Stops there in a large body:
    to count all of its brackets takes as long as to parse it.
    """
    if len(body) < SMALL_BODY:
        return body.count(b"{") + body.count(b"[") > limit
    found = 0
    for bracket in (b"{", b"["):
        position = body.find(bracket)
        while position >= 0:
            found += 1
            if found > limit:
                return True
            position = body.find(bracket, position + 1)
    return False


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("number out of range")
    return number


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _depth_exceeds(value: JSON, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
