"""The calls of this process that wait for their clients' answers, counted in total and per caller.

Each may hold a thread, a transaction and its locks for as long as a person reads. So their number is limited, and no
caller can use all places.
"""

import threading
from collections import Counter
from typing import Final

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import ClientCannot
from django_mcp.storage.session_state import SessionState

SHARE: Final = 0.5
"""The share of the places for all anonymous callers together, because they cannot be distinguished and can open
sessions freely; and the share of the places in a transaction for one caller.
"""


class Places:
    """A limited number of places, and the callers that have them."""

    def __init__(self) -> None:
        self._whose: Counter[str] = Counter()
        self._anonymous = 0

    def __len__(self) -> int:
        return self._whose.total()

    def refusal(self, session: SessionState, limit: int, own_limit: float | None) -> str | None:
        """The reason why this caller gets no further place; `None` if it gets one."""
        if len(self) >= limit:
            return f"{len(self)} of everybody's"
        if not session.principal and self._anonymous >= limit * SHARE:
            return f"{self._anonymous} of anonymous callers"
        own = self._whose[_whose(session)]
        return f"{own} of the same caller" if own_limit is not None and own >= own_limit else None

    def add(self, session: SessionState, number: int) -> None:
        whose = _whose(session)
        self._whose[whose] += number
        self._anonymous += 0 if session.principal else number
        if not self._whose[whose]:
            del self._whose[whose]


class WaitingCalls:
    """The waiting calls, and those of them that are in a transaction. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all = Places()
        self._in_transaction = Places()

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, session: SessionState, *, in_transaction: bool = False) -> None:
        """Adds a waiting call, until `leave()` with the same arguments. Raises `ClientCannot` when there are too
        many.
        """
        with self._lock:
            if reason := self._refusal(session, in_transaction=in_transaction):
                raise ClientCannot(f"The client cannot be asked now: {reason}")
            self._add(session, 1, in_transaction=in_transaction)

    def leave(self, session: SessionState, *, in_transaction: bool = False) -> None:
        with self._lock:
            self._add(session, -1, in_transaction=in_transaction)

    def _add(self, session: SessionState, number: int, *, in_transaction: bool) -> None:
        self._all.add(session, number)
        if in_transaction:
            self._in_transaction.add(session, number)

    def _refusal(self, session: SessionState, *, in_transaction: bool) -> str | None:
        limit, own_limit = mcp_settings.MAX_WAITING_CALLS, mcp_settings.MAX_WAITING_CALLS_PER_PRINCIPAL
        if who := self._all.refusal(session, limit, own_limit):
            return f"too many calls wait for answers already ({who}). Try again when some are answered."
        limit = mcp_settings.MAX_WAITING_TRANSACTIONS
        if in_transaction and (who := self._in_transaction.refusal(session, limit, limit * SHARE)):
            return (
                f"too many calls wait in a transaction already ({who}). Try again when some are answered; a tool that "
                "asks before its first query does not wait in one."
            )
        return None


def _whose(session: SessionState) -> str:
    """The key to count by: the user, whatever the token; for an anonymous caller, the session."""
    if session.user_id is not None:
        return f"user:{session.user_id}"
    return f"principal:{session.principal}" if session.principal else f"session:{session.pk}"


waiting_calls: Final = WaitingCalls()
