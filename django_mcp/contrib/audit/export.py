"""The export of audited calls as CSV or JSON Lines, in bounded memory."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

from .models import Call

Format: TypeAlias = Literal["csv", "jsonl"]

CONTENT_TYPES: Final[dict[str, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}

COLUMNS: Final = tuple(field.attname for field in Call._meta.concrete_fields)
PAYLOADS: Final = ("arguments", "result")

PAGE: Final = 2000
"""Rows of one query. Each page begins after the last row of the page before, so no query skips rows."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula."""


class _Line:
    """A file that returns each line of the csv module."""

    def write(self, text: str) -> str:
        return text


def export(calls: Any, form: Format, *, payloads: bool = True) -> Iterator[str]:
    """The lines of an export, oldest first. `calls` is a queryset without an order or a slice."""
    columns = [name for name in COLUMNS if payloads or name not in PAYLOADS]
    rows = _rows(calls, columns)
    return _csv(rows, columns) if form == "csv" else _jsonl(rows)


def _rows(calls: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
    last = 0
    calls = calls.order_by("pk").values(*columns)
    while page := list(calls.filter(pk__gt=last)[:PAGE]):
        yield from page
        last = page[-1]["id"]


def _csv(rows: Iterable[dict[str, Any]], columns: list[str]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(name, value) for name, value in row.items()])


def _jsonl(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps({**row, "started_at": row["started_at"].isoformat()}) + "\n"


def _cell(name: str, value: Any) -> Any:
    if name in PAYLOADS:
        value = None if value is None else json.dumps(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        # Spreadsheets show the text without the apostrophe.
        return f"'{value}"
    return value.isoformat() if name == "started_at" else value
