"""Forms that a client shows its user: a flat object, made from a model, a dataclass, a Django form or a schema, and
read back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django import forms
from django.utils.choices import flatten_choices
from pydantic import TypeAdapter
from pydantic_core import ValidationError

from django_mcp.protocol.versions import is_at_least

from . import schemas
from .errors import explain
from .schemas import Schema

_PRIMITIVES: Final = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


class InvalidAnswer(Exception):
    """The user's input does not fit the form; the text tells the user why, field by field."""


class Form(Protocol):
    """A form: its schema for the client, and the conversion of the user's input for the tool."""

    @property
    def schema(self) -> Schema: ...

    def read(self, content: Mapping[str, Any]) -> Any:
        """Converts the input. Raises `InvalidAnswer`."""


def form_of(source: Any) -> Form:
    """The form for a Django form class, a JSON Schema, or any type that pydantic accepts.

    Raises `TypeError` for a form that no client could show.
    """
    if isinstance(source, type) and issubclass(source, forms.BaseForm):
        return DjangoForm(source, django_schema(source))
    if isinstance(source, Mapping):
        return SchemaForm(dict(source))
    if hasattr(source, "schema") and hasattr(source, "read"):
        form: Form = source
        return form
    adapter = TypeAdapter(source)
    schema = schemas.describe(adapter, "validation")
    if "properties" not in schema:
        raise TypeError(f"{source!r}: a form has fields, such as a model's, and this has none.")
    properties = {name: schemas.without_null(entry) for name, entry in schema.get("properties", {}).items()}
    for name, entry in properties.items():
        entry.pop("default", None) if entry.get("default", "") is None else None
        if not _is_shown(entry):
            raise TypeError(
                f"{source!r}: a form holds text, numbers, booleans and choices, and {name} is none of those."
            )
    return ModelForm(adapter, _object(properties, schema.get("required", [])))


@dataclass(frozen=True, slots=True)
class SchemaForm:
    """A form given as a schema; the tool gets the content as a mapping."""

    schema: Schema

    def read(self, content: Mapping[str, Any]) -> Any:
        problems = []
        for name, entry in self.schema.get("properties", {}).items():
            if name in content:
                problems += [f"{name}: {problem}" for problem in _problems(entry, content[name])]
            elif name in self.schema.get("required", ()):
                problems.append(f"{name}: is required")
        if problems:
            raise InvalidAnswer("; ".join(problems))
        return dict(content)


@dataclass(frozen=True, slots=True)
class ModelForm:
    """A form of a pydantic model, a dataclass or a TypedDict; the tool gets an instance."""

    adapter: TypeAdapter[Any]
    schema: Schema

    def read(self, content: Mapping[str, Any]) -> Any:
        try:
            return self.adapter.validate_python(dict(content))
        except ValidationError as error:
            raise InvalidAnswer(explain(error)) from error


@dataclass(frozen=True, slots=True)
class DjangoForm:
    """A Django form; the tool gets its cleaned data."""

    form_class: type[forms.BaseForm]
    schema: Schema

    def read(self, content: Mapping[str, Any]) -> Any:
        form = self.form_class(data=dict(content))
        if not form.is_valid():
            raise InvalidAnswer(
                "; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
            )
        return form.cleaned_data


def for_version(schema: Schema, version: str) -> Schema:
    """A form's schema as a revision defines it: before 2025-11-25, titled choices were `enumNames`, and only booleans
    had defaults.
    """
    if is_at_least(version, "2025-11-25"):
        return schema
    properties = {}
    for name, entry in schema.get("properties", {}).items():
        shaped = {key: value for key, value in entry.items() if key != "default" or entry.get("type") == "boolean"}
        if choices := shaped.pop("oneOf", None):
            shaped |= {
                "enum": [choice["const"] for choice in choices],
                "enumNames": [choice["title"] for choice in choices],
            }
        properties[name] = shaped
    return {**schema, "properties": properties}


