"""Secret parameters: those whose annotation says so, and those of Django's `sensitive_variables`.

Observers that keep arguments leave their values out. Clients see no difference.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, get_args, get_type_hints

from django.views.decorators.debug import coroutine_functions_to_sensitive_variables
from pydantic import BaseModel

ALL: Final = frozenset({"*"})
"""All parameters are secret: `@sensitive_variables()` without names."""


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks a parameter, or a field of a parameter's model, as secret: `password: Annotated[str, Sensitive()]`."""


def sensitive_names(function: Callable[..., Any], hints: dict[str, Any]) -> frozenset[str]:
    """The names of a function's secret parameters and of their secret fields; `ALL` when all are."""
    decorated = _decorated(function)
    if decorated == "__ALL__":
        return ALL
    return frozenset(decorated) | {found for name, hint in hints.items() for found in _marked(name, hint, set())}


def _marked(name: str, hint: Any, seen: set[Any]) -> Iterator[str]:
    """The name, if its annotation is marked, and those of marked fields within."""
    extras = getattr(hint, "__metadata__", ())
    if any(isinstance(extra, Sensitive) or extra is Sensitive for extra in extras):
        yield from {name, *_aliases(extras)}
    for inner in (*get_args(hint), *([hint] if isinstance(hint, type) else [])):
        if isinstance(inner, type) and inner not in seen:
            seen.add(inner)
            for field, annotation in _fields(inner):
                yield from _marked(field, annotation, seen)
        elif get_args(inner) and not isinstance(inner, type):
            yield from _marked(name, inner, seen)


def _aliases(extras: tuple[Any, ...]) -> set[str]:
    found = {getattr(extra, key, None) for extra in extras for key in ("alias", "validation_alias")}
    return {alias for alias in found if isinstance(alias, str)}


def _fields(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a model, dataclass or typed dictionary, with annotations that have their marks."""
    if issubclass(cls, BaseModel):
        for name, field in cls.model_fields.items():
            marks = [extra for extra in field.metadata if isinstance(extra, Sensitive) or extra is Sensitive]
            for each in {name, field.alias or name}:
                yield each, _Annotation(field.annotation, tuple(marks))
    elif dataclasses.is_dataclass(cls) or hasattr(cls, "__total__"):
        try:
            yield from get_type_hints(cls, include_extras=True).items()
        except NameError:  # A name that only a type checker knows: pydantic has its own error for it.
            return


class _Annotation:
    """A field's type and its marks: pydantic keeps them apart."""

    def __init__(self, hint: Any, marks: tuple[Any, ...]) -> None:
        self.__metadata__ = marks
        self.__args__ = (hint,)
        self.__origin__ = hint


def _decorated(function: Callable[..., Any]) -> Any:
    """The names that `sensitive_variables` was given around a function; "__ALL__" for all."""
    while isinstance(function, partial):
        function = function.func
    found: list[str] = []
    inner: Any = getattr(function, "__func__", function)
    while inner is not None:
        names = _names_of(inner)
        if names == "__ALL__":
            return names
        found += names
        inner = getattr(inner, "__wrapped__", None)
    return found


def _names_of(function: Any) -> Any:
    # From Python 3.12 on, objects can be marked as coroutine functions: asgiref's are, and have no code.
    if inspect.iscoroutinefunction(function) and inspect.isfunction(function):
        key = hash(f"{inspect.getfile(function)}:{function.__code__.co_firstlineno}")
        return coroutine_functions_to_sensitive_variables.get(key, ())
    code = getattr(function, "__code__", None)
    if code is None or code.co_name != "sensitive_variables_wrapper":
        return ()
    # Django notes the names on the wrapper when it runs, and a refused call runs nothing.
    names = inspect.getclosurevars(function).nonlocals.get("variables", ())
    return names or "__ALL__"
