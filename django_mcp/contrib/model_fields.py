"""Model fields as Python types: what a column holds, with its limits, choices and help text, for pydantic to check and
to describe.

A field that is named with `__` is one of a related object, and is only read.
"""

import datetime
import decimal
import uuid
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from django.core import validators
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from pydantic import AfterValidator, BaseModel, Field, create_model

TYPES: "Final[tuple[tuple[type[models.Field[Any, Any]], Any], ...]]" = (
    (models.BooleanField, bool),
    (models.IntegerField, int),
    (models.AutoField, int),
    (models.FloatField, float),
    (models.DecimalField, decimal.Decimal),
    (models.DateTimeField, datetime.datetime),
    (models.DateField, datetime.date),
    (models.TimeField, datetime.time),
    (models.DurationField, datetime.timedelta),
    (models.UUIDField, uuid.UUID),
    (models.JSONField, Any),
    (models.FileField, str),
    (models.CharField, str),
    (models.TextField, str),
    (models.GenericIPAddressField, str),
)
"""The fields that a client can read and write, each before those that it is a kind of."""

LOOKUPS: Final = ("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "gt", "gte", "lt", "lte")
"""The lookups of a filter that take a value of the field's own type; `in` takes several, `isnull` a boolean."""


def resolve(model: type[models.Model], path: str) -> "models.Field[Any, Any]":
    """The field at the end of a path such as `origin__name`. Raises `ImproperlyConfigured`."""
    *relations, name = path.split("__")
    at = model
    for relation in relations:
        target = _field(at, relation, path, model).related_model
        if not (isinstance(target, type) and issubclass(target, models.Model)):
            raise ImproperlyConfigured(f"{model.__name__} has no field {path!r}: {relation} leads nowhere.")
        at = target
    return _field(at, name, path, model)


def type_of(field: "models.Field[Any, Any]", *, checked: bool = True) -> Any:
    """The type of a field's values. `checked`: with the limits that a value must keep to when it is written."""
    if isinstance(field, models.ForeignKey):
        return type_of(field.target_field, checked=checked)
    if field.choices and checked:
        return Literal[tuple(value for value, _ in field.flatchoices if value is not None)]
    for kind, python_type in TYPES:
        if isinstance(field, kind):
            return _limited(field, python_type) if checked else python_type
    raise ImproperlyConfigured(f"{field} is of a kind that clients cannot read: leave it out of fields.")


def parameter_type(field: "models.Field[Any, Any]", lookup: str = "exact") -> Any:
    """The type of what a client gives for a field or, with a lookup, filters by."""
    described = Field(description=describe(field)) if describe(field) else Field()
    match lookup:
        case "isnull":
            return Annotated[bool, described]
        case "in":
            return Annotated[list[type_of(field)], described, Field(max_length=100)]  # type: ignore[misc]
    return Annotated[type_of(field), described]


def describe(field: "models.Field[Any, Any]") -> str:
    """The help text; where there is none, the field's name for people if that says more than its own."""
    verbose = str(field.verbose_name)
    return str(field.help_text) or (verbose if verbose.replace(" ", "_").lower() != field.name else "")


def is_optional(field: "models.Field[Any, Any]") -> bool:
    """Whether a new row may do without a value for it."""
    return bool(field.has_default() or field.blank or field.null)


def row_type(model: type[models.Model], paths: Iterable[str]) -> type[BaseModel]:
    """What a row looks like to a client: these fields."""
    members: dict[str, Any] = {}
    for path in paths:
        field = resolve(model, path)
        kind = type_of(field, checked=False)
        members[path] = (kind | None if _may_be_null(model, path) and kind is not Any else kind, _described(field))
    return create_model(model.__name__, **members)


def changes_type(model: type[models.Model], names: Iterable[str]) -> type[BaseModel]:
    """What a client may change of a row: each of these fields, or none."""
    members: dict[str, Any] = {}
    for name in names:
        field = resolve(model, name)
        kind = parameter_type(field)
        members[name] = (kind | None if field.null else kind, None)
    return create_model(f"{model.__name__}Changes", __config__={"extra": "forbid"}, **members)


def value_at(row: models.Model, path: str) -> Any:
    """What a row holds at a path; `None` where a relation on the way leads nowhere."""
    *relations, name = path.split("__")
    at: Any = row
    for relation in relations:
        at = getattr(at, relation)
        if at is None:
            return None
    field = at._meta.get_field(name)
    value = getattr(at, field.attname)
    return value.name if isinstance(field, models.FileField) else value


def _field(model: type[models.Model], name: str, path: str, root: type[models.Model]) -> "models.Field[Any, Any]":
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if not isinstance(field, models.Field) or field.many_to_many:
        raise ImproperlyConfigured(f"{root.__name__} has no field {path!r} that can be named here.")
    return field


def _may_be_null(model: type[models.Model], path: str) -> bool:
    parts = path.split("__")
    return any(resolve(model, "__".join(parts[: count + 1])).null for count in range(len(parts)))


def _described(field: "models.Field[Any, Any]") -> Any:
    return Field(description=describe(field)) if describe(field) else ...


def _limited(field: "models.Field[Any, Any]", kind: Any) -> Any:
    """The type with the limits of the column and of the field's validators, as far as a schema can say them."""
    limits: dict[str, Any] = {}
    if kind is str:
        limits["max_length"] = field.max_length
        kind = Annotated[str, STORABLE]
    for validator in field.validators:
        limit: Any = getattr(validator, "limit_value", None)
        limit = limit() if callable(limit) else limit
        match validator:
            case validators.MinLengthValidator():
                limits["min_length"] = limit
            case validators.MinValueValidator():
                limits["ge"] = max(limit, limits.get("ge", limit))
            case validators.MaxValueValidator():
                limits["le"] = min(limit, limits.get("le", limit))
    if isinstance(field, models.DecimalField):
        limits |= {"max_digits": field.max_digits, "decimal_places": field.decimal_places}
    if kind is float:
        limits["allow_inf_nan"] = False
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    return Annotated[kind, Field(**limits)] if limits else kind


def _storable(text: str) -> str:
    """Raises `ValueError` for what no database can store: PostgreSQL has no U+0000, and surrogates are no text."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text has characters that cannot be stored")
    return text


STORABLE: Final = AfterValidator(_storable)
