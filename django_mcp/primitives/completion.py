"""Completion: functions that suggest values for a prompt's arguments and a resource template's variables."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.core.exceptions import ImproperlyConfigured

from .context import Context
from .signatures import is_async


@dataclass(frozen=True, slots=True)
class Completer:
    """A function that suggests values. It takes the text so far, and optionally `arguments` (those already filled in)
    and `ctx`, by name.
    """

    function: Callable[..., Iterable[str]]
    is_async: bool
    wanted: frozenset[str]

    def bind(self, value: str, arguments: Mapping[str, str], context: Context) -> tuple[tuple[str], dict[str, Any]]:
        offered = {"arguments": arguments, "ctx": context}
        return (value,), {name: offered[name] for name in self.wanted}


Completers: TypeAlias = Mapping[str, Completer]


def read_completers(
    functions: Mapping[str, Callable[..., Any]] | None, names: tuple[str, ...], label: str
) -> Completers:
    """The completers of a primitive's arguments. Raises `ImproperlyConfigured` for an argument that does not exist."""
    completers = {}
    for name, function in (functions or {}).items():
        if name not in names:
            raise ImproperlyConfigured(f"{label}: complete= names {name!r}, and the arguments are {list(names)}.")
        parameters = list(inspect.signature(function).parameters)
        wanted = parameters[1:]
        if not parameters or set(wanted) - {"arguments", "ctx"}:
            raise ImproperlyConfigured(
                f"{label}: a completer takes the value, then 'arguments' and 'ctx' if it wants them, not {parameters}."
            )
        completers[name] = Completer(function, is_async(function), frozenset(wanted))
    return completers
