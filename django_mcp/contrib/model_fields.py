"""Model fields as Python types: what a column holds, with its limits, choices and help text, for pydantic to check and
to describe; how a row's value is read, and how a client's is set.

A field that is named with `__` is one of a related object, and is only read. `register_field` teaches a kind of field
that this module does not know.
"""

import datetime
import decimal
import difflib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NotRequired

from django.core import validators
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db import connection, models
from django.utils.choices import CallableChoiceIterator, flatten_choices
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

Reader = Callable[[Any, Any], Any]
"""The value of a field (first) in a row (second), as JSON can hold it or as the kind's type."""

Writer = Callable[[Any, Any], Any]
"""The value that a row's attribute takes for a field (first), from what a client gave (second)."""

CHOICES_LIMIT: Final = 50
"""Choices that a schema lists: more would fill every tool that names the field."""

LOOKUPS: Final = ("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "gt", "gte", "lt", "lte")
"""The lookups of a filter that take a value of the field's own type; `in` takes several, `isnull` a boolean."""

_PROTECTED: Final = (
    str,
    int,
    float,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
)
"""The types that pydantic writes as they are. Other values are read by their field's own serialization."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How clients read and write one kind of field. `is_scalar`: rows can be sorted and grouped by it. `is_many`: it
    is written after its row.
    """

    type_for: Callable[[Any, bool], Any]
    read: Reader
    write: Writer | None
    is_scalar: bool = True
    is_many: bool = False


def register_field(
    field_class: type[Any] | str, type_: Any, *, read: Reader | None = None, write: Writer | None = None
) -> None:
    """Teaches a kind of model field, by its class or the dotted path of it: `register_field(MoneyField, str)`.

    `type_` is what clients see and give. `read(field, row)` is the value of a row, without it the one that the field's
    `value_from_object` and `value_to_string` give; `write(field, value)` is what the attribute takes, without it the
    value that came.
    """
    _KINDS[field_class] = Kind(lambda field, checked: type_, read or _read_plain, write or _as_given)
    for known in (_reader, relations_of, is_readable):
        known.cache_clear()


def kind_of(field: Any) -> Kind:
    """The kind of a field, by its class, a base class, or the column that it says it is. Raises
    `ImproperlyConfigured`.
    """
    own: Any = field.output_field if isinstance(field, models.GeneratedField) else field
    for base in type(own).__mro__:
        if found := _KINDS.get(base) or _KINDS.get(f"{base.__module__}.{base.__qualname__}"):
            return found
    column = getattr(models, own.get_internal_type() or "", None)
    if column in _KINDS and column is not models.BinaryField:
        return _KINDS[column] if column is not models.JSONField else _FOREIGN_JSON
    raise ImproperlyConfigured(
        f"{field} is a {type(own).__name__}, of a kind that clients cannot read: leave it out of fields, or say "
        f"how with django_mcp.contrib.model_fields.register_field({type(own).__name__}, …)."
    )


def resolve(model: type[models.Model], path: str) -> "models.Field[Any, Any]":
    """The field at the end of a path such as `origin__name`. Raises `ImproperlyConfigured`."""
    *relations, name = path.split("__")
    at = model
    for relation in relations:
        found = _field(at, relation, path, model)
        target = found.related_model
        if found.many_to_many or not (isinstance(target, type) and issubclass(target, models.Model)):
            leads = "leads to many rows: name it alone for their keys" if found.many_to_many else "leads nowhere"
            raise ImproperlyConfigured(f"{model.__name__} has no field {path!r}: {relation} {leads}.")
        at = target
    return _field(at, name, path, model)


def type_of(field: "models.Field[Any, Any]", *, checked: bool = True) -> Any:
    """The type of a field's values. `checked`: with the limits that a value must keep to when it is written."""
    if isinstance(field, models.GeneratedField):
        computed: Any = field.output_field
        return type_of(computed, checked=checked)
    if isinstance(field, models.ForeignKey):
        return type_of(field.target_field, checked=checked)
    kind = kind_of(field)
    if checked and _has_choices(field) and kind.is_scalar:
        return _chosen(field, kind)
    return kind.type_for(field, checked)


def parameter_type(field: "models.Field[Any, Any]") -> Any:
    """The type of what a client gives for a field, with its description."""
    return _with_description(type_of(field), field)


def filter_type(field: "models.Field[Any, Any]", lookup: str = "exact") -> Any:
    """The type of what a client filters by. Raises `ImproperlyConfigured` for a lookup that the field has not."""
    if lookup == "isnull":
        return _with_description(bool, field)
    if not _has_lookup(field, lookup):
        raise ImproperlyConfigured(f"{field} has no lookup {lookup!r}.")
    kind = kind_of_target(field)
    if kind.is_many:
        inner = _keys_of(field, checked=True)
    elif lookup in ("exact", "in"):
        inner = type_of(field)
    else:
        inner = kind.type_for(_target(field), True)
    if lookup == "in":
        inner = Annotated[list[inner], Field(max_length=100)]  # type: ignore[valid-type]
    return _with_description(inner, field)


def describe(field: "models.Field[Any, Any]") -> str:
    """The help text, or the field's name for people if that says more than its own; and what its choices mean."""
    verbose = str(field.verbose_name)
    text = str(field.help_text) or (verbose if verbose.replace(" ", "_").lower() != field.name else "")
    choices = _describe_choices(field)
    return f"{text.rstrip('.')}. {choices}" if text and choices else text or choices


def is_optional(field: "models.Field[Any, Any]") -> bool:
    """Whether a new row may do without a value for it: it is filled in by itself, or may be blank."""
    has_database_default = getattr(field, "db_default", models.NOT_PROVIDED) is not models.NOT_PROVIDED
    return bool(field.blank or (field.has_default() and field.default is not None) or has_database_default)


def is_written_by_itself(field: "models.Field[Any, Any]") -> bool:
    """Whether nobody writes the field: the database counts or computes it."""
    return isinstance(field, models.AutoField | models.GeneratedField) or bool(getattr(field, "auto_created", False))


def is_writable(field: "models.Field[Any, Any]") -> bool:
    """Whether a client can write the field where it may: no file, nothing that is computed."""
    if has_rows_between(field) or isinstance(field, models.GeneratedField):
        return False
    return kind_of_target(field).write is not None


def has_rows_between(field: Any) -> bool:
    """Whether a many-to-many relation is by rows of a model of the project's own, which hold more than two keys."""
    return isinstance(field, models.ManyToManyField) and not field.remote_field.through._meta.auto_created  # type: ignore[union-attr]


def row_type(
    model: type[models.Model], paths: Iterable[str], *, may_lack: bool = False, more: Mapping[str, Any] | None = None
) -> Any:
    """How a row looks to a client: these fields, and `more` beside them. `may_lack`: all but the key can be missing."""
    members: dict[str, Any] = {}
    for path in paths:
        field = resolve(model, path)
        kind = type_of(field, checked=False)
        kind = kind | None if _may_be_null(model, path) and kind is not Any else kind
        text = describe(field)
        members[path] = Annotated[kind, Field(description=text)] if text else kind
        if may_lack and not field.primary_key:
            members[path] = NotRequired[members[path]]
    return _typed_dict(model.__name__, {**members, **(more or {})})


def changes_type(model: type[models.Model], arguments: Mapping[str, Any]) -> Any:
    """How a client changes a row: by each of these arguments, or none. The value is a dict of those that came."""
    members = {name: NotRequired[kind] for name, kind in arguments.items()}
    return _typed_dict(f"{model.__name__}Changes", members, extra="forbid")


def change_type(field: "models.Field[Any, Any]") -> Any:
    """The type of a field's new value, `None` where the column may be null."""
    kind = parameter_type(field)
    return kind | None if field.null and not kind_of_target(field).is_many else kind


def kind_of_target(field: "models.Field[Any, Any]") -> Kind:
    """The kind of a field's values; of a foreign key, that of the keys."""
    return kind_of(_target(field))


def value_at(row: models.Model, path: str) -> Any:
    """What a row holds at a path; `None` where a relation on the way leads nowhere."""
    return _reader(type(row), path)(row)


@lru_cache(maxsize=1024)
def relations_of(model: type[models.Model], paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The relations that are joined to read these paths of many rows, and those that take a query of their own."""
    joined = dict.fromkeys(path.rpartition("__")[0] for path in paths if "__" in path)
    return list(joined), [path for path in paths if kind_of_target(resolve(model, path)).is_many]


@lru_cache(maxsize=4096)
def is_readable(model: type[models.Model], path: str) -> bool:
    """Whether a path leads to a field that clients can read."""
    try:
        type_of(resolve(model, path))
    except ImproperlyConfigured:
        return False
    return True


def assign(row: models.Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Sets the fields of a row, and returns those that can be written only once the row is saved."""
    later = {}
    for name, value in values.items():
        field = resolve(type(row), name)
        kind = kind_of_target(field)
        if kind.is_many:
            later[name] = value
        else:
            setattr(row, field.attname, value if value is None or not kind.write else kind.write(field, value))
    return later


@lru_cache(maxsize=4096)
def _reader(model: type[models.Model], path: str) -> Callable[[Any], Any]:
    *relations, _ = path.split("__")
    field = resolve(model, path)
    read = kind_of_target(field).read

    def value(row: Any) -> Any:
        at = row
        for relation in relations:
            at = getattr(at, relation)
            if at is None:
                return None
        return read(field, at)

    return value


# Reading and writing, by kind.


def _read_plain(field: Any, row: Any) -> Any:
    """The value itself; an object (a country, an amount of money) as the field's own serialization has it."""
    value = field.value_from_object(row)
    if value is None or isinstance(value, _PROTECTED):
        return value
    return field.value_to_string(row)


def _read_json(field: Any, row: Any) -> Any:
    value = field.value_from_object(row)
    if value is None or isinstance(value, dict | list | tuple | str | int | float):
        return value
    text = field.value_to_string(row)
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _read_file(field: Any, row: Any) -> Any:
    return field.value_from_object(row).name


def _read_array(field: Any, row: Any) -> Any:
    value = field.value_from_object(row)
    return None if value is None else list(value)


def _read_range(field: Any, row: Any) -> Any:
    value = field.value_from_object(row)
    if value is None:
        return None
    bounds = "empty" if value.isempty else getattr(value, "bounds", None) or value._bounds
    return {"lower": value.lower, "upper": value.upper, "bounds": bounds}


def _write_range(field: Any, value: Any) -> Any:
    if value["bounds"] == "empty":
        return field.range_type(empty=True)
    return field.range_type(value.get("lower"), value.get("upper"), value["bounds"])


def _read_keys(field: Any, row: Any) -> list[Any]:
    return [other.pk for other in getattr(row, field.name).all()]


def _read_names(field: Any, row: Any) -> list[str]:
    return [str(other) for other in getattr(row, field.name).all()]


def _as_given(field: Any, value: Any) -> Any:
    return value


# Types, by kind.


def _plain(python_type: Any) -> Kind:
    def type_for(field: Any, checked: bool) -> Any:
        return _limited(field, python_type) if checked else python_type

    return Kind(type_for, _read_plain, _as_given)


def _array(field: Any, checked: bool) -> Any:
    inner: Any = type_of(field.base_field, checked=checked)
    size = field.size if checked else None
    return Annotated[list[inner], Field(max_length=size)] if size else list[inner]


def _range(field: Any, checked: bool) -> Any:
    inner = type_of(field.base_field, checked=checked)
    bounds = Literal["[)", "[]", "(]", "()", "empty"]
    return _typed_dict("Range", {"lower": inner | None, "upper": inner | None, "bounds": bounds})


def _keys(field: Any, checked: bool) -> Any:
    inner = _keys_of(field, checked=checked)
    return Annotated[list[inner], Field(max_length=1000)] if checked else list[inner]  # type: ignore[valid-type]


def _keys_of(field: Any, *, checked: bool) -> Any:
    return type_of(field.related_model._meta.pk, checked=checked) if field.related_model else str


def _names(field: Any, checked: bool) -> Any:
    return Annotated[list[Annotated[str, STORABLE]], Field(max_length=100)] if checked else list[str]


def _composite(field: Any, checked: bool) -> Any:
    parts = tuple(type_of(part, checked=checked) for part in field.fields)
    return tuple[parts]  # type: ignore[valid-type]


def _read_composite(field: Any, row: Any) -> Any:
    return row.pk


_JSON: Final = Kind(lambda field, checked: Any, _read_json, _as_given, is_scalar=False)
_FOREIGN_JSON: Final = Kind(lambda field, checked: Any, _read_json, None, is_scalar=False)
"""A field of another package that is stored as JSON: what its attribute takes is for that package to say."""

_KINDS: dict[type[Any] | str, Kind] = {
    models.BooleanField: _plain(bool),
    models.IntegerField: _plain(int),
    models.AutoField: _plain(int),
    models.FloatField: _plain(float),
    models.DecimalField: _plain(decimal.Decimal),
    models.DateTimeField: _plain(datetime.datetime),
    models.DateField: _plain(datetime.date),
    models.TimeField: _plain(datetime.time),
    models.DurationField: _plain(datetime.timedelta),
    models.UUIDField: _plain(uuid.UUID),
    models.CharField: _plain(str),
    models.TextField: _plain(str),
    models.GenericIPAddressField: _plain(str),
    models.FileField: Kind(lambda field, checked: str, _read_file, None),
    models.JSONField: _JSON,
    models.ManyToManyField: Kind(_keys, _read_keys, _as_given, is_scalar=False, is_many=True),
    "django.db.models.fields.composite.CompositePrimaryKey": Kind(_composite, _read_composite, None, is_scalar=False),
    "django.contrib.postgres.fields.array.ArrayField": Kind(_array, _read_array, _as_given, is_scalar=False),
    "django.contrib.postgres.fields.ranges.RangeField": Kind(_range, _read_range, _write_range, is_scalar=False),
    "django.contrib.postgres.fields.hstore.HStoreField": Kind(
        lambda field, checked: dict[str, str | None], _read_json, _as_given, is_scalar=False
    ),
    "taggit.managers.TaggableManager": Kind(_names, _read_names, _as_given, is_scalar=False, is_many=True),
}
"""The kinds of fields, by class, or by the path of a class that may not be installed."""


def _field(model: type[models.Model], name: str, path: str, root: type[models.Model]) -> "models.Field[Any, Any]":
    try:
        field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if isinstance(field, models.Field) and not hasattr(field, "ct_field"):
        return field
    raise ImproperlyConfigured(
        f"{root.__name__} has no field {path!r} that can be named here{_reason(model, name, field)}."
    )


def _reason(model: type[models.Model], name: str, field: Any) -> str:
    if hasattr(field, "ct_field"):
        return f": it leads to rows of any model; name its columns, {field.ct_field!r} and {field.fk_field!r}"
    if field is not None:
        other = field.related_model.__name__
        return f": it is a relation from other rows; give {other} a toolset of its own, with a filter"
    if hasattr(model, name):
        return ": it is no column; add a method to the toolset that gives it"
    return ""


def _may_be_null(model: type[models.Model], path: str) -> bool:
    parts = path.split("__")
    fields = [resolve(model, "__".join(parts[: count + 1])) for count in range(len(parts))]
    return any(field.null for field in fields) and not kind_of_target(fields[-1]).is_many


def _target(field: Any) -> Any:
    return _target(field.target_field) if isinstance(field, models.ForeignKey) else field


def _has_lookup(field: Any, lookup: str) -> bool:
    if isinstance(field, models.ForeignKey) or kind_of(field).is_many:
        return lookup in ("exact", "in", *(() if field.many_to_many else ("gt", "gte", "lt", "lte")))
    return field.get_lookup(lookup) is not None


def _with_description(kind: Any, field: "models.Field[Any, Any]") -> Any:
    text = describe(field)
    return Annotated[kind, Field(description=text)] if text else Annotated[kind, Field()]


def _typed_dict(name: str, members: Mapping[str, Any], **config: Any) -> Any:
    # Not a model of pydantic's: a column may be called `_state` or `copy`. By another name, for mypy.
    make: Any = TypedDict
    made = make(name, dict(members))
    made.__pydantic_config__ = config
    return made


def _has_choices(field: Any) -> bool:
    return bool(field.choices) if not _asks_for_choices(field) else True


def _asks_for_choices(field: Any) -> bool:
    """Whether the choices are a function's, which may go to the database: it is asked at a call, not at start-up."""
    return isinstance(field.choices, CallableChoiceIterator)


def _pairs(field: Any) -> list[Any]:
    # Not `flatchoices`, which django-countries answers with None.
    return list(flatten_choices(field.choices or ()))


def _values(field: Any) -> list[Any]:
    values = [value for value, _ in _pairs(field) if value is not None]
    blank = [""] if field.blank and field.empty_strings_allowed and "" not in values else []
    return [*values, *blank]


def _chosen(field: Any, kind: Kind) -> Any:
    if not _asks_for_choices(field):
        values = _values(field)
        is_told = len(values) <= CHOICES_LIMIT and all(isinstance(value, str | int) for value in values)
        if is_told and not _holds_several(field, values):
            return Literal[tuple(values)]
    return Annotated[kind.type_for(field, True), AfterValidator(_one_of(field))]


def _holds_several(field: Any, values: list[Any]) -> bool:
    """Whether a column of text holds several choices at once, as some packages' fields do, with commas between."""
    text = [value for value in values if isinstance(value, str) and value]
    try:
        return bool(text) and (bool(getattr(field, "multiple", False)) or isinstance(field.to_python(text[0]), list))
    except (TypeError, ValueError, ValidationError):
        return False


def _one_of(field: Any) -> Callable[[Any], Any]:
    """A validator that names the choices nearest to a value that is none: how a client looks one up."""

    def check(value: Any) -> Any:
        labels = {str(choice): str(label) for choice, label in _pairs(field)}
        parts = str(value).split(",") if _holds_several(field, list(labels)) else [str(value)]
        if labels.keys() >= set(parts) or (value == "" and field.blank):
            return value
        part = str(value).lower()
        near = [choice for choice, label in labels.items() if part in choice.lower() or part in label.lower()]
        near = (near or difflib.get_close_matches(str(value), labels, 5, 0.5))[:10]
        raise ValueError(f"{str(value)!r} is none of the {len(labels)} choices; near: {', '.join(near) or 'none'}")

    return check


def _describe_choices(field: Any) -> str:
    if not field.choices:
        return ""
    if _asks_for_choices(field):
        return "one of a list of choices; a wrong one is answered with those near it"
    pairs = [(value, str(label)) for value, label in _pairs(field) if value not in (None, "")]
    if len(pairs) > CHOICES_LIMIT:
        some = ", ".join(f"{value} ({label})" if _says_more(value, label) else str(value) for value, label in pairs[:3])
        return f"one of {len(pairs)} choices, such as {some}; a wrong one is answered with those near it"
    return "; ".join(f"{value}: {label}" for value, label in pairs if _says_more(value, label))


def _says_more(value: Any, label: str) -> bool:
    return str(value).lower().replace("_", " ") != label.lower().replace("_", " ")


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
    column = [_column_range(field, limits)] if kind is int else []
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    limited = Annotated[kind, Field(**limits)] if limits else kind
    return Annotated[limited, column[0]] if column else limited


def _column_range(field: "models.Field[Any, Any]", limits: dict[str, Any]) -> Any:
    """The range of a column of whole numbers, which is checked and not told: it says nothing of the field."""
    # A backend can have no limit.
    bounds: tuple[int | None, int | None] = connection.ops.integer_field_range(field.get_internal_type())
    low, high = bounds
    if limits.get("le") == high:
        del limits["le"]
    if limits.get("ge") == low and low != 0:
        del limits["ge"]

    def check(value: int) -> int:
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"the number is not between {low} and {high}")
        return value

    return AfterValidator(check)


def _storable(text: str) -> str:
    """Raises `ValueError` for what no database can store: PostgreSQL has no U+0000, and surrogates are no text."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text has characters that cannot be stored")
    return text


STORABLE: Final = AfterValidator(_storable)
