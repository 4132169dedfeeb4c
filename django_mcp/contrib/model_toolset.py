"""`ModelToolset`: the rows of a model as tools. Only declared fields can be read, filtered, sorted or written."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from inspect import cleandoc
from operator import and_, or_
from typing import Any, ClassVar, Final

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, models, router, transaction
from django.db.models import ProtectedError, Q, RestrictedError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_mcp.primitives.access import Permission
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import Toolset, as_function

from . import filtersets, model_fields, names
from .declared import require_class, require_names
from .model_operations import METHODS, OF_METHODS, PLURAL, RESERVED, filter_of, singular_of
from .orders import in_full_order

READS: Final = ("list", "get", "search", "count", "aggregate")
WRITES: Final = {"create": "add", "update": "change", "delete": "delete"}
"""The operations that write, and the Django permission that each requires."""

TITLES: Final = {
    "list": _("List {rows}"),
    "get": _("Get {rows}"),
    "search": _("Search {rows}"),
    "count": _("Count {rows}"),
    "aggregate": _("Aggregate {rows}"),
    "create": _("Create {rows}"),
    "update": _("Update {rows}"),
    "delete": _("Delete {rows}"),
}
"""The titles of the operations: `rows` is the name of one row or of several, as the model gives it."""

OFFSET_LIMIT: Final = 10_000
"""The maximum number of rows that a list skips. Skipping costs as much as reading, so a client should filter
instead.
"""


class ModelToolset(Toolset):
    """Tools on the rows of a model: `operations` are list, get, search, count, aggregate, and, only if named, create,
    update and delete.

    `fields` are the fields of a row that a client sees, and may write if they are writable; a name with `__` is a field
    of a related row, which is read-only. `filters` are names of fields with or without a lookup ("country",
    "elevation_ft__gte"); `filterset` is a django-filter FilterSet whose filters are added. Each operation requires the
    model's own permission (view, add, change, delete) and `permission`, unless `model_permissions` is off. The names of
    the tools come from the model's class; `noun` and `plural` change them.
    """

    hooks: ClassVar[Sequence[str]] = ("get_queryset", "get_related_queryset", "prepare")

    model: ClassVar[type[models.Model]]
    noun: ClassVar[str] = ""
    plural: ClassVar[str] = ""
    fields: ClassVar[Sequence[str]]
    operations: ClassVar[Sequence[str]] = ("list", "get")
    writable: ClassVar[Sequence[str] | None] = None
    filters: ClassVar[Sequence[str]] = ()
    filterset: ClassVar[Any] = None
    ordering: ClassVar[Sequence[str]] = ()
    search_fields: ClassVar[Sequence[str]] = ()
    page_size: ClassVar[int] = 20
    max_page_size: ClassVar[int] = 100
    model_permissions: ClassVar[bool] = True

    def get_queryset(self) -> "models.QuerySet[Any]":
        """The rows that this user may see and, with the permission, change."""
        return self.model._default_manager.all()

    def prepare(self, row: Any) -> None:
        """Called with a row before it is validated and saved: for example, to set its owner."""

    def get_related_queryset(self, name: str) -> "models.QuerySet[Any]":
        """The rows that a client may name in a relation that it writes. By default these are all rows, which this user
        may not be allowed to read; so rows can be read through that relation (`vault__name`) only if you override it.
        """
        field: Any = model_fields.resolve(self.model, name)
        return field.related_model._default_manager.complex_filter(field.get_limit_choices_to())  # type: ignore[no-any-return]

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each operation and its options, then those of the methods that the subclass adds. Raises
        `ImproperlyConfigured` with all problems.
        """
        require_class(cls, "model", models.Model)
        require_names(cls, "fields", "operations", "filters", "ordering", "search_fields")
        if problems := list(dict.fromkeys(cls._problems())):
            raise ImproperlyConfigured(
                "\n- ".join([f"{cls.__qualname__}:", *problems])
                if problems[1:]
                else f"{cls.__qualname__}: {problems[0]}"
            )
        for operation in cls.operations:
            method = METHODS[operation](cls)
            method.__module__, method.__qualname__ = cls.__module__, f"{cls.__qualname__}.{operation}"
            if about := vars(cls).get("__doc__"):
                method.__doc__ = f"{method.__doc__}\n\n{cleandoc(about)}"
            yield as_function(cls, method), cls._options(operation)
        yield from super().tools()

    @classmethod
    def _problems(cls) -> Iterator[str]:
        """All problems of the declaration, one sentence each, with the remedy."""
        if unknown := set(cls.operations) - {*READS, *WRITES}:
            yield f"no such operations: {', '.join(sorted(unknown))}."
        named = {"fields": cls._paths(), "writable": cls.writable or (), "ordering": cls.ordering}
        for attribute, paths in (named | {"search_fields": cls.search_fields}).items():
            for path in paths:
                yield from cls._problems_with(attribute, path)
        for name in cls.filters:
            if name in RESERVED:
                yield f"a filter cannot be called {name!r}; use {name}__exact."
            elif problem := _refused(filter_of, cls, name):
                yield problem
        if "search" in cls.operations:
            yield from cls._search_problems()
        if "create" in cls.operations and (missing := cls._missing()):
            yield (
                f"create cannot work, since a new {cls.model.__name__} needs {', '.join(missing)}: have that written "
                "(fields, writable), set it in prepare(), or leave create out."
            )
        if "create" in cls.operations and not _problem_in_fields(cls):
            for name in sorted({*OF_METHODS} & cls._create_arguments().keys()):
                yield f"create cannot have an argument called {name!r}: say in writable which fields it takes."
        yield from cls._reading_problems()

    @classmethod
    def _problems_with(cls, attribute: str, path: str) -> Iterator[str]:
        if problem := _refused(_type_at, cls.model, path):
            yield problem
            return
        field = model_fields.resolve(cls.model, path)
        if attribute == "writable" and ("__" in path or not model_fields.is_writable(field)):
            yield f"{path!r} cannot be written by a client; leave it out of writable."
        if attribute == "ordering" and not model_fields.kind_of_target(field).is_scalar:
            yield f"a list cannot be sorted by {path!r}; leave it out of ordering."
        if attribute == "search_fields" and _refused(model_fields.filter_type, field, "icontains"):
            yield f"no words can be looked for in {path!r}; leave it out of search_fields."

    @classmethod
    def _search_problems(cls) -> Iterator[str]:
        if not cls.search_fields:
            yield "search needs search_fields."

    @classmethod
    def _missing(cls) -> list[str]:
        """The required fields of a new row that no argument sets."""
        if cls.prepare is not ModelToolset.prepare or _problem_in_fields(cls):
            return []
        writable = set(cls._writable())
        return [
            field.name
            for field in cls.model._meta.concrete_fields
            # A field that is not editable is not validated, and may be set when the row is saved.
            if field.editable
            and field.name not in writable
            and not model_fields.is_optional(field)
            and not model_fields.is_written_by_itself(field)
        ]

    @classmethod
    def _reading_problems(cls) -> Iterator[str]:
        """Reports paths through a relation that a client can write: by pointing it at any row, a client could read all
        of them.
        """
        if _problem_in_fields(cls) or cls.get_related_queryset is not ModelToolset.get_related_queryset:
            return
        written = set(cls._writable()) if {"create", "update"} & set(cls.operations) else set()
        filters = [] if cls.filterset is None else [one.field_name for one in cls.filterset.base_filters.values()]
        paths = [*cls.fields, *(cls.filters or ()), *cls.ordering, *cls.search_fields, *filters]
        for path in dict.fromkeys(path for path in paths if path and path.partition("__")[0] in written):
            relation, _, inner = path.partition("__")
            if inner and inner not in (*model_fields.LOOKUPS, "in", "isnull"):
                yield (
                    f"{path!r} would read any row, since a client may write {relation!r}: say in "
                    f"get_related_queryset(self, name) which rows it may name, or leave {relation!r} out of writable."
                )

    @classmethod
    def _noun(cls) -> str:
        return cls.noun or names.noun_of(cls.model)

    @classmethod
    def _options(cls, operation: str) -> dict[str, Any]:
        noun = cls._noun()
        several = operation in PLURAL
        meta = cls.model._meta
        spoken = meta.verbose_name_plural if several else meta.verbose_name
        return {
            "name": f"{cls.prefix}{operation}_{cls.plural or names.plural(noun) if several else noun}",
            "title": format_lazy(TITLES[operation], rows=spoken),
            "read_only": operation in READS,
            "destructive": operation in ("update", "delete") or None,
            "permission": cls._permissions(operation),
            "scopes": cls.scopes,
        }

    @classmethod
    def _permissions(cls, operation: str) -> list[Permission]:
        option = cls.permission
        permissions = list(option) if isinstance(option, list | tuple | set) else [] if option is None else [option]
        if cls.model_permissions:
            action = WRITES.get(operation, "view")
            permissions.append(f"{cls.model._meta.app_label}.{action}_{cls.model._meta.model_name}")
        return permissions  # type: ignore[return-value]

    @classmethod
    def _writable(cls) -> list[str]:
        """The fields that a client may write: those of the row itself, except keys and fields that are set
        automatically.
        """
        if cls.writable is not None:
            return list(cls.writable)
        named = {name: model_fields.resolve(cls.model, name) for name in cls.fields if "__" not in name}
        return [
            name
            for name, field in named.items()
            if field.editable and not field.primary_key and model_fields.is_writable(field)
        ]

    @classmethod
    def _paths(cls) -> list[str]:
        """The fields of the model among `fields`."""
        return list(cls.fields)

    @classmethod
    def _create_arguments(cls) -> dict[str, tuple[Any, Any]]:
        """The arguments of create: the type and the default of each."""
        fields = {name: model_fields.resolve(cls.model, name) for name in cls._writable()}
        return {
            name: (model_fields.parameter_type(field), None if model_fields.is_optional(field) else ...)
            for name, field in fields.items()
        }

    @classmethod
    def _change_arguments(cls) -> dict[str, Any]:
        """The types of the fields that update changes. The key is left out, because changing it would make another
        row.
        """
        fields = {name: model_fields.resolve(cls.model, name) for name in cls._writable()}
        keys = {field.name for field in cls.model._meta.pk_fields}
        return {
            name: model_fields.change_type(field)
            for name, field in fields.items()
            if name not in keys and not field.primary_key
        }

    @classmethod
    def _delete_arguments(cls) -> dict[str, tuple[Any, Any]]:
        return {}

    @classmethod
    def _row_type(cls) -> Any:
        return model_fields.row_type(cls.model, cls.fields)

    @classmethod
    def _one_type(cls) -> Any:
        """The type of a row that is read alone."""
        return cls._row_type()

    def _rows(self) -> "models.QuerySet[Any]":
        joined, apart = model_fields.relations_of(self.model, tuple(self._paths()))
        rows = self.get_queryset()
        rows = rows.select_related(*joined) if joined else rows
        return rows.prefetch_related(*apart) if apart else rows

    def _permit(self, *paths: str) -> None:
        """Called with the paths that a call filters, sorts or aggregates by."""

    def _filtered(self, arguments: Mapping[str, Any]) -> "models.QuerySet[Any]":
        values = {name: value for name, value in arguments.items() if value is not None}
        rows = self._rows()
        sets = self.filterset.base_filters if self.filterset is not None else {}
        # A FilterSet's filter with a method is the developer's own decision.
        self._permit(
            *(sets[name].field_name if name in sets else name for name in values if not _is_method(sets, name))
        )
        if self.filterset is not None:
            names = self.filterset.base_filters
            rows = filtersets.apply(self.filterset, {name: values.pop(name) for name in names if name in values}, rows)
        several = {name: values.pop(name) for name in list(values) if _may_repeat(self.model, name)}
        if several:
            # A subquery, so that a row with several matches is listed once.
            rows = rows.filter(pk__in=self.get_queryset().filter(**several).values("pk"))
        return rows.filter(**values)

    def _matching(self, query: str) -> "models.QuerySet[Any]":
        """The rows that have each word of a query in one of the search fields."""
        words = [
            reduce(or_, (Q(**{f"{path}__icontains": word}) for path in self.search_fields)) for word in query.split()
        ]
        rows = self._rows()
        return rows.filter(reduce(and_, words)) if words else rows.none()

    def _show(self, row: models.Model) -> dict[str, Any]:
        return {path: model_fields.value_at(row, path) for path in self.fields}

    def _show_one(self, row: models.Model) -> dict[str, Any]:
        """A row that is read alone."""
        return self._show(row)

    def _get(self, pk: Any) -> Any:
        try:
            return self._rows().get(pk=pk)
        except ObjectDoesNotExist:
            raise ToolError(f"There is no {self.model._meta.verbose_name} {pk}.") from None

    def _page(self, rows: "models.QuerySet[Any]", page: int, limit: int) -> dict[str, Any]:
        start = (page - 1) * limit
        if start > OFFSET_LIMIT:
            raise ToolError(f"page: only the first {OFFSET_LIMIT} rows are listed; filter for fewer.")
        entries = list(in_full_order(rows)[start : start + limit + 1])
        return {
            "items": [self._show(row) for row in entries[:limit]],
            "next_page": page + 1 if len(entries) > limit else None,
        }

    def _create(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._save(self.model(), {name: value for name, value in values.items() if value is not None})

    def _change(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._save(row, values)

    def _delete(self, row: Any) -> None:
        try:
            row.delete()
        except (ProtectedError, RestrictedError):
            raise ToolError(f"The {singular_of(type(self))} is still in use, so it is kept.") from None

    def _save(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        self._check_related(values)
        later = model_fields.assign(row, values)
        self.prepare(row)
        database = router.db_for_write(self.model, instance=row)
        try:
            row.full_clean()
            with transaction.atomic(using=database):
                row.save(**_way_to_save(row))
                model_fields.assign_later(row, later)
                return self._show(self._saved(row))
        except ValidationError as error:
            raise ToolError(explain(error, {*self._paths(), *self._writable()})) from None
        except IntegrityError:
            raise ToolError(conflict(row)) from None
        except DataError:
            raise ToolError("Not saved: the database cannot store one of the values.") from None
        except DatabaseError:
            if row._state.adding or self.model._base_manager.using(database).filter(pk=row.pk).exists():
                raise
            raise ToolError(f"There is no {singular_of(type(self))} {row.pk}.") from None

    def _saved(self, row: Any) -> Any:
        """The saved row, read again where it was written. If the user may not see it, it is not saved."""
        try:
            return self._rows().using(row._state.db).get(pk=row.pk)
        except ObjectDoesNotExist:
            raise ToolError(
                f"Not saved: the {singular_of(type(self))} would not be among those that you see."
            ) from None

    def _check_related(self, values: Mapping[str, Any]) -> None:
        """Raises `ToolError` for keys of rows that this user may not name."""
        is_limited = type(self).get_related_queryset is not ModelToolset.get_related_queryset
        lines = []
        for name, value in values.items():
            field: Any = model_fields.resolve(self.model, name)
            if isinstance(field, models.ManyToManyField):
                keys, path = list(value or ()), "pk"
            elif isinstance(field, models.ForeignKey) and is_limited and value is not None:
                keys, path = [value], field.target_field.attname
            else:
                continue
            rows = self.get_related_queryset(name)
            known = {str(key) for key in rows.filter(**{f"{path}__in": keys}).values_list(path, flat=True)}
            missing = ", ".join(str(key) for key in keys if str(key) not in known)
            if missing:
                lines.append(f"- {name}: There is no {field.related_model._meta.verbose_name} {missing}.")
        if lines:
            raise ToolError("\n".join(["Not saved:", *lines]))


def explain(error: ValidationError, shown: Collection[str] | None = None) -> str:
    """One line for each invalid field. The value of a field that is not `shown` is not told."""
    if not hasattr(error, "error_dict"):
        return "\n".join(error.messages)
    lines = [
        f"- {name}: {' '.join(_without_value(errors) if shown is not None and name not in shown else messages)}"
        for (name, errors), messages in zip(error.error_dict.items(), error.message_dict.values(), strict=True)
    ]
    return "\n".join(["Not saved:", *(line.replace("- __all__: ", "- ") for line in lines)])


def _without_value(errors: Sequence[ValidationError]) -> Iterator[str]:
    for error in errors:
        yield from ["Its value is not valid."] if "value" in (error.params or ()) else error.messages


def conflict(row: Any) -> str:
    """The reason why a database refused a row: a required value is missing, or another row has the same value."""
    fields = [field for field in row._meta.concrete_fields if not field.null]
    missing = [
        field.name
        for field in fields
        if not model_fields.is_written_by_itself(field) and field.value_from_object(row) is None
    ]
    if missing:
        return "\n".join(["Not saved:", *(f"- {name}: This field is required." for name in missing)])
    return f"The {row._meta.verbose_name} conflicts with one that is there."


def _way_to_save(row: Any) -> dict[str, Any]:
    """The arguments of `save()`: a new row with a key is inserted, and a row that was read is updated.

    Without them, Django would write the former over a row with this key, even over one that the manager hides, and
    insert the latter again if it was deleted meanwhile. A `save()` of the model's own may make a new row of a change,
    so changes are left to it.
    """
    if not row._state.adding:
        return {"force_update": True} if type(row).save is models.Model.save else {}
    keys = {*row._meta.pk_fields, *(field for field in row._meta.concrete_fields if field.primary_key)}
    # Django itself inserts rows whose keys have a default.
    given = [field for field in keys if field.value_from_object(row) is not None and not field.has_default()]
    return {"force_insert": (models.Model,)} if given else {}


def _type_at(model: type[models.Model], path: str) -> Any:
    return model_fields.type_of(model_fields.resolve(model, path))


def _refused(ask: Callable[..., Any], *arguments: Any) -> str:
    """The reason why something is refused; "" if it is not."""
    try:
        ask(*arguments)
    except ImproperlyConfigured as error:
        return str(error)
    return ""


def _problem_in_fields(cls: type[ModelToolset]) -> bool:
    paths = (*cls._paths(), *(cls.writable or ()))
    return any(_refused(model_fields.resolve, cls.model, path) for path in paths)


def _is_method(sets: Mapping[str, Any], name: str) -> bool:
    return name in sets and bool(sets[name].method)


def _may_repeat(model: type[models.Model], name: str) -> bool:
    path, lookup = model_fields.split_lookup(name)
    # Not by its kind: clients may ask of any field whether it is null.
    return lookup in ("in", "isnull") and bool(model_fields.resolve(model, path).many_to_many)
