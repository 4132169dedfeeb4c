"""The order of a list's rows: never left to the database, which gives equal rows another one at each page."""

from typing import Any

from django.db import models


def in_full_order(rows: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
    """The rows in their own order, and those that it holds equal by their keys."""
    if not rows.ordered:
        return rows.order_by("pk")
    query = rows.query
    if query.is_sliced or query.combinator or query.extra_order_by:
        return rows
    order = query.order_by or query.get_meta().ordering or ("pk",)
    # In the direction of the last column, so that an index on it still sorts the rows: it ends with the keys.
    return rows.order_by(*order, "-pk" if _is_descending(order[-1]) else "pk")


def _is_descending(column: Any) -> bool:
    if isinstance(column, str):
        return column.startswith("-")
    return bool(getattr(column, "descending", False))
