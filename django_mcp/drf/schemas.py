"""DRF serializers as JSON Schemas: of their input (without read-only fields) and of their output (without write-only
fields), nested serializers included.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, get_type_hints

from django.db import models
from pydantic import PydanticUserError, TypeAdapter
from rest_framework import relations, serializers
from rest_framework.settings import api_settings

from django_mcp.exceptions import Unreadable
from django_mcp.primitives.context import Context
from django_mcp.primitives.schemas import Schema, describe

from .requests import request_of

Mode: TypeAlias = Literal["input", "output"]

TYPES: Final[tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], Schema], ...]] = (
    (serializers.BooleanField, {"type": "boolean"}),
    (serializers.IntegerField, {"type": "integer"}),
    (serializers.FloatField, {"type": "number"}),
    (serializers.DecimalField, {"type": "number"}),
    (serializers.EmailField, {"type": "string", "format": "email"}),
    (serializers.URLField, {"type": "string", "format": "uri"}),
    (serializers.DateTimeField, {"type": "string", "format": "date-time"}),
    (serializers.DateField, {"type": "string", "format": "date"}),
    (serializers.TimeField, {"type": "string", "format": "time"}),
    (serializers.DurationField, {"type": "string"}),
    (serializers.UUIDField, {"type": "string", "format": "uuid"}),
    (serializers.CharField, {"type": "string"}),
    (serializers.IPAddressField, {"type": "string"}),
    (relations.HyperlinkedRelatedField, {"type": "string", "format": "uri"}),
    (relations.HyperlinkedIdentityField, {"type": "string", "format": "uri"}),
    (relations.SlugRelatedField, {"type": "string"}),
    (relations.StringRelatedField, {"type": "string"}),
)
"""The classes of scalar fields, subclasses before their base classes."""

_NAMES: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}

LIMITS: Final = {"min_value": "minimum", "max_value": "maximum", "min_length": "minLength", "max_length": "maxLength"}

CHOICES_LISTED: Final = 50
"""Above this, a schema has only the number of choices and some examples: a model reads each choice, for every such
field.
"""

_KEYS: "Final[tuple[tuple[type[models.Field[Any, Any]], Schema], ...]]" = (
    (models.IntegerField, {"type": "integer"}),
    (models.UUIDField, {"type": "string", "format": "uuid"}),
    (models.CharField, {"type": "string"}),
)


def schema_of(serializer: Any, mode: Mode) -> Schema:
    """The schema of a serializer's data, or of a list of them (`many=True`). Raises `Unreadable`."""
    if isinstance(serializer, serializers.ListSerializer):
        return {"type": "array", "items": schema_of(serializer.child, mode)}
    properties = properties_of(serializer, mode)
    required = [name for name in properties if serializer.fields[name].required] if mode == "input" else []
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def properties_of(serializer: Any, mode: Mode, *, partial: bool = False) -> dict[str, Schema]:
    """The schemas of a serializer's fields, by name. Leaves out an optional field that JSON cannot fill, such as a
    file. Raises `Unreadable` for a required one; with `partial`, no field is required.
    """
    found = {}
    for name, field in fields_of(serializer, mode).items():
        try:
            found[name] = property_of(field, mode)
        except Unreadable:
            if field.required and not partial:
                raise
    return found


def fields_of(serializer: Any, mode: Mode) -> dict[str, Any]:
    """The input fields or the output fields of a serializer, by name."""
    return {
        name: field
        for name, field in serializer.fields.items()
        if not isinstance(field, serializers.HiddenField)
        and not (field.read_only if mode == "input" else field.write_only)
    }


def property_of(field: Any, mode: Mode) -> Schema:
    """The schema of one field, with its limits, help text and default."""
    schema = _type(field, mode)
    if schema.get("type") != "string" or not isinstance(field, serializers.DecimalField):
        schema |= _limits(field)
    if field.allow_null:
        schema = _or_null(schema)
    if texts := [text for text in (str(field.help_text or ""), schema.get("description", "")) if text]:
        schema["description"] = joined(texts)
    if mode == "input" and isinstance(field.default, str | int | float | bool):
        schema["default"] = field.default
    return schema


