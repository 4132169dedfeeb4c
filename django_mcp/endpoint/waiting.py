"""The calls of this process that wait for their clients' answers: how many there are, and whose.

Each may hold a thread, a transaction and its locks for as long as a person reads. So they are few, and no caller has
all of them.
"""

import threading
from collections import Counter
from typing import Final

from django_mcp.conf import mcp_settings
from django_mcp.primitives.asking import ClientCannot
from django_mcp.storage.session_state import SessionState

ANONYMOUS_SHARE: Final = 0.5
"""The part of MCP_MAX_WAITING_CALLS that anonymous callers have together. Nobody can tell one of them from another, and
sessions cost a stranger nothing: half is left for those who are known.
"""


class WaitingCalls:
    """Counts who waits. `enter` and `leave` are called in pairs, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whose: Counter[str] = Counter()
        self._anonymous = 0

    def __len__(self) -> int:
        return self._whose.total()

    def enter(self, session: SessionState) -> None:
        """One more waits. Raises `ClientCannot` when it is one too many."""
        whose = _whose(session)
        with self._lock:
            if reason := self._refusal(whose, is_anonymous=not session.principal):
                raise ClientCannot(f"The client cannot be asked now: {reason}. Try again when some are answered.")
            self._whose[whose] += 1
            self._anonymous += not session.principal

    def leave(self, session: SessionState) -> None:
        whose = _whose(session)
        with self._lock:
            self._whose[whose] -= 1
            self._anonymous -= not session.principal
            if not self._whose[whose]:
                del self._whose[whose]

    def _refusal(self, whose: str, *, is_anonymous: bool) -> str | None:
        everybody, own = mcp_settings.MAX_WAITING_CALLS, mcp_settings.MAX_WAITING_CALLS_PER_PRINCIPAL
        if own is not None and self._whose[whose] >= own:
            return f"{own} calls of the same caller wait for answers (MCP_MAX_WAITING_CALLS_PER_PRINCIPAL)"
        if is_anonymous and self._anonymous >= everybody * ANONYMOUS_SHARE:
            return f"{self._anonymous} anonymous calls wait for answers (half of MCP_MAX_WAITING_CALLS)"
        if len(self) >= everybody:
            return f"{everybody} calls wait for answers (MCP_MAX_WAITING_CALLS)"
        return None


def _whose(session: SessionState) -> str:
    """A user's calls count together, whichever token they came with; an anonymous caller's by session."""
    if session.user_id is not None:
        return f"user:{session.user_id}"
    return f"principal:{session.principal}" if session.principal else f"session:{session.pk}"


waiting_calls: Final = WaitingCalls()
