"""On what options a call runs: whether it may write, whether that is kept, and how much it may use."""

from dataclasses import dataclass
from typing import Final

from django_mcp.exceptions import BudgetExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one call may use; `None` is any amount.

    `seconds` of wall clock, waits for the client's answers among them: a coroutine is stopped there, a function at its
    next query or its end. `queries` to all databases, `rows` read from them, `result_bytes` of the result as JSON.
    """

    seconds: float | None = None
    queries: int | None = None
    rows: int | None = None
    result_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """`atomic`: what the function wrote is undone when it fails. `read_only`: it cannot write. `dry_run`: what it wrote
    is undone in any case.
    """

    atomic: bool = True
    read_only: bool = False
    dry_run: bool = False
    budget: Budget | None = None


DEFAULT_OPTIONS: Final = CallOptions()
"""The options of a call of which nothing is said."""


def exceeded(what: str, limit: float) -> BudgetExceeded:
    """The error for a budget of so many seconds, queries, rows or bytes of result."""
    return BudgetExceeded(
        f"The call needed more than the {limit:g} {what} that it may use. "
        "Ask for less: fewer or narrower things at once."
    )
