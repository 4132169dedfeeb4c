"""The kinds of model fields: the Python type of a column's values with its limits, and how a row's value is read and
written.
"""

import datetime
import decimal
import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

from django.core import validators
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection, models
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from . import field_choices, times

Reader = Callable[[Any, Any], Any]
"""Returns the value of a field (first) in a row (second), as JSON or as the kind's type."""

Writer = Callable[[Any, Any], Any]
"""Returns the value for a row's attribute for a field (first), from a client's value (second)."""

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
"""The types that pydantic serializes. Other values are serialized by their field."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How clients read and write a kind of field. `is_scalar`: rows can be sorted and grouped by it. `is_many`: it is
    written after its row. `lookups`: the only ones that work, of those that Django says the field has.
    """

    type_for: Callable[[Any, bool], Any]
    read: Reader
    write: Writer | None
    is_scalar: bool = True
    is_many: bool = False
    lookups: tuple[str, ...] | None = None


def kind_of(field: Any) -> Kind:
    """The kind of a field, by its class, a base class, or its internal type. Raises `ImproperlyConfigured`."""
    target: Any = field.output_field if isinstance(field, models.GeneratedField) else field
    for base in type(target).__mro__:
        if kind := KINDS.get(base) or KINDS.get(f"{base.__module__}.{base.__qualname__}"):
            return kind
    column = getattr(models, target.get_internal_type() or "", None)
    if column in KINDS and column is not models.BinaryField:
        return KINDS[column] if column is not models.JSONField else _FOREIGN_JSON
    raise ImproperlyConfigured(
        f"{field} is a {type(target).__name__}, of a kind that clients cannot read: leave it out of fields, or say "
        f"how with django_mcp.contrib.model_fields.register_field({type(target).__name__}, …)."
    )


def type_of(field: "models.Field[Any, Any]", *, checked: bool = True) -> Any:
    """The type of a field's values. `checked`: with the limits for writing."""
    if isinstance(field, models.GeneratedField):
        computed: Any = field.output_field
        return type_of(computed, checked=checked)
    if isinstance(field, models.ForeignKey):
        return type_of(field.target_field, checked=checked)
    kind = kind_of(field)
    if checked and field_choices.has_choices(field) and kind.is_scalar:
        return _chosen(field, kind)
    return kind.type_for(field, checked)


def kind_of_target(field: "models.Field[Any, Any]") -> Kind:
    """The kind of a field's values; for a foreign key, the kind of the keys."""
    return kind_of(target_of(field))


def target_of(field: Any) -> Any:
    """The field that defines a field's values: for a foreign key, the key of the other model."""
    return target_of(field.target_field) if isinstance(field, models.ForeignKey) else field


def typed_dict(name: str, members: Mapping[str, Any], **config: Any) -> Any:
    """The type of a dict with these members."""
    # Not a pydantic model: a column may be named `_state` or `copy`. The alias is for mypy.
    make: Any = TypedDict
    made = make(name, dict(members))
    made.__pydantic_config__ = config
    return made


def _chosen(field: Any, kind: Kind) -> Any:
    if not field_choices.is_asked(field):
        values = field_choices.values_of(field)
        is_told = len(values) <= field_choices.CHOICES_LIMIT and all(isinstance(value, str | int) for value in values)
        if is_told and not field_choices.holds_several(field, values):
            return Literal[tuple(values)]
    return Annotated[kind.type_for(field, True), AfterValidator(field_choices.one_of(field))]


def _limited(field: "models.Field[Any, Any]", kind: Any) -> Any:
    """The type with the limits of the column and of the field's validators that a schema can express."""
    limits: dict[str, Any] = {}
    if kind is str:
        limits["max_length"] = field.max_length
        kind = Annotated[str, STORABLE]
        if isinstance(field, models.GenericIPAddressField):
            kind = Annotated[kind, AfterValidator(_address)]
    for validator in field.validators:
        limit: Any = getattr(validator, "limit_value", None)
        if callable(limit):
            # Such a limit may change from call to call: the model's own validation checks it.
            continue
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
    column = [_column_range(field, limits)] if kind is int else _CHECKS.get(kind, [])
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    limited = Annotated[kind, Field(**limits)] if limits else kind
    return Annotated[limited, column[0]] if column else limited


