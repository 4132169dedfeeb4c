"""The choices of model fields: which are listed in a schema, what they mean, and those near to a value that is none."""

import difflib
from collections.abc import Callable
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.choices import CallableChoiceIterator, flatten_choices

CHOICES_LIMIT: Final = 50
"""Choices that a schema lists: more would fill every tool that names the field."""


def has_choices(field: Any) -> bool:
    """Whether a field has choices, or a function that knows them."""
    return bool(field.choices) if not is_asked(field) else True


def is_asked(field: Any) -> bool:
    """Whether the choices are a function's, which may go to the database: it is asked at a call, not at start-up."""
    return isinstance(field.choices, CallableChoiceIterator)


def _pairs(field: Any) -> list[Any]:
    # Not `flatchoices`, which django-countries answers with None.
    return list(flatten_choices(field.choices or ()))


def values_of(field: Any) -> list[Any]:
    """The values that a field can have."""
    values = [value for value, _ in _pairs(field) if value is not None]
    blank = [""] if field.blank and field.empty_strings_allowed and "" not in values else []
    return [*values, *blank]


def holds_several(field: Any, values: list[Any]) -> bool:
    """Whether a column of text holds several choices at once, as some packages' fields do, with commas between."""
    text = [value for value in values if isinstance(value, str) and value]
    try:
        return bool(text) and (bool(getattr(field, "multiple", False)) or isinstance(field.to_python(text[0]), list))
    except (TypeError, ValueError, ValidationError):
        return False


def one_of(field: Any) -> Callable[[Any], Any]:
    """A validator that names the choices nearest to a value that is none: how a client looks one up."""

    def check(value: Any) -> Any:
        labels = {str(choice): str(label) for choice, label in _pairs(field)}
        parts = str(value).split(",") if holds_several(field, list(labels)) else [str(value)]
        if labels.keys() >= set(parts) or (value == "" and field.blank):
            return value
        part = str(value).lower()
        near = [choice for choice, label in labels.items() if part in choice.lower() or part in label.lower()]
        near = (near or difflib.get_close_matches(str(value), labels, 5, 0.5))[:10]
        raise ValueError(f"{str(value)!r} is none of the {len(labels)} choices; near: {', '.join(near) or 'none'}")

    return check


def describe_choices(field: Any) -> str:
    """The choices and their labels, where those say more; of too many, the first."""
    if not field.choices:
        return ""
    if is_asked(field):
        return "one of a list of choices; a wrong one is answered with those near it"
    pairs = [(value, str(label)) for value, label in _pairs(field) if value not in (None, "")]
    if len(pairs) > CHOICES_LIMIT:
        some = ", ".join(f"{value} ({label})" if _says_more(value, label) else str(value) for value, label in pairs[:3])
        return f"one of {len(pairs)} choices, such as {some}; a wrong one is answered with those near it"
    return "; ".join(f"{value}: {label}" for value, label in pairs if _says_more(value, label))


def _says_more(value: Any, label: str) -> bool:
    return str(value).lower().replace("_", " ") != label.lower().replace("_", " ")
