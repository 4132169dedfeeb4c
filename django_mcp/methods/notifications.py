"""Messages of a client that need no response: initialized, cancelled, and its responses to our requests."""

from collections.abc import Mapping
from typing import Any

from django_mcp.protocol.jsonrpc import is_request_id

from .effects import CancelRequest, Effect, KeepAnswer


def effect_of(kind: str, message: Mapping[str, Any]) -> Effect | None:
    """The effect of a notification or a response in a session; `None` for most.

    A malformed cancellation, or one of an unknown request, is ignored (spec 2025-11-25 basic/utilities/cancellation).
    """
    if kind == "response":
        return KeepAnswer(message["id"], message)
    params = message.get("params") or {}
    if message.get("method") == "notifications/cancelled" and is_request_id(params.get("requestId")):
        return CancelRequest(params["requestId"])
    return None