def choices_schema(choices: Sequence[tuple[Any, Any]]) -> Schema:
    """The schema of a choice: the values, and a description with the labels of values that need one ("1: Open")."""
    values = [value for value, _ in choices]
    pairs = [(value, str(label)) for value, label in choices if value not in (None, "")]
    if len(pairs) <= CHOICES_LISTED:
        text = "; ".join(f"{value}: {label}" for value, label in pairs if _says_more(value, label))
        return {"enum": values, **({"description": text} if text else {})}
    some = ", ".join(f"{value} ({label})" if _says_more(value, label) else str(value) for value, label in pairs[:3])
    kinds = {_NAMES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "description": f"One of {len(pairs)} choices, such as {some}"}


def request_context(ctx: Context) -> dict[str, Any]:
    """The context of a serializer in a call, as a view passes it: DRF's `request`, with the user and the credential,
    and `ctx`.
    """
    return {"request": request_of(ctx.caller), "ctx": ctx}


def joined(texts: Sequence[str]) -> str:
    """The texts as one; each but the last ends with a full stop."""
    return " ".join([*(f"{text.rstrip('.')}." for text in texts[:-1]), texts[-1]])


def _type(field: Any, mode: Mode) -> Schema:
    match field:
        case serializers.BaseSerializer() if hasattr(field, "fields") or hasattr(field, "child"):
            return schema_of(field, mode)
        case relations.ManyRelatedField():
            return {"type": "array", "items": property_of(field.child_relation, mode)}
        case relations.PrimaryKeyRelatedField():
            return _key(field)
        case serializers.MultipleChoiceField():
            return {"type": "array", "items": choices_schema(_choices(field))}
        case serializers.ChoiceField():
            blank = [("", "")] if mode == "input" and field.allow_blank and "" not in field.choices else []
            return choices_schema([*_choices(field), *blank])
        case serializers.ListField():
            return {"type": "array", "items": property_of(field.child, mode)}
        case serializers.DictField():
            return {"type": "object", "additionalProperties": property_of(field.child, mode)}
        case serializers.SerializerMethodField():
            return _returned(field)
        case serializers.FileField():
            if mode == "input":
                name = field.field_name or field.parent.field_name
                raise Unreadable(
                    f"{name} takes a file, which no JSON holds. "
                    "Use a serializer without it, or with required=False for it"
                )
            return {"type": "string", "format": "uri"}
        case serializers.DecimalField() if mode == "output" and _is_written_as_text(field):
            return {"type": "string"}
    return next((dict(schema) for kind, schema in TYPES if isinstance(field, kind)), {})


def _choices(field: Any) -> list[tuple[Any, Any]]:
    return list(field.choices.items())


def _says_more(value: Any, label: str) -> bool:
    return str(value).lower().replace("_", " ") != label.lower().replace("_", " ")


def _key(field: Any) -> Schema:
    if field.pk_field is not None:
        return property_of(field.pk_field, "input")
    model = getattr(field.get_queryset(), "model", None)
    key = model._meta.pk if model is not None else None
    return next((dict(schema) for kind, schema in _KEYS if isinstance(key, kind)), {})


def _returned(field: Any) -> Schema:
    """The schema of a `SerializerMethodField`: its method's return annotation; any value when there is none."""
    try:
        hints = get_type_hints(getattr(field.parent, field.method_name))
        return describe(TypeAdapter(hints["return"]), "serialization")
    except (KeyError, NameError, AttributeError, PydanticUserError):
        return {}


def _is_written_as_text(field: Any) -> bool:
    return bool(getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING))


def _limits(field: Any) -> Schema:
    limits: Schema = {}
    for attribute, keyword in LIMITS.items():
        limit = getattr(field, attribute, None)
        if limit is not None and not isinstance(field, serializers.DurationField):
            keyword = keyword.replace("Length", "Items") if isinstance(field, serializers.ListField) else keyword
            limits[keyword] = float(limit) if isinstance(field, serializers.DecimalField) else limit
    return limits


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    plain = {key: value for key, value in schema.items() if key != "description"}
    if not plain:
        return schema
    beside = {"description": schema["description"]} if "description" in schema else {}
    return {"anyOf": [plain, {"type": "null"}], **beside}
