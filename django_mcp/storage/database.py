"""The database of the package's tables, and the insertion of rows with gapless numbers."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import IntegrityError, models, router, transaction

from django_mcp.models import Session


def alias() -> str:
    """The alias of the database that sessions are written to. They are read from it too, because a replica may not have
    a session yet.
    """
    return router.db_for_write(Session)


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
