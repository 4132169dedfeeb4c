"""The database that holds the package's tables, and rows that are numbered without gaps."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import IntegrityError, models, router, transaction

from django_mcp.models import Session


def alias() -> str:
    """The alias of the database that sessions are written to. They are read there too: a replica may not know a session
    yet.
    """
    return router.db_for_write(Session)


def insert_numbered(read_last: Callable[[], int], insert: Callable[[int], object]) -> int:
    """Inserts a row under the number after `read_last()`, and returns that number.

    When two writers choose the same number, the database lets one of them have it, and the other chooses again. So a
    number can only be taken when the one below it has been committed, and no reader passes over a row that appears
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
    """The first `size` of these rows, again and again until there are none: the caller changes each batch so that the
    queryset no longer finds it.
    """
    while batch := list(rows[:size]):
        yield batch
