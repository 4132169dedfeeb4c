"""A transaction that begins on first use, so that a tool without queries pays nothing for it."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError

from .guards import Guard

LOST: Final = (
    "The function closed its connection, or left an atomic() open, in the transaction around the call: the database "
    "has kept nothing that it wrote. Close no connection there, or declare the function read_only."
)


class LazyAtomic:
    """`transaction.atomic()` on every database that the block uses, begun on first use.

    Inside the block, each connection looks as if it were in a transaction already: an `atomic()` becomes a savepoint,
    and `on_commit` waits for the end of the block. Like `atomic()`, it is for one thread, and can be entered only once.

    It notices the first use in `ensure_connection`, which Django calls before each access to a database. Wrapping
    `execute` would be too late for an `atomic()` that the block opens first: it would commit by itself.

    A block that closed its connection, or left an `atomic()` open, raises `TransactionManagementError` at its end: what
    it wrote is lost.

    With `read_only`, a write raises, here (`WroteInReadOnly`) or in the database. With `dry_run`, statements that a
    rollback could not undo raise (`CannotUndo`); the caller rolls back by raising.
    """

    def __init__(self, *, read_only: bool = False, dry_run: bool = False) -> None:
        self._watched: list[_Watched] = []
        self._read_only = read_only
        self._dry_run = dry_run

    def __enter__(self) -> "LazyAtomic":
        try:
            for connection in connections.all():
                if "ensure_connection" in connection.__dict__:
                    # A nested block: the outer one begins now, so that this one can be rolled back by itself.
                    connection.ensure_connection()
                if _can_begin(connection):
                    self._watched.append(_Watched(connection, read_only=self._read_only, dry_run=self._dry_run))
        except BaseException:
            # One of several databases cannot be reached.
            for watched in self._watched:
                watched.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for watched in self._watched:
            watched.stop()
        if len(self._watched) == 1:  # Most projects have one database, and need no order.
            self._watched[0].leave(kind, error, traceback)
            return
        # Each block is left even if another fails. Commits come first, because on_commit callbacks must not run without
        # them.
        ends = ExitStack()
        for watched in sorted(self._watched, key=lambda watched: watched.has_begun):
            ends.push(watched.leave)
        ends.__exit__(kind, error, traceback)


class _Watched:
    """A watched connection: idle until its first use, then in an `atomic()` that seems to have begun with the block."""

    __slots__ = (
        "_atomic",
        "_blocks",
        "_connection",
        "_doomed",
        "_dry_run",
        "_guard",
        "_hooks",
        "_is_checked",
        "_nested",
        "_outer",
        "_read_only",
        "_savepoints",
        "has_begun",
    )

    def __init__(self, connection: BaseDatabaseWrapper, *, read_only: bool, dry_run: bool) -> None:
        self._connection: Any = connection
        self._read_only = read_only
        self._dry_run = dry_run
        self._guard: Guard | None = None
        self._atomic = transaction.Atomic(connection.alias, savepoint=True, durable=False)
        self._nested = connection.in_atomic_block
        if not self._nested:
            # Django leaves it set on a connection that was closed in a transaction.
            connection.needs_rollback = False
        self._doomed = connection.needs_rollback
        # The blocks and savepoints that exist now; all later ones are inside this block.
        self._blocks = len(self._connection.atomic_blocks)
        self._savepoints = len(connection.savepoint_ids)
        self._hooks = len(connection.run_on_commit)
        self._connection.atomic_blocks.append(self._atomic)
        self.has_begun = False
        self._watch()

    def stop(self) -> None:
        """Stops watching a connection that was not used."""
        if not self.has_begun:
            self._unwatch()
            del self._connection.atomic_blocks[self._blocks :]

    def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.has_begun:
            if self._guard is not None:
                self._guard.stop()
            is_lost = self._is_lost()
            self._atomic.__exit__(kind, error, traceback)
            if not self._nested and self._connection.in_atomic_block:
                drop_transaction(self._connection)
            if is_lost and error is None:
                raise TransactionManagementError(LOST)
            return
        connection = self._connection
        failed = error is not None or (connection.needs_rollback and not self._doomed)
        connection.needs_rollback = self._doomed
        if failed:
            del connection.run_on_commit[self._hooks :]
        if self._nested:
            return
        if connection.closed_in_transaction:
            connection.connection = None
        if connection.run_on_commit:
            # Nothing to commit, but on_commit callbacks may be registered.
            connection.run_and_clear_commit_hooks()

    def _is_lost(self) -> bool:
        """Whether the database has not kept, and will not keep, what the block wrote, although nothing failed."""
        connection = self._connection
        if self._nested or self._read_only or self._dry_run:
            return False
        return bool(connection.closed_in_transaction or connection.atomic_blocks[-1:] != [self._atomic])

    def _watch(self) -> None:
        self._outer = self._connection.__dict__.get("ensure_connection")
        self._connection.__dict__["ensure_connection"] = self._begin
        self._connection.in_atomic_block = True
        # The health check comes with the transaction: Django would not replace a connection that looks as if it were in
        # one already.
        self._is_checked, self._connection.health_check_done = self._connection.health_check_done, True

    def _unwatch(self) -> None:
        if self._outer is None:
            del self._connection.__dict__["ensure_connection"]
        else:
            self._connection.__dict__["ensure_connection"] = self._outer
        self._connection.in_atomic_block = self._nested
        self._connection.health_check_done = self._is_checked

    def _begin(self) -> None:
        connection = self._connection
        blocks, savepoints, hooks = connection.atomic_blocks, connection.savepoint_ids, connection.run_on_commit
        doomed = connection.needs_rollback
        self._unwatch()
        try:
            # Connecting resets all three.
            connection.ensure_connection()
            connection.atomic_blocks = blocks[: self._blocks]
            connection.savepoint_ids = savepoints[: self._savepoints]
            self._enter()
        except BaseException:
            connection.atomic_blocks, connection.savepoint_ids, connection.run_on_commit = blocks, savepoints, hooks
            self._watch()
            raise
        self.has_begun = True
        mine = set(connection.savepoint_ids[self._savepoints :]) - {None}
        connection.atomic_blocks += blocks[self._blocks + 1 :]
        connection.savepoint_ids += savepoints[self._savepoints :]
        connection.run_on_commit = [
            *hooks[: self._hooks],
            *((savepoint_ids | mine, *rest) for savepoint_ids, *rest in hooks[self._hooks :]),
        ]
        connection.needs_rollback = doomed

    def _enter(self) -> None:
        if self._read_only and self._connection.vendor == "sqlite":
            self._enter_deferred()
        else:
            self._atomic.__enter__()
        if self._read_only or self._dry_run:
            self._guard = Guard(self._connection, read_only=self._read_only, is_nested=self._nested)
            try:
                self._guard.start()
            except BaseException as error:
                # Otherwise the thread's connection would be in a transaction for ever.
                self._atomic.__exit__(type(error), error, error.__traceback__)
                raise

    def _enter_deferred(self) -> None:
        # A project may let transactions begin as writers (transaction_mode IMMEDIATE); a read-only one need not wait
        # for those.
        mode, self._connection.transaction_mode = self._connection.transaction_mode, "DEFERRED"
        try:
            self._atomic.__enter__()
        finally:
            self._connection.transaction_mode = mode


def _can_begin(connection: BaseDatabaseWrapper) -> bool:
    """Whether a transaction may be begun here: not if the project has turned autocommit off to manage transactions
    itself.
    """
    if connection.in_atomic_block:
        return True
    return bool(connection.settings_dict["AUTOCOMMIT"] if connection.connection is None else connection.autocommit)


def release_connections() -> bool:
    """Whether a connection of this thread is in a transaction. Closes the others before the thread waits for long; each
    opens again on its next use.
    """
    in_use = [connection for connection in connections.all(initialized_only=True) if connection.connection is not None]
    for connection in in_use:
        # True also where a LazyAtomic has not begun, although Django sees a transaction.
        if connection.autocommit:
            _close(connection)
    return not all(connection.autocommit for connection in in_use)


def _close(connection: BaseDatabaseWrapper) -> None:
    hooks, looks_atomic = connection.run_on_commit, connection.in_atomic_block
    connection.in_atomic_block = False
    try:
        connection.close()
    finally:
        connection.run_on_commit, connection.in_atomic_block = hooks, looks_atomic


def drop_transaction(connection: BaseDatabaseWrapper) -> None:
    """Closes a connection on which an `atomic()` was left open, which undoes what was done in it. Django would keep the
    connection, and refuse it to all later work.
    """
    is_closed = connection.closed_in_transaction
    connection.in_atomic_block = connection.closed_in_transaction = connection.needs_rollback = False
    connection.savepoint_ids, connection.atomic_blocks = [], []
    if is_closed:
        connection.connection = None
    connection.close()
