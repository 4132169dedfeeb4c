"""Model fields as Python types: the type of a column's values, with limits, choices and help text, for pydantic;
reading the value of a row, and setting the value that a client sent.

A name with `__` is a field of a related object, which is read-only. `register_field` adds a field class that this
module does not know.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, NotRequired

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from pydantic import Field

from . import field_choices
from .field_kinds import (
    COMPOSITE,
    KINDS,
    Kind,
    Reader,
    Writer,
    as_given,
    is_plain,
    keys_of,
    kind_of,
    read_plain,
    typed_dict,
)
from .field_kinds import STORABLE as STORABLE
from .field_kinds import is_storable as is_storable
from .field_kinds import kind_of_target as kind_of_target
from .field_kinds import target_of as target_of
from .field_kinds import type_of as type_of

LOOKUPS: Final = ("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "gt", "gte", "lt", "lte")
"""The lookups that take a value of the field's own type; `in` takes several, `isnull` a boolean."""

_OF_TEXT: Final[dict[type[Any], tuple[str, ...]]] = {
    models.JSONField: ("iexact", "icontains", "startswith", "istartswith"),
    models.GenericIPAddressField: ("iexact", "contains", "icontains", "startswith", "istartswith"),
}
"""The lookups that take text, or a part of it, and not a whole value of the column."""


def register_field(
    field_class: type[Any] | str, type_: Any, *, read: Reader | None = None, write: Writer | None = None
) -> None:
    """Registers a model field's class, or its dotted path: `register_field(MoneyField, str)`.

    `type_` is the type for clients. `read(field, row)` returns the value of a row; by default, that of the field's
    `value_from_object` and `value_to_string`. `write(field, value)` returns the value for the attribute; by default,
    the client's value.
    """
    KINDS[field_class] = Kind(lambda field, checked: type_, read or read_plain, write or as_given)
    for known in (_reader, relations_of, is_readable):
        known.cache_clear()


def resolve(model: type[models.Model], path: str) -> "models.Field[Any, Any]":
    """The field at the end of a path such as `origin__name`. Raises `ImproperlyConfigured`."""
    *relations, name = path.split("__")
    at = model
    for relation in relations:
        field = _field(at, relation, path, model)
        target = field.related_model
        if field.many_to_many or not (isinstance(target, type) and issubclass(target, models.Model)):
            leads = "leads to many rows: name it alone for their keys" if field.many_to_many else "leads nowhere"
            raise ImproperlyConfigured(f"{model.__name__} has no field {path!r}: {relation} {leads}.")
        at = target
    return _field(at, name, path, model)


def split_lookup(name: str) -> tuple[str, str]:
    """The path of a filter and its lookup, `exact` where it names none. A field may be called as a lookup is."""
    path, _, lookup = name.rpartition("__")
    return (path, lookup) if path and lookup in (*LOOKUPS, "in", "isnull") else (name, "exact")


def parameter_type(field: "models.Field[Any, Any]") -> Any:
    """The type of a client's value for a field, with its description."""
    return _with_description(type_of(field), field)


def filter_type(field: "models.Field[Any, Any]", lookup: str = "exact") -> Any:
    """The type of a filter's value. Raises `ImproperlyConfigured` for a lookup that the field does not have."""
    if lookup == "isnull":
        return _with_description(bool, field)
    if not _has_lookup(field, lookup):
        others = ", ".join(one for one in (*LOOKUPS, "in") if _has_lookup(field, one))
        raise ImproperlyConfigured(f"{field} has no lookup {lookup!r}; use one of {others}, isnull.")
    kind = kind_of_target(field)
    if kind.is_many:
        inner = keys_of(field, checked=True)
    elif lookup in ("exact", "in"):
        inner = type_of(field)
    elif lookup in _OF_TEXT.get(type(target_of(field)), ()):
        inner = Annotated[str, STORABLE]
    else:
        inner = kind.type_for(target_of(field), True)
    if lookup == "in":
        inner = Annotated[list[inner], Field(max_length=100)]  # type: ignore[valid-type]
    return _with_description(inner, field)


def describe(field: "models.Field[Any, Any]") -> str:
    """The help text, or the verbose name if it says more than the field's name; and the labels of its choices."""
    verbose = str(field.verbose_name)
    text = str(field.help_text) or (verbose if verbose.replace(" ", "_").lower() != field.name else "")
    choices = field_choices.describe_choices(field)
    return f"{text.rstrip('.')}. {choices}" if text and choices else text or choices


