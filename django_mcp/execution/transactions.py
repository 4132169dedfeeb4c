"""A transaction that begins when it is first needed, so that a tool which touches no database pays for none."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .guards import Guard


class LazyAtomic:
    """`transaction.atomic()` on every database that the block touches, each begun at its first use.

    To the code inside, each connection looks as if it were in a transaction already: an `atomic()` of its own becomes a
    savepoint, and `on_commit` waits for the end of the block. Like `atomic()`, for one thread, and not to be entered
    twice.

    What tells the first use is `ensure_connection`, which Django calls before anything goes to a database. Wrapping
    `execute` instead would come too late for an `atomic()` that the block opens first: it would commit by itself.

    With `read_only` the transaction cannot write: an attempt raises, here (`WroteInReadOnly`) or in the database. With
    `dry_run` nothing can be kept of what is written (`CannotUndo`); to undo it is the caller's, who raises.
    """

    def __init__(self, *, read_only: bool = False, dry_run: bool = False) -> None:
        self._watched: list[_Watched] = []
        self._read_only = read_only
        self._dry_run = dry_run

    def __enter__(self) -> "LazyAtomic":
        for connection in connections.all():
            if "ensure_connection" in connection.__dict__:
                # A block within a block: the outer one begins now, so that this one can be undone by itself.
                connection.ensure_connection()
            if _can_begin(connection):
                self._watched.append(_Watched(connection, read_only=self._read_only, dry_run=self._dry_run))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for watched in self._watched:
            watched.stop()
        if len(self._watched) == 1:  # Most projects have one database, and need no order.
            self._watched[0].leave(kind, error, traceback)
            return
        # Each is left whatever becomes of another, and commits go first: what waits for a commit must not run without.
        ends = ExitStack()
        for watched in sorted(self._watched, key=lambda watched: watched.has_begun):
            ends.push(watched.leave)
        ends.__exit__(kind, error, traceback)


class _Watched:
    """One connection: idle until something is asked of it, then in an `atomic()` that looks as if it had been there
    from the first.
    """

    __slots__ = (
        "_atomic",
        "_blocks",
        "_connection",
        "_doomed",
        "_guard",
        "_hooks",
        "_nested",
        "_outer",
        "_read_only",
        "_savepoints",
        "has_begun",
    )

    def __init__(self, connection: BaseDatabaseWrapper, *, read_only: bool, dry_run: bool) -> None:
        self._connection: Any = connection
        self._read_only = read_only
        self._atomic = transaction.Atomic(connection.alias, savepoint=True, durable=False)
        self._nested = connection.in_atomic_block
        is_guarded = read_only or dry_run
        self._guard = Guard(connection, read_only=read_only, is_nested=self._nested) if is_guarded else None
        self._doomed = connection.needs_rollback
        # What the connection knows of already; all that comes after is the block's.
        self._blocks = len(self._connection.atomic_blocks)
        self._savepoints = len(connection.savepoint_ids)
        self._hooks = len(connection.run_on_commit)
        self._connection.atomic_blocks.append(self._atomic)
        self.has_begun = False
        self._watch()

    def stop(self) -> None:
        """Ends the watch, when nothing was asked of the database."""
        if not self.has_begun:
            self._unwatch()
            del self._connection.atomic_blocks[self._blocks :]

    def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.has_begun:
            if self._guard is not None:
                self._guard.lift()
            self._atomic.__exit__(kind, error, traceback)
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
            # There is nothing to commit, but functions may wait for it.
            connection.run_and_clear_commit_hooks()

    def _watch(self) -> None:
        self._outer = self._connection.__dict__.get("ensure_connection")
        self._connection.__dict__["ensure_connection"] = self._begin
        self._connection.in_atomic_block = True

    def _unwatch(self) -> None:
        if self._outer is None:
            del self._connection.__dict__["ensure_connection"]
        else:
            self._connection.__dict__["ensure_connection"] = self._outer
        self._connection.in_atomic_block = self._nested

    def _begin(self) -> None:
        connection = self._connection
        blocks, savepoints, hooks = connection.atomic_blocks, connection.savepoint_ids, connection.run_on_commit
        doomed = connection.needs_rollback
        self._unwatch()
        try:
            # To connect is to forget all three.
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
        if self._guard is not None and self._read_only and self._connection.vendor == "sqlite":
            self._enter_deferred()
        else:
            self._atomic.__enter__()
        if self._guard is not None:
            self._guard.stand()

    def _enter_deferred(self) -> None:
        # A project may have its transactions begin as writers (transaction_mode IMMEDIATE): one that reads need not
        # wait for those.
        mode, self._connection.transaction_mode = self._connection.transaction_mode, "DEFERRED"
        try:
            self._atomic.__enter__()
        finally:
            self._connection.transaction_mode = mode


def _can_begin(connection: BaseDatabaseWrapper) -> bool:
    """Whether a transaction is ours to begin: not where the project has turned autocommit off to see to them itself."""
    if connection.in_atomic_block:
        return True
    return bool(connection.settings_dict["AUTOCOMMIT"] if connection.connection is None else connection.autocommit)


def release_connections() -> bool:
    """Whether a connection of this thread is in a transaction. The others are closed, before the thread waits for long:
    each opens again when it is asked something.
    """
    in_use = [one for one in connections.all(initialized_only=True) if one.connection is not None]
    for connection in in_use:
        # Also where a LazyAtomic has not begun, which only looks like a transaction.
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
