"""The options of a call: whether it may write, whether its writes are kept, and its budget."""

from dataclasses import dataclass
from typing import Final

from django_mcp.exceptions import BudgetExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of one call; `None` is no limit.

    `seconds` of wall clock, including waits for the client's answers: a coroutine is stopped at the limit, a sync
    function at its next query or at its end. `queries` to all databases, `rows` read from them, `result_bytes` of the
    result as JSON.
    """

    seconds: float | None = None
    queries: int | None = None
    rows: int | None = None
    result_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """`atomic`: writes are rolled back when the function fails. `read_only`: the function cannot write. `dry_run`:
    writes are always rolled back.
    """

    atomic: bool = True
    read_only: bool = False
    dry_run: bool = False
    budget: Budget | None = None


DEFAULT_OPTIONS: Final = CallOptions()
"""The options of a call when nothing else is declared."""


def exceeded(what: str, limit: float) -> BudgetExceeded:
    """The error for a budget; `what` is "seconds", "queries", "rows" or "bytes of result"."""
    return BudgetExceeded(
        f"The call needed more than the {limit:g} {what} that it may use. "
        "Ask for less: fewer or narrower things at once."
    )