def is_optional(field: "models.Field[Any, Any]") -> bool:
    """Whether a new row needs no value for it: it has a default, is set automatically, or may be blank."""
    has_database_default = getattr(field, "db_default", models.NOT_PROVIDED) is not models.NOT_PROVIDED
    return bool(field.blank or (field.has_default() and field.default is not None) or has_database_default)


def is_written_by_itself(field: "models.Field[Any, Any]") -> bool:
    """Whether the field is set automatically: the database counts or computes it."""
    return isinstance(field, models.AutoField | models.GeneratedField) or bool(getattr(field, "auto_created", False))


def is_writable(field: "models.Field[Any, Any]") -> bool:
    """Whether a client can write the field: not a file, not computed, and not the time of saving."""
    is_moment = bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
    if has_rows_between(field) or isinstance(field, models.GeneratedField) or is_moment:
        return False
    return kind_of_target(field).write is not None


def has_rows_between(field: Any) -> bool:
    """Whether a many-to-many relation has a through model of the project, which has more columns than two keys."""
    return isinstance(field, models.ManyToManyField) and not field.remote_field.through._meta.auto_created  # type: ignore[union-attr]


def row_type(
    model: type[models.Model], paths: Iterable[str], *, may_lack: bool = False, more: Mapping[str, Any] | None = None
) -> Any:
    """The type of a row for clients: these fields, and also `more`. `may_lack`: all but the key may be missing."""
    members: dict[str, Any] = {}
    for path in paths:
        field = resolve(model, path)
        kind = type_of(field, checked=False)
        kind = kind | None if _may_be_null(model, path) and kind is not Any else kind
        text = describe(field)
        members[path] = Annotated[kind, Field(description=text)] if text else kind
        if may_lack and not field.primary_key:
            members[path] = NotRequired[members[path]]
    return typed_dict(model.__name__, {**members, **(more or {})})


def changes_type(model: type[models.Model], arguments: Mapping[str, Any]) -> Any:
    """The type of a change to a row: each of these arguments is optional. The value is a dict of the given ones."""
    members = {name: NotRequired[kind] for name, kind in arguments.items()}
    return typed_dict(f"{model.__name__}Changes", members, extra="forbid")


def change_type(field: "models.Field[Any, Any]") -> Any:
    """The type of a field's new value; `None` is allowed if the column is nullable."""
    kind = parameter_type(field)
    return kind | None if field.null and not kind_of_target(field).is_many else kind


def value_at(row: models.Model, path: str) -> Any:
    """The value of a row at a path; `None` if a relation on the way is empty."""
    return _reader(type(row), path)(row)


def value_alone(field: "models.Field[Any, Any]", value: Any) -> Any:
    """A field's value that came without its row, as a client reads it in one."""
    if is_plain(value):
        return value
    row = field.model()
    setattr(row, field.attname, value)
    return kind_of_target(field).read(field, row)


@lru_cache(maxsize=1024)
def relations_of(model: type[models.Model], paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The relations to join in order to read these paths of many rows, and the relations to prefetch."""
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
    """Sets the fields of a row, and returns those that can be set only after the row is saved."""
    later = {}
    for name, value in values.items():
        field = resolve(type(row), name)
        kind = kind_of_target(field)
        if kind.is_many:
            later[name] = value
        else:
            setattr(row, field.attname, value if value is None or not kind.write else kind.write(field, value))
    return later


def assign_later(row: models.Model, values: Mapping[str, Any]) -> None:
    """Writes the relations of a row that is saved."""
    for name, value in values.items():
        related = getattr(row, name)
        related.set(value)
        # Relations of django-modelcluster, as of Wagtail's pages, wait to be told.
        waiting = getattr(related, "get_tagged_item_manager", lambda related=related: related)()
        if commit := getattr(waiting, "commit", None):
            commit()


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


def _has_lookup(field: Any, lookup: str) -> bool:
    if isinstance(field, models.ForeignKey) or kind_of(field).is_many or kind_of(field) is KINDS[COMPOSITE]:
        return lookup in ("exact", "in", *(() if field.many_to_many else ("gt", "gte", "lt", "lte")))
    known = kind_of(field).lookups
    return field.get_lookup(lookup) is not None and (known is None or lookup in known)


def _with_description(kind: Any, field: "models.Field[Any, Any]") -> Any:
    text = describe(field)
    return Annotated[kind, Field(description=text)] if text else Annotated[kind, Field()]
