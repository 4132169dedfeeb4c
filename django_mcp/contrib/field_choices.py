"""The choices of model fields: those in the schema, their labels, and the choices that are close to an invalid
value.
"""

import difflib
from collections.abc import Callable
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.choices import CallableChoiceIterator, flatten_choices

CHOICES_LIMIT: Final = 50
"""The maximum number of choices in a schema: more would enlarge every tool that uses the field."""


def has_choices(field: Any) -> bool:
    """Whether a field has choices, or a function that returns them."""
    return bool(field.choices) if not is_asked(field) else True


def is_asked(field: Any) -> bool:
    """Whether a function returns the choices. It may query the database, so it is called with each call, not at
    start-up.
    """
    return isinstance(field.choices, CallableChoiceIterator)


def _pairs(field: Any) -> list[Any]:
    # Not `flatchoices`, which is None for django-countries.
    return list(flatten_choices(field.choices or ()))


def values_of(field: Any) -> list[Any]:
    """The values of a field's choices."""
    values = [value for value, _ in _pairs(field) if value is not None]
    blank = [""] if field.blank and field.empty_strings_allowed and "" not in values else []
    return [*values, *blank]


def holds_several(field: Any, values: list[Any]) -> bool:
    """Whether a text column holds several choices, separated by commas, as fields of some packages do."""
    text = [value for value in values if isinstance(value, str) and value]
    try:
        return bool(text) and (bool(getattr(field, "multiple", False)) or isinstance(field.to_python(text[0]), list))
    except (TypeError, ValueError, ValidationError):
        return False


def one_of(field: Any) -> Callable[[Any], Any]:
    """A validator that suggests the choices closest to an invalid value, so that a client can find the right one."""

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
    """The choices with their labels, if those say more; only the first if there are too many."""
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
