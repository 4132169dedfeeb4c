"""A transaction that begins when it is first needed, so that a tool which touches no database pays for none."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


class LazyAtomic:
    """`transaction.atomic()` on every database that the block touches, each begun at its first use.

    To the code inside, each connection looks as if it were in a transaction already: an `atomic()` of its own becomes a
    savepoint, and `on_commit` waits for the end of the block. Like `atomic()`, for one thread, and not to be entered
    twice.

    What tells the first use is `ensure_connection`, which Django calls before anything goes to a database. Wrapping
    `execute` instead would come too late for an `atomic()` that the block opens first: it would commit by itself.
    """

    def __init__(self) -> None:
        self._watched: list[tuple[BaseDatabaseWrapper, bool]] = []
        self._begun: list[transaction.Atomic] = []

    def __enter__(self) -> "LazyAtomic":
        for connection in connections.all():
            if (
                connection.get_autocommit()
                if connection.connection is not None
                else connection.settings_dict["AUTOCOMMIT"]
            ):
                self._watch(connection, nested=False)
            elif connection.in_atomic_block:
                self._watch(connection, nested=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for connection, nested in self._watched:
            if connection.__dict__.pop("ensure_connection", None) is not None and not nested:
                self._leave_untouched(connection, failed=error is not None)
        while self._begun:
            self._begun.pop().__exit__(kind, error, traceback)

    def _watch(self, connection: BaseDatabaseWrapper, *, nested: bool) -> None:
        connect: Callable[[], None] = connection.ensure_connection

        def begin() -> None:
            del connection.__dict__["ensure_connection"]
            if not nested:
                connection.in_atomic_block = False
            connect()
            pending, connection.run_on_commit = connection.run_on_commit, []
            atomic = transaction.Atomic(connection.alias, savepoint=True, durable=False)
            atomic.__enter__()
            connection.run_on_commit = pending
            self._begun.append(atomic)

        connection.__dict__["ensure_connection"] = begin
        connection.in_atomic_block = True
        self._watched.append((connection, nested))

    def _leave_untouched(self, connection: BaseDatabaseWrapper, *, failed: bool) -> None:
        """A database that nothing was asked of: there is nothing to commit, but `on_commit` functions may wait."""
        connection.in_atomic_block = False
        hooks: list[Any] = connection.run_on_commit
        if failed:
            connection.run_on_commit = []
        elif hooks:
            connection.run_and_clear_commit_hooks()
