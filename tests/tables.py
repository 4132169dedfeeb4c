"""Tests that are a table: one rule, and rows of what goes in and what comes out."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any

import pytest
from django.db import transaction

PARAM = type(pytest.param())


def cases(
    names: str | tuple[str, ...], rows: Iterable[Any], *, undone: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test once for each row, as `parametrize` does, but as one test: for rules that leave nothing behind, where
    making a test costs more than running it. Every row is tried, and each that fails is named.

    All rows have the same fixtures. The log of a row is forgotten before the next one. With `undone`, so is all that it
    writes to the database: the session, too, of a client of the fixtures that is first used in a row.
    """
    names = (names,) if isinstance(names, str) else names
    table = [_row(names, row) for row in rows]
    if not table:
        raise ValueError("A table with no rows would pass whatever happens")

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        if inspect.iscoroutinefunction(test):
            raise TypeError("The rows of a table run one after another, without an event loop")

        @wraps(test)
        def each(**fixtures: Any) -> None:
            around = _undone if undone else nullcontext
            failed = [error for name, row in table if (error := _error_of(test, name, row | fixtures, around))]
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(table)} rows failed", failed)

        each.__signature__ = _without(names, test)  # type: ignore[attr-defined]
        return each

    return decorate


def _row(names: tuple[str, ...], row: Any) -> tuple[str, dict[str, Any]]:
    """How a row is called, and its arguments; it may be a `pytest.param` with an id."""
    values, name = (row.values, row.id) if isinstance(row, PARAM) else (row if len(names) > 1 else (row,), None)
    arguments = dict(zip(names, values, strict=True))
    return name or f"{arguments!r:.500}", arguments


def _error_of(
    test: Callable[..., None], name: str, arguments: dict[str, Any], around: Callable[[], Any]
) -> BaseException | None:
    try:
        with around():
            test(**arguments)
    except (Exception, pytest.fail.Exception) as error:
        error.add_note(f"The row: {name}")
        return error
    finally:
        if "caplog" in arguments:
            arguments["caplog"].clear()
    return None


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _without(names: tuple[str, ...], test: Callable[..., None]) -> inspect.Signature:
    """The signature that is left for pytest to fill in with fixtures."""
    signature = inspect.signature(test)
    return signature.replace(parameters=[each for name, each in signature.parameters.items() if name not in names])
