"""Budgets: limits the time of a call, its queries and the rows that it reads, and counts them for observers."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_mcp.observers import ObservedCall
from django_mcp.primitives.call_options import Budget, exceeded

_BOOKKEEPING: Final = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET ", "PRAGMA ")
"""Statements of Django and of this package, which do not count."""


class Meter:
    """A context manager around a call, in the thread in which its queries run. Raises `BudgetExceeded` inside, and at
    the end if the time is over.

    It can be entered only once. A thread cannot be stopped from outside, so a function that makes no query learns about
    its deadline only at its end.
    """

    def __init__(self, budget: Budget, observed: ObservedCall | None = None) -> None:
        self._budget = budget
        self._observed = observed
        self._counts_rows = budget.rows is not None or observed is not None
        self._deadline = time.monotonic() + budget.seconds if budget.seconds is not None else None
        self._queries = 0
        self._rows = 0
        self._entered: list[BaseDatabaseWrapper] = []

    def __enter__(self) -> "Meter":
        for connection in connections.all():
            # Not Django's `execute_wrapper`, which removes the last wrapper: that may be a guard by now.
            connection.execute_wrappers.append(self._execute)
            self._entered.append(connection)
            if self._counts_rows:
                self._count_rows_of(connection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for connection in reversed(self._entered):
            if self._counts_rows:
                connection.__dict__.pop("_prepare_cursor", None)
            connection.execute_wrappers.remove(self._execute)
        if self._observed is not None:
            # A call may run more than once: its client is asked in between.
            self._observed.queries = (self._observed.queries or 0) + self._queries
            self._observed.rows = (self._observed.rows or 0) + self._rows
        if error is None:
            self._check_time()

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not str(sql).startswith(_BOOKKEEPING):
            self._check_time()
            self._queries += 1
            if self._budget.queries is not None and self._queries > self._budget.queries:
                raise exceeded("queries", self._budget.queries)
        return execute(sql, params, many, context)

    def _check_time(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise exceeded("seconds", self._budget.seconds or 0)

    def _count_rows_of(self, connection: BaseDatabaseWrapper) -> None:
        # Django has a hook for statements but none for their rows, so a proxy of the cursor counts them.
        prepare = connection._prepare_cursor  # type: ignore[attr-defined]
        connection.__dict__["_prepare_cursor"] = lambda cursor: _CountingCursor(prepare(cursor), self._read)

    def _read(self, count: int) -> None:
        self._rows += count
        if self._budget.rows is not None and self._rows > self._budget.rows:
            raise exceeded("rows", self._budget.rows)


class _CountingCursor:
    def __init__(self, cursor: Any, count: Callable[[int], None]) -> None:
        self._cursor = cursor
        self._count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __enter__(self) -> "_CountingCursor":
        self._cursor.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._cursor.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        for row in self._cursor:
            self._count(1)
            yield row

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        self._count(row is not None)
        return row

    def fetchmany(self, *size: int) -> Any:
        rows = self._cursor.fetchmany(*size)
        self._count(len(rows))
        return rows

    def fetchall(self) -> Any:
        rows = self._cursor.fetchall()
        self._count(len(rows))
        return rows
