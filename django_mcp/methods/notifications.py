"""What a client says without wanting an answer: initialized, cancelled, and the responses to our own requests."""

from collections.abc import Mapping
from typing import Any

from django_mcp.protocol.jsonrpc import is_request_id

from .effects import CancelRequest, Effect, KeepAnswer


def effect_of(kind: str, message: Mapping[str, Any]) -> Effect | None:
    """What a notification or a response of a session brings about; `None` for most.

    A malformed cancellation, and one of something unknown, is passed over (spec 2025-11-25
    basic/utilities/cancellation).
    """
    if kind == "response":
        return KeepAnswer(message["id"], message)
    params = message.get("params") or {}
    if message.get("method") == "notifications/cancelled" and is_request_id(params.get("requestId")):
        return CancelRequest(params["requestId"])
    return None
