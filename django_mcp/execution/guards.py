"""Guards: a read-only tool cannot write, and a dry run cannot make lasting changes.

A guard checks the statements that go through Django's cursors, and makes the database itself refuse where it can. It
does not see other connections, such as one that a tool opens by hand or in a thread of its own. Nor does it know what a
database function or procedure does outside of the transaction. For SQL written by untrusted people, give the project's
connection a role without rights.
"""

import re
import sqlite3
from contextlib import closing
from typing import Any, Final

from .statements import head_of, text_of

_READS: Final = (
    "SELECT|WITH|VALUES|TABLE|EXPLAIN|SHOW|DESC|DESCRIBE|SAVEPOINT|RELEASE|ROLLBACK TO|ROLLBACK WORK TO"
    "|ROLLBACK TRANSACTION TO"
)
_CHANGES: Final = "|INSERT|UPDATE|DELETE|REPLACE|MERGE"
_DDL: Final = "|CREATE|ALTER|DROP|TRUNCATE"
"""Rolled back with the transaction, except in MySQL, where it commits."""

READS: Final = {
    "sqlite": re.compile(rf"(?:{_READS}|PRAGMA)\b"),
    "": re.compile(rf"(?:{_READS})\b"),
}
"""The statements with which a read-only tool may begin. `WITH` and `EXPLAIN` may contain a write, which the database
must refuse.
"""

UNDONE: Final = {
    "sqlite": re.compile(rf"(?:{_READS}{_CHANGES}{_DDL}|PRAGMA)\b"),
    "mysql": re.compile(rf"(?:{_READS}{_CHANGES})\b"),
    "postgresql": re.compile(
        rf"(?:{_READS}{_CHANGES}{_DDL}|SET LOCAL|SET CONSTRAINTS|LOCK|NOTIFY|DO|CALL|COMMENT|GRANT|REVOKE|REFRESH"
        r"|ANALYZE)\b"
    ),
    "": re.compile(rf"(?:{_READS}{_CHANGES})\b"),
}
"""The statements that a rollback undoes."""

_SAVEPOINT: Final = re.compile(r"(?:SAVEPOINT|RELEASE|ROLLBACK)\b")
_WRITES_FILES: Final = re.compile(r"\b(?:OUTFILE|DUMPFILE)\b", re.IGNORECASE)

_READ_PRAGMAS: Final = frozenset(
    {
        "data_version",
        "database_list",
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
_READ_ACTIONS: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_LASTING_ACTIONS: Final = frozenset({sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


class WroteInReadOnly(RuntimeError):
    """A tool with `read_only=True` tried to write."""


class CannotUndo(RuntimeError):
    """A dry run tried to do something that a rollback would not undo."""


class Guard:
    """An execute wrapper of a connection, from the first use of a transaction to its end.

    `savepoints` are those that existed before: a statement that names one could end a savepoint that is not the call's.
    """

    def __init__(self, connection: Any, *, read_only: bool, is_nested: bool) -> None:
        self._connection = connection
        self._read_only = read_only
        self._is_nested = is_nested
        self._savepoints: frozenset[str] = frozenset()

    def start(self) -> None:
        """Starts to guard; the transaction has just begun."""
        connection = self._connection
        self._savepoints = frozenset(sid for sid in connection.savepoint_ids if sid)
        if self._read_only and connection.vendor == "postgresql":
            if not _began_read_only(connection.connection):
                # A query: after its first one, a PostgreSQL transaction cannot be made writable any more.
                _execute(connection, "SELECT set_config('transaction_read_only', 'on', true)")
        elif self._read_only and connection.vendor == "mysql" and not self._is_nested:
            # Inside an existing transaction, only the statements are checked.
            _execute(connection, "START TRANSACTION READ ONLY")
        connection.execute_wrappers.append(self)
        _authorize(connection)

    def stop(self) -> None:
        """Stops guarding, just before the transaction ends."""
        self._connection.execute_wrappers.remove(self)
        _authorize(self._connection)

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        # django-tenants chooses the tenant's schema so, as it hands out a cursor: the statement is none of the tool's.
        if getattr(self._connection, "_setting_search_path", False):
            return execute(sql, params, many, context)
        text = text_of(sql, self._connection)
        if not self._permits(text):
            raise self._refusal(text)
        return execute(sql, params, many, context)

    def _permits(self, text: str) -> bool:
        vendor = self._connection.vendor
        patterns = READS if self._read_only else UNDONE
        head = head_of(text, vendor)
        if not patterns.get(vendor, patterns[""]).match(head):
            return False
        if vendor == "mysql" and _WRITES_FILES.search(text):
            return False
        return not (_SAVEPOINT.match(head) and text.rstrip("; \n").split()[-1].strip("\"`'") in self._savepoints)

    def _refusal(self, text: str) -> Exception:
        if self._read_only:
            return WroteInReadOnly(
                f"A tool with read_only=True tried to write: {text[:80]!r}. It may run single statements that read. "
                "Declare it without read_only, or with atomic=False if it writes only for itself (a cache, a counter)."
            )
        return CannotUndo(
            f"A dry run could not undo this: {text[:80]!r}. Give the tool an argument dry_run, and "
            "skip this statement in a dry run."
        )

    def authorizes(self, action: int, name: str | None) -> bool:
        """Whether SQLite may perform an action of a statement."""
        if action == sqlite3.SQLITE_PRAGMA:
            return str(name).lower() in _READ_PRAGMAS
        if action == sqlite3.SQLITE_SAVEPOINT:
            return True
        if action == sqlite3.SQLITE_UPDATE and name == "sqlite_master":
            # SQLite asks this when it first opens a virtual table, such as one of full-text search. No statement can
            # write there.
            return True
        return action in _READ_ACTIONS if self._read_only else action not in _LASTING_ACTIONS


def _began_read_only(driver: Any) -> bool:
    """Begins a read-only transaction and asks its first query in one round trip, if the driver is psycopg 3, has sent
    no BEGIN yet, and need not say more in it. False if the caller must make the transaction read-only.
    """
    if not hasattr(driver, "pgconn"):
        return False
    from psycopg import pq

    options = (driver.isolation_level, driver.read_only, driver.deferrable)
    if driver.info.transaction_status != pq.TransactionStatus.IDLE or any(option is not None for option in options):
        return False
    return bool(driver.pgconn.exec_(b"BEGIN READ ONLY; SELECT 1").status == pq.ExecStatus.TUPLES_OK)


def _authorize(connection: Any) -> None:
    """Makes SQLite ask the connection's guards. An authorizer that the project has set is lost, because Python cannot
    read it.
    """
    if connection.vendor != "sqlite" or connection.connection is None or connection.closed_in_transaction:
        return
    guards = [wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Guard)]

    def authorize(action: int, name: str | None, *_: object) -> int:
        return sqlite3.SQLITE_OK if all(guard.authorizes(action, name) for guard in guards) else sqlite3.SQLITE_DENY

    connection.connection.set_authorizer(authorize if guards else None)


def _execute(connection: Any, statement: str) -> None:
    # Bypasses the wrappers, and Django's check for a broken transaction: the statement is the package's own.
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement)