def _column_range(field: "models.Field[Any, Any]", limits: dict[str, Any]) -> Any:
    """The range of an integer column, which is validated but not in the schema, because it says nothing about the
    field.
    """
    # Some backends have no limit.
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


def is_storable(text: str) -> bool:
    """Whether every database can store a text. PostgreSQL stores no U+0000, and none stores lone surrogates."""
    return not ("\x00" in text or any("\ud800" <= character <= "\udfff" for character in text))


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("the text has characters that cannot be stored")
    return text


STORABLE: Final = AfterValidator(_storable)


def _storable_json(value: Any) -> Any:
    """Raises `ValueError` for JSON that not every database can store: such text, and numbers that are not finite."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                _storable(text)
            case float() as number if not math.isfinite(number):
                raise ValueError("the number is not finite")
            case dict() as members:
                waiting += [*members.keys(), *members.values()]
            case list() as items:
                waiting += items
    return value


def _address(text: str) -> str:
    try:
        validators.validate_ipv46_address(text)
    except ValidationError as error:
        raise ValueError("the text is no IPv4 or IPv6 address") from error
    return text


def _moment(moment: datetime.datetime) -> datetime.datetime:
    """The moment as the project's columns take it. In UTC too, it must be in the years 1 to 9999."""
    try:
        known = times.stored(moment)
        known.astimezone(datetime.UTC)
    except OverflowError as error:
        raise ValueError("the year is not between 1 and 9999 in UTC") from error
    return known


def _clock(clock: datetime.time) -> datetime.time:
    # As Django does with text: columns have no offset, and SQLite refuses one.
    return clock.replace(tzinfo=None)


def _span(span: datetime.timedelta) -> datetime.timedelta:
    """Raises `ValueError` for a duration that the column cannot hold: 64 bits of microseconds, in some databases."""
    microseconds = span // datetime.timedelta(microseconds=1)
    if not connection.features.has_native_duration_field and not -(2**63) <= microseconds < 2**63:
        raise ValueError("the duration is too long to be stored")
    return span


_CHECKS: Final[dict[Any, list[Any]]] = {
    datetime.datetime: [AfterValidator(_moment)],
    datetime.time: [AfterValidator(_clock)],
    datetime.timedelta: [AfterValidator(_span)],
}
"""The validation of kinds that Python holds and a column does not."""


# Reading and writing, by kind.


def read_plain(field: Any, row: Any) -> Any:
    """The plain value; an object (a country, an amount of money) is serialized by its field."""
    value = field.value_from_object(row)
    return value if is_plain(value) else field.value_to_string(row)


def is_plain(value: Any) -> bool:
    """Whether pydantic writes a value as it is."""
    return value is None or isinstance(value, _PROTECTED)


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


def _related_rows(field: Any, row: Any) -> Iterable[Any]:
    """The rows of a relation, in the order of their model or by their keys. They may have been prefetched."""
    rows = getattr(row, field.name).all()
    return rows if getattr(rows, "ordered", True) else sorted(rows, key=attrgetter("pk"))


def _read_keys(field: Any, row: Any) -> list[Any]:
    return [other.pk for other in _related_rows(field, row)]


def _read_names(field: Any, row: Any) -> list[str]:
    return [str(other) for other in _related_rows(field, row)]


def as_given(field: Any, value: Any) -> Any:
    """The value unchanged."""
    return value


# Types, by kind.


_OF_NO_TEXT: Final = ("exact", "contains", "icontains", "startswith", "istartswith", "gt", "gte", "lt", "lte", "in")
"""The lookups of columns that are not text: PostgreSQL puts no number in capitals, which `iexact` would need."""


