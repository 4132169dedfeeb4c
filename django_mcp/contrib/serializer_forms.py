"""DRF serializers as forms that a client shows its user: `ctx.elicit("Your address?",
SerializerForm(AddressSerializer))`.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from django_mcp.drf.schemas import LIMITS, TYPES
from django_mcp.primitives.elicitation_forms import InvalidAnswer
from django_mcp.primitives.schemas import Schema


class SerializerForm:
    """A serializer as a form; the answer becomes its validated data.

    Raises `TypeError` for a serializer with a field that a form cannot have, such as a nested serializer. Read-only and
    hidden fields are left out.
    """

    def __init__(self, serializer_class: type[serializers.Serializer[Any]], **context: Any) -> None:
        self._serializer_class = serializer_class
        self._context = context
        fields = serializer_class(context=context).fields
        shown = {name: field for name, field in fields.items() if not _is_left_out(field)}
        required = [name for name, field in shown.items() if field.required]
        self.schema: Schema = {
            "type": "object",
            "properties": {name: _property(name, field) for name, field in shown.items()},
            **({"required": required} if required else {}),
        }

    def read(self, content: Mapping[str, Any]) -> Any:
        """The validated data. Raises `InvalidAnswer`."""
        serializer = self._serializer_class(data=dict(content), context=self._context)
        if not serializer.is_valid():
            problems = (f"{name}: {' '.join(map(str, errors))}" for name, errors in serializer.errors.items())
            raise InvalidAnswer("; ".join(problems))
        return serializer.validated_data


def _is_left_out(field: Any) -> bool:
    return bool(field.read_only) or isinstance(field, serializers.HiddenField)


def _property(name: str, field: Any) -> Schema:
    entry: Schema = {**_type(name, field), "title": str(field.label or name)}
    if field.help_text:
        entry["description"] = str(field.help_text)
    for attribute, keyword in LIMITS.items():
        limit = getattr(field, attribute, None)
        if limit is not None:
            entry[keyword] = float(limit) if isinstance(field, serializers.DecimalField) else limit
    if isinstance(field.default, str | int | float | bool):
        entry["default"] = field.default
    return entry


def _type(name: str, field: Any) -> Schema:
    if isinstance(field, serializers.MultipleChoiceField):
        return {"type": "array", "items": {"anyOf": _choices(field)}}
    if isinstance(field, serializers.ChoiceField):
        return {"type": "string", "oneOf": _choices(field)}
    for kind, schema in TYPES:
        if isinstance(field, kind):
            return dict(schema)
    raise TypeError(
        f"A form holds text, numbers, booleans and choices; {name} ({type(field).__name__}) is none of those."
    )


def _choices(field: Any) -> list[dict[str, str]]:
    return [{"const": str(value), "title": str(title)} for value, title in field.choices.items()]
