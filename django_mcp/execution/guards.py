"""What stands between a call and its database: a tool that reads cannot write, and a dry run cannot be kept.

A guard looks at the statements that go through Django's cursors, and has the database itself refuse where it can. It
cannot see what goes past the connection: another one that is opened by hand, or a thread of the tool's own. Nor does it
know what a function or procedure does outside of the transaction. For SQL that strangers write, give the project's
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
"""Undone with the transaction, but in MySQL, where it commits."""

READS: Final = {
    "sqlite": re.compile(rf"(?:{_READS}|PRAGMA)\b"),
    "": re.compile(rf"(?:{_READS})\b"),
}
"""Statements that a tool that reads only may begin. `WITH` and `EXPLAIN` may hide a change: that is the database's to
refuse.
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
"""Statements that a transaction undoes."""

_SAVEPOINT: Final = re.compile(r"(?:SAVEPOINT|RELEASE|ROLLBACK)\b")
_WRITES_FILES: Final = re.compile(r"\b(?:OUTFILE|DUMPFILE)\b", re.IGNORECASE)

_READ_PRAGMAS: Final = frozenset(
    {
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
    """A tool that says `read_only=True` wants to write."""


class CannotUndo(RuntimeError):
    """A dry run wants to do something that would outlive its transaction."""


class Guard:
    """An execute wrapper of one connection, from the first use of a transaction to its end.

    `savepoints` are those that stood before: a statement that names one would end what is not the call's.
    """

    def __init__(self, connection: Any, *, read_only: bool, is_nested: bool) -> None:
        self._connection = connection
        self._read_only = read_only
        self._is_nested = is_nested
        self._savepoints: frozenset[str] = frozenset()

    def stand(self) -> None:
        """Begins; the transaction has just begun."""
        connection = self._connection
        self._savepoints = frozenset(sid for sid in connection.savepoint_ids if sid)
        if self._read_only and connection.vendor == "postgresql":
            # A query and a setting in one: after its first query a transaction cannot be made writable any more.
            _say(connection, "SELECT set_config('transaction_read_only', 'on', true)")
        elif self._read_only and connection.vendor == "mysql" and not self._is_nested:
            # Within one that has begun, only the statements are looked at.
            _say(connection, "START TRANSACTION READ ONLY")
        connection.execute_wrappers.append(self)
        _authorize(connection)

    def lift(self) -> None:
        """Ends, before the transaction does."""
        self._connection.execute_wrappers.remove(self)
        _authorize(self._connection)

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
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
                f"A tool that says read_only=True wants to write: {text[:80]!r}. It may read, by one statement at a "
                "time. Declare it without read_only, or with atomic=False when what it writes is nobody's business (a "
                "cache, a counter)."
            )
        return CannotUndo(
            f"A dry run could not undo this: {text[:80]!r}. Have the tool take the argument dry_run, and leave it out."
        )

    def authorizes(self, action: int, name: str | None) -> bool:
        """Whether SQLite may do what a statement comes to."""
        if action == sqlite3.SQLITE_PRAGMA:
            return str(name).lower() in _READ_PRAGMAS
        if action == sqlite3.SQLITE_SAVEPOINT:
            return True
        return action in _READ_ACTIONS if self._read_only else action not in _LASTING_ACTIONS


def _authorize(connection: Any) -> None:
    """Has SQLite ask the guards that stand. Python cannot tell whether the project had an authorizer of its own, which
    goes.
    """
    if connection.vendor != "sqlite" or connection.connection is None:
        return
    guards = [wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Guard)]

    def authorize(action: int, name: str | None, *_: object) -> int:
        return sqlite3.SQLITE_OK if all(guard.authorizes(action, name) for guard in guards) else sqlite3.SQLITE_DENY

    connection.connection.set_authorizer(authorize if guards else None)


def _say(connection: Any, statement: str) -> None:
    # Past the wrappers, and past Django's refusal to go on where a savepoint has failed: the statement is ours.
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement)