def _plain(python_type: Any) -> Kind:
    def type_for(field: Any, checked: bool) -> Any:
        return _limited(field, python_type) if checked else python_type

    return Kind(type_for, read_plain, as_given, lookups=None if python_type is str else _OF_NO_TEXT)


def _array(field: Any, checked: bool) -> Any:
    inner: Any = type_of(field.base_field, checked=checked)
    size = field.size if checked else None
    return Annotated[list[inner], Field(max_length=size)] if size else list[inner]


def _range(field: Any, checked: bool) -> Any:
    inner = type_of(field.base_field, checked=checked)
    bounds = Literal["[)", "[]", "(]", "()", "empty"]
    kind = typed_dict("Range", {"lower": inner | None, "upper": inner | None, "bounds": bounds})
    return Annotated[kind, AfterValidator(_in_order)] if checked else kind


def _in_order(value: Any) -> Any:
    lower, upper = value["lower"], value["upper"]
    if lower is not None and upper is not None and lower > upper:
        raise ValueError("the lower bound is greater than the upper one")
    return value


def _keys(field: Any, checked: bool) -> Any:
    inner = keys_of(field, checked=checked)
    return Annotated[list[inner], Field(max_length=1000)] if checked else list[inner]  # type: ignore[valid-type]


def keys_of(field: Any, *, checked: bool) -> Any:
    """The type of the keys of a relation's rows."""
    return type_of(field.related_model._meta.pk, checked=checked) if field.related_model else str


def _names(field: Any, checked: bool) -> Any:
    return Annotated[list[Annotated[str, STORABLE]], Field(max_length=100)] if checked else list[str]


def _composite(field: Any, checked: bool) -> Any:
    parts = tuple(type_of(part, checked=checked) for part in field.fields)
    return tuple[parts]  # type: ignore[valid-type]


def _read_composite(field: Any, row: Any) -> Any:
    return row.pk


def _json(field: Any, checked: bool) -> Any:
    return Annotated[Any, AfterValidator(_storable_json)] if checked else Any


def _pairs(field: Any, checked: bool) -> Any:
    text: Any = Annotated[str, STORABLE] if checked else str
    return dict[text, text | None]


_JSON: Final = Kind(_json, _read_json, as_given, is_scalar=False)
_FOREIGN_JSON: Final = Kind(_json, _read_json, None, is_scalar=False)
"""A field of another package that is stored as JSON; the package decides what its attribute accepts."""

COMPOSITE: Final = "django.db.models.fields.composite.CompositePrimaryKey"
"""The path of the kind of a key of several columns."""

KINDS: dict[type[Any] | str, Kind] = {
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
    # Any path would be taken: the form of the admin alone looks which files there are.
    models.FilePathField: Kind(lambda field, checked: str, read_plain, None),
    models.JSONField: _JSON,
    models.ManyToManyField: Kind(_keys, _read_keys, as_given, is_scalar=False, is_many=True),
    # It says that it is a ManyToManyField. Its rows have the key of this one, and are written as themselves.
    "django.contrib.contenttypes.fields.GenericRelation": Kind(_keys, _read_keys, None, is_scalar=False, is_many=True),
    COMPOSITE: Kind(_composite, _read_composite, None, is_scalar=False),
    "django.contrib.postgres.fields.array.ArrayField": Kind(_array, _read_array, as_given, is_scalar=False),
    "django.contrib.postgres.fields.ranges.RangeField": Kind(_range, _read_range, _write_range, is_scalar=False),
    "django.contrib.postgres.fields.hstore.HStoreField": Kind(
        _pairs,
        _read_json,
        as_given,
        is_scalar=False,
        lookups=("exact", "in", "contains"),
    ),
    "taggit.managers.TaggableManager": Kind(_names, _read_names, as_given, is_scalar=False, is_many=True),
}
"""The kinds of fields, by class, or by the path of a class that may not be installed."""
