"""The log of changes to a server's lists and resources. A change is written once, and read by every stream.

`sequence` numbers the changes of one server. Every function is synchronous.
"""

from functools import cache
from typing import Any, Final

from django.db import connections

from django_mcp.models import (
    EVERYBODY,
    Change,
    concerns,
)

from . import sweep
from .database import Computed, alias, insert_numbered

READ_LIMIT: Final = 200
"""The maximum number of changes per read: a stream that is far behind catches up in several steps."""

UPDATED: Final = "notifications/resources/updated"


def read_changes(server: str, after: int, principal: str) -> tuple[list[Change], int]:
    """The changes of a server after a number that concern this principal, and the number of the last change read."""
    rows = read_rows(server, after)
    return [row for row in rows if concerns(row.principal, principal)], rows[-1].sequence if rows else after


def read_rows(server: str, after: int) -> list[Change]:
    """The next changes of a server after a number, oldest first, at most READ_LIMIT."""
    rows = Change.objects.using(alias()).filter(server=server, sequence__gt=after)
    return list(rows.order_by("sequence")[:READ_LIMIT])


def last_change(server: str) -> int:
    """The number of a server's latest change; 0 when there is none."""
    database = alias()
    connection = connections[database]
    with connection.cursor() as cursor:
        cursor.execute(_last_change_sql(database, connection.vendor), (server,))
        (last,) = cursor.fetchone()
    number: int = last or 0
    return number


def position_after_last_change(server: str) -> Computed:
    """The position of a stream that hears only of changes to come (see events.Position)."""
    database = alias()
    return _position_sql(database, connections[database].vendor), (server,)


@cache
def _position_sql(database: str, vendor: str) -> str:
    last = f"COALESCE(({_last_change_sql(database, vendor)}), 0)"
    return f"CONCAT('0.', {last})" if vendor == "mysql" else f"'0.' || {last}"


@cache
def _last_change_sql(database: str, vendor: str) -> str:
    """Cached SQL for a database: the ORM takes eight times as long, and each new session needs it."""
    quote = connections[database].ops.quote_name
    return f"SELECT MAX({quote('sequence')}) FROM {quote(Change._meta.db_table)} WHERE {quote('server')} = %s"


def to_notification(change: Change) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": change.method}
    if change.uri:
        message["params"] = {"uri": change.uri}
    return message


def record_change(server: str, method: str, *, uri: str = "", principal: str = EVERYBODY) -> None:
    """Stores a change of a server."""

    def insert(sequence: int) -> None:
        Change.objects.using(alias()).create(
            server=server, sequence=sequence, method=method, uri=uri, principal=principal
        )

    insert_numbered(lambda: last_change(server), insert)
    sweep.consider()
