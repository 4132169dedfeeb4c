"""The database of the package's tables, and the insertion of rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeAlias

from django.db import IntegrityError, connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL

from django_mcp.models import Session

Computed: TypeAlias = tuple[str, tuple[Any, ...]]
"""An SQL expression and its parameters."""

PLAIN_INSERT: Final = frozenset({"sqlite", "postgresql", "mysql"})
"""The vendors whose INSERT is written here. Django's `save()` writes that of the others (Oracle)."""


def alias() -> str:
    """The alias of the database that sessions are written to. They are read from it too, because a replica may not have
    a session yet.
    """
    return router.db_for_write(Session)


def insert(model: type[models.Model], values: Mapping[str, Any], **computed: Computed) -> Any:
    """Inserts a row with these values, each by the name of its field's attribute (`user_id`), and returns its primary
    key. The SQL is written once: `save()` costs twice as much. The database computes the values in `computed`.

    It sends no `pre_save` and `post_save`. Raises IntegrityError, after which a transaction around it can go on.
    """
    database = alias()
    connection = connections[database]
    if connection.vendor not in PLAIN_INSERT:
        expressions = {name: RawSQL(expression, parameters) for name, (expression, parameters) in computed.items()}
        row = model(**values, **expressions)
        with transaction.atomic(using=database):
            row.save(using=database, force_insert=True)
        return row.pk
    names = tuple((name, expression) for name, (expression, _) in computed.items())
    sql, fields, returns_key = _insert_sql(database, connection.vendor, model, names)
    parameters = [_to_parameter(field, values, connection) for field in fields]
    for _, of_expression in computed.values():
        parameters += of_expression
    # A single statement needs no transaction of its own; inside another one, it needs a savepoint.
    savepoint = transaction.atomic(using=database) if connection.in_atomic_block else nullcontext()
    with savepoint, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        # SQLite ends the statement when all of its rows have been read.
        return cursor.fetchall()[0][0] if returns_key else cursor.lastrowid


def _to_parameter(field: "models.Field[Any, Any]", values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> Any:
    value = values[field.attname] if field.attname in values else field.get_default()
    # Most values are text or times, of which the field's own method makes the same in ten steps.
    if type(value) is str and isinstance(field, models.CharField):
        return value
    if type(value) is datetime and isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value(value)
    return field.get_db_prep_save(value, connection)


@cache
def _insert_sql(
    database: str, vendor: str, model: type[models.Model], computed: tuple[tuple[str, str], ...]
) -> tuple[str, tuple["models.Field[Any, Any]", ...], bool]:
    """The INSERT of a model, the fields of its parameters in order, and whether the database returns the key. Fields
    that are `computed`, each by an expression, come last.
    """
    connection = connections[database]
    quote = connection.ops.quote_name
    by_name = {field.name: field for field in model._meta.local_concrete_fields if not field.primary_key}
    last = [by_name.pop(name) for name, _ in computed]
    fields = tuple(by_name.values())
    columns = ", ".join(quote(str(field.column)) for field in (*fields, *last))
    places = ", ".join([*("%s" for _ in fields), *(expression for _, expression in computed)])
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"
    returns_key: bool = connection.features.can_return_columns_from_insert
    returning = f" RETURNING {quote(str(model._meta.pk.column))}" if returns_key else ""
    return sql + returning, fields, returns_key


def delete_in_order(rows: models.QuerySet[Any]) -> tuple[int, dict[str, int]]:
    """Deletes these rows, locked in the order of their keys, and returns the counts of Django's `delete()`. Two that
    delete the same rows in different orders would be a deadlock.
    """
    database = router.db_for_write(rows.model)
    rows = rows.using(database).only("pk")
    if not connections[database].features.has_select_for_update:
        # SQLite has one writer at a time.
        return rows.delete()
    with transaction.atomic(using=database):
        list(rows.select_for_update().order_by("pk").values_list("pk"))
        return rows.delete()


def insert_numbered(read_last: Callable[[], int], insert: Callable[[int], object]) -> int:
    """Inserts a row with the number after `read_last()`, and returns this number.

    When two writers choose the same number, the database accepts only one row, and the other writer tries the next
    number. So a number exists only after the number below it was committed, and no reader can miss a row that appears
    late.
    """
    while True:
        number = read_last() + 1
        try:
            with transaction.atomic(using=alias()):
                insert(number)
            return number
        except IntegrityError:
            if read_last() < number:
                raise


def batches(rows: models.QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """The first `size` of these rows, repeatedly until there are none: the caller must change each batch so that the
    queryset does not find it again.
    """
    while batch := list(rows[:size]):
        yield batch