def _object(properties: Mapping[str, Schema], required: Any = None) -> Schema:
    wanted = (
        [name for name, entry in properties.items() if entry.pop("required", False)]
        if required is None
        else list(required)
    )
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": wanted} if wanted else schema


def _is_shown(entry: Schema) -> bool:
    """Whether a client can show an input for the field. A list is shown as a multiple choice."""
    if entry.get("type") == "array":
        return bool(_choices(entry.get("items", {})))
    return entry.get("type") in _PRIMITIVES or bool({"enum", "oneOf", "const"} & entry.keys())


def _choices(entry: Schema) -> list[Any]:
    titled = entry.get("oneOf") or entry.get("anyOf") or ()
    return entry.get("enum") or [choice["const"] for choice in titled if "const" in choice]


def _problems(entry: Schema, value: Any) -> list[str]:
    kind = entry.get("type", "string")
    expected = _PRIMITIVES.get(kind, object)
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):  # type: ignore[arg-type]
        return [f"must be of type {kind}"]
    choices = _choices(entry)
    if choices and value not in choices:
        return [f"must be one of {choices}"]
    several = _choices(entry.get("items", {})) if isinstance(value, list) else []
    if several and any(item not in several for item in value):
        return [f"must be some of {several}"]
    return _range_problems(entry, value)


def _range_problems(entry: Schema, value: Any) -> list[str]:
    measure = value if isinstance(value, int | float) else len(value)
    low = entry.get("minimum", entry.get("minLength", entry.get("minItems")))
    high = entry.get("maximum", entry.get("maxLength", entry.get("maxItems")))
    if low is not None and measure < low:
        return [f"must be at least {low}"]
    if high is not None and measure > high:
        return [f"must be at most {high}"]
    return []


def django_schema(form_class: type[forms.BaseForm], *, lists_rows: bool = True) -> Schema:
    """The schema of a Django form's fields. `lists_rows`: a choice among rows lists the rows that exist now."""
    fields = getattr(form_class, "base_fields", {})
    return _object({name: _django_property(name, field, lists_rows) for name, field in fields.items()})


def _django_property(name: str, field: forms.Field, lists_rows: bool) -> Schema:
    entry: Schema = {"type": "string", "title": str(field.label or name.replace("_", " ").capitalize())}
    match field:
        case forms.ModelMultipleChoiceField() if not lists_rows:
            entry |= {"type": "array", "items": {"type": "string"}}
        case forms.ModelChoiceField() if not lists_rows:
            pass
        case forms.MultipleChoiceField():
            entry |= {"type": "array", "items": {"anyOf": _django_choices(field.choices)}}
        case forms.ChoiceField():
            entry |= {"oneOf": _django_choices(field.choices)}
        case forms.FloatField() | forms.DecimalField():
            entry |= {"type": "number"} | _django_range(field)
        case forms.IntegerField():
            entry |= {"type": "integer"} | _django_range(field)
        case forms.BooleanField():
            entry |= {"type": "boolean"}
        case forms.EmailField():
            entry |= {"format": "email"}
        case forms.URLField():
            entry |= {"format": "uri"}
        case forms.DateTimeField():
            entry |= {"format": "date-time"}
        case forms.DateField():
            entry |= {"format": "date"}
        case forms.CharField():
            lengths = {"minLength": field.min_length, "maxLength": field.max_length}
            entry |= {key: value for key, value in lengths.items() if value is not None}
    if field.help_text:
        entry["description"] = str(field.help_text)
    if isinstance(field.initial, str | int | float | bool):
        entry["default"] = str(field.initial) if "oneOf" in entry else field.initial
    return {**entry, "required": field.required and not isinstance(field, forms.BooleanField)}


def _django_choices(choices: Any) -> list[dict[str, str]]:
    pairs: Any = flatten_choices(choices)
    return [{"const": str(value), "title": str(title)} for value, title in pairs if value != ""]


def _django_range(field: Any) -> Schema:
    limits = {"minimum": field.min_value, "maximum": field.max_value}
    return {
        key: float(value) if isinstance(field, forms.DecimalField) else value
        for key, value in limits.items()
        if value is not None
    }
