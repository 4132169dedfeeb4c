"""Opaque page cursors.

A cursor names the kind of list and the last item that the client has seen. It is not signed: a forged cursor can only
start the client's own list at another place. It names an item, not a number, so that it means the same on every worker
and after a deploy.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TypeVar

from .errors import INVALID_PARAMS, ProtocolError

Item = TypeVar("Item")


def page(kind: str, items: Sequence[tuple[str, Item]], cursor: str | None, size: int) -> tuple[list[Item], str | None]:
    """One page of `items` (key and value, in list order) after `cursor`, and the next cursor (`None` on the last page).

    Raises `ProtocolError` -32602 when the cursor is not of this list, or its item is gone: the client lists again.
    """
    start = 0 if cursor is None else _position(kind, items, cursor) + 1
    chosen = items[start : start + size]
    more = start + size < len(items)
    return [item for _, item in chosen], _encode(kind, chosen[-1][0]) if more and chosen else None


def _encode(kind: str, key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, key]).encode()).decode()


def _position(kind: str, items: Sequence[tuple[str, Item]], cursor: str) -> int:
    try:
        found_kind, key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if found_kind == kind:
            return next(index for index, (candidate, _) in enumerate(items) if candidate == key)
    except (binascii.Error, ValueError, TypeError, StopIteration, RecursionError):
        pass
    raise ProtocolError(INVALID_PARAMS, "Invalid cursor: start again without one")
