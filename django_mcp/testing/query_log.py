"""The queries of a project while a call is served."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.apps import apps
from django.db import connections

CONTROL: Final = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "START TRANSACTION", "SET ")
"""Statements that begin and end transactions: how many there are depends on the test's own transaction."""


class QueryLog:
    """Collects the SQL that is sent in one thread between `start` and `stop`, both called in it."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._own = {model._meta.db_table for model in apps.get_models() if model.__module__.startswith("django_mcp.")}

    def start(self) -> None:
        # Not Django's `execute_wrapper`, which removes the last wrapper: that may be another's by now.
        for connection in connections.all():
            connection.execute_wrappers.append(self._execute)

    def stop(self) -> None:
        for connection in connections.all():
            if self._execute in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._execute)

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        quote = context["connection"].ops.quote_name
        text = str(sql)
        if not text.upper().startswith(CONTROL) and not any(quote(table) in text for table in self._own):
            self.found.append(text)
        return execute(sql, params, many, context)


@contextmanager
def logged() -> Iterator[QueryLog]:
    """Collects the queries of this thread."""
    log = QueryLog()
    log.start()
    try:
        yield log
    finally:
        log.stop()
