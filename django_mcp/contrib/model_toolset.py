"""`ModelToolset`: the rows of a model as tools. Nothing is readable, filterable, sortable or writable that is not
declared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Annotated, Any, ClassVar, Final, Literal

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import Avg, Count, Max, Min, ProtectedError, Q, RestrictedError, Sum
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from django_mcp.primitives.access import Permission
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import Toolset, as_function

from . import filtersets, model_fields
from .described import described

READS: Final = ("list", "get", "search", "count", "aggregate")
WRITES: Final = {"create": "add", "update": "change", "delete": "delete"}
"""The operations that write, and the permission of Django's that each asks for."""

OFFSET_LIMIT: Final = 10_000
"""Rows that a list can skip: a client that wants more filters, since skipping costs as much as reading."""

GROUPS_LIMIT: Final = 100
RESERVED: Final = ("page", "limit", "order_by", "query", "function", "field", "group_by", "pk", "changes", "ctx")
AGGREGATES: Final = {"count": Count, "sum": Sum, "avg": Avg, "min": Min, "max": Max}


class ModelToolset(Toolset):
    """Tools on the rows of a model: `operations` of list, get, search, count, aggregate; create, update and delete when
    they are named.

    `fields` are what a client sees of a row, and may write where it can be written; with `__`, a related row's, only
    read. `filters` are names of fields with or without a lookup ("country", "elevation_ft__gte"); `filterset` is a
    django-filter FilterSet, whose filters are taken beside them. Each operation asks
    for the model's own permission (view, add, change, delete) beside `permission`, unless `model_permissions` is off.
    """

    hooks: ClassVar[Sequence[str]] = ("get_queryset", "prepare")

    model: ClassVar[type[models.Model]]
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
        """Called with a row before it is validated and saved: the place to set its owner."""

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each operation and its options, then those of the methods that the subclass adds."""
        if unknown := set(cls.operations) - {*READS, *WRITES}:
            raise ImproperlyConfigured(f"{cls.__qualname__}: no such operations: {', '.join(sorted(unknown))}.")
        for operation in cls.operations:
            method = _METHODS[operation](cls)
            method.__module__, method.__qualname__ = cls.__module__, f"{cls.__qualname__}.{operation}"
            yield as_function(cls, method), cls._options(operation)
        yield from super().tools()

    @classmethod
    def _options(cls, operation: str) -> dict[str, Any]:
        noun = cls.model._meta.verbose_name_plural if operation in _PLURAL else cls.model._meta.verbose_name
        return {
            "name": f"{cls.prefix}{operation}_{str(noun).lower().replace(' ', '_')}",
            "read_only": operation in READS,
            "destructive": operation in ("update", "delete") or None,
            "permission": cls._permissions(operation),
            "scopes": cls.scopes,
        }

    @classmethod
    def _permissions(cls, operation: str) -> list[Permission]:
        own = cls.permission
        several = list(own) if isinstance(own, list | tuple | set) else [] if own is None else [own]
        if cls.model_permissions:
            action = WRITES.get(operation, "view")
            several.append(f"{cls.model._meta.app_label}.{action}_{cls.model._meta.model_name}")
        return several  # type: ignore[return-value]

    @classmethod
    def _writable(cls) -> list[str]:
        """The fields that a client may write: those of the row itself that are no key and not set by themselves."""
        if cls.writable is not None:
            return list(cls.writable)
        named = {name: model_fields.resolve(cls.model, name) for name in cls.fields if "__" not in name}
        return [
            name
            for name, field in named.items()
            if field.editable and not field.primary_key and not isinstance(field, models.FileField)
        ]

    def _rows(self) -> "models.QuerySet[Any]":
        relations = [path.rpartition("__")[0] for path in self.fields if "__" in path]
        rows = self.get_queryset()
        return rows.select_related(*relations) if relations else rows

    def _filtered(self, given: Mapping[str, Any]) -> "models.QuerySet[Any]":
        own = {name: value for name, value in given.items() if value is not None}
        rows = self._rows()
        if self.filterset is not None:
            names = self.filterset.base_filters
            rows = filtersets.apply(self.filterset, {name: own.pop(name) for name in names if name in own}, rows)
        return rows.filter(**own)

    def _matching(self, query: str) -> "models.QuerySet[Any]":
        """The rows that have each word of a query in one of the search fields."""
        words = [
            reduce(or_, (Q(**{f"{path}__icontains": word}) for path in self.search_fields)) for word in query.split()
        ]
        rows = self._rows()
        return rows.filter(reduce(and_, words)) if words else rows.none()

    @classmethod
    def _check_search(cls) -> None:
        if not cls.search_fields:
            raise ImproperlyConfigured(f"{cls.__qualname__}: search needs search_fields.")
        for path in cls.search_fields:
            model_fields.resolve(cls.model, path)

    def _show(self, row: models.Model) -> dict[str, Any]:
        return {path: model_fields.value_at(row, path) for path in self.fields}

    def _get(self, pk: Any) -> Any:
        try:
            return self._rows().get(pk=pk)
        except ObjectDoesNotExist:
            raise ToolError(f"There is no {self.model._meta.verbose_name} {pk}.") from None

    def _page(self, rows: "models.QuerySet[Any]", page: int, limit: int) -> dict[str, Any]:
        start = (page - 1) * limit
        if start > OFFSET_LIMIT:
            raise ToolError(f"page: only the first {OFFSET_LIMIT} rows are listed; filter for fewer.")
        if not rows.ordered:
            rows = rows.order_by("pk")
        found = list(rows[start : start + limit + 1])
        return {
            "items": [self._show(row) for row in found[:limit]],
            "next_page": page + 1 if len(found) > limit else None,
        }

    def _create(self, values: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in values.items() if value is not None}
        return self._save(self.model(**_by_column(type(self), given)))

    def _change(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        for name, value in _by_column(type(self), values).items():
            setattr(row, name, value)
        return self._save(row)

    def _delete(self, row: Any) -> None:
        try:
            row.delete()
        except (ProtectedError, RestrictedError):
            raise ToolError(f"The {_singular(type(self))} is still in use, so it is kept.") from None

    def _save(self, row: Any) -> dict[str, Any]:
        self.prepare(row)
        try:
            row.full_clean()
            with transaction.atomic(using=row._state.db):
                row.save()
        except ValidationError as error:
            raise ToolError(_problems(error)) from None
        except IntegrityError:
            raise ToolError(f"The {self.model._meta.verbose_name} conflicts with one that is there.") from None
        return self._show(self._get(row.pk))


def _problems(error: ValidationError) -> str:
    """A line for each field that is wrong."""
    if not hasattr(error, "error_dict"):
        return "\n".join(error.messages)
    lines = [f"- {name}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
    return "\n".join(["Not saved:", *(line.replace("- __all__: ", "- ") for line in lines)])


# The methods of the operations. Each is made for a class, since what it takes and returns is that class' to say.


def _list(cls: type[ModelToolset]) -> Callable[..., Any]:
    orders = [f"{sign}{name}" for name in cls.ordering for sign in ("", "-")]

    def method(
        self: ModelToolset, *, page: int = 1, limit: int = cls.page_size, order_by: str | None = None, **given: Any
    ) -> Any:
        rows = self._filtered(given)
        return self._page(rows.order_by(order_by, "pk") if order_by else rows, page, limit)

    parameters = {**_filters(cls), **({"order_by": (Literal[tuple(orders)], None)} if orders else {}), **_paging(cls)}
    return _described(method, f"List {_plural(cls)}.", parameters, _page_type(cls))


def _search(cls: type[ModelToolset]) -> Callable[..., Any]:
    cls._check_search()

    def method(self: ModelToolset, *, query: str, page: int = 1, limit: int = cls.page_size) -> Any:
        return self._page(self._matching(query), page, limit)

    query = Annotated[str, Field(max_length=200, description="words that it must have"), model_fields.STORABLE]
    return _described(
        method, f"Search {_plural(cls)} for words.", {"query": (query, ...), **_paging(cls)}, _page_type(cls)
    )


def _get(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(self: ModelToolset, *, pk: Any) -> Any:
        return self._show(self._get(pk))

    return _described(method, f"One {_singular(cls)}.", _key(cls), model_fields.row_type(cls.model, cls.fields))


def _count(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(self: ModelToolset, **given: Any) -> Any:
        return self._filtered(given).count()

    return _described(method, f"Count {_plural(cls)}.", _filters(cls), int)


def _aggregate(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(
        self: ModelToolset, *, function: str, field: str = "pk", group_by: str | None = None, **given: Any
    ) -> Any:
        rows, aggregate = self._filtered(given).order_by(), AGGREGATES[function](field)
        if function in ("sum", "avg") and field not in numbers:
            raise ToolError(f"field: {function} is of numbers: {', '.join(numbers) or 'there are none'}.")
        if group_by is None:
            return [{"group": None, "value": rows.aggregate(value=aggregate)["value"]}]
        groups = rows.values(group_by).annotate(value=aggregate).order_by("-value", group_by)[:GROUPS_LIMIT]
        return [{"group": group[group_by], "value": group["value"]} for group in groups]

    own = [name for name in cls.fields if "__" not in name]
    numeric = (models.IntegerField, models.FloatField, models.DecimalField)
    numbers = [name for name in own if isinstance(model_fields.resolve(cls.model, name), numeric)]
    parameters = {
        "function": (Literal[tuple(AGGREGATES)], ...),
        "field": (Literal[(*own, "pk")], "pk"),
        "group_by": (Literal[tuple(own)], None),
        **_filters(cls),
    }
    group = create_model("Group", group=(Any, None), value=(Any, None))
    return _described(method, f"Count or sum up {_plural(cls)}.", parameters, list[group])  # type: ignore[valid-type]


def _create(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(self: ModelToolset, **given: Any) -> Any:
        return self._create(given)

    parameters = {}
    for name in cls._writable():
        field = model_fields.resolve(cls.model, name)
        parameters[name] = (model_fields.parameter_type(field), None if model_fields.is_optional(field) else ...)
    row = model_fields.row_type(cls.model, cls.fields)
    return _described(method, f"Create one {_singular(cls)}.", parameters, row)


def _update(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(self: ModelToolset, *, pk: Any, changes: BaseModel) -> Any:
        return self._change(self._get(pk), {name: getattr(changes, name) for name in changes.model_fields_set})

    kind = model_fields.changes_type(cls.model, cls._writable())
    changes: Any = Annotated[kind, Field(description="the fields to change")]
    row = model_fields.row_type(cls.model, cls.fields)
    return _described(
        method,
        f"Change one {_singular(cls)}.",
        {**_key(cls), "changes": (changes, ...)},
        row,
    )


def _delete(cls: type[ModelToolset]) -> Callable[..., Any]:
    def method(self: ModelToolset, *, pk: Any) -> Any:
        self._delete(self._get(pk))
        return f"Deleted {_singular(cls)} {pk}."

    return _described(method, f"Delete one {_singular(cls)}.", _key(cls), str)


_METHODS: Final[dict[str, Callable[[type[ModelToolset]], Callable[..., Any]]]] = {
    "list": _list,
    "get": _get,
    "search": _search,
    "count": _count,
    "aggregate": _aggregate,
    "create": _create,
    "update": _update,
    "delete": _delete,
}
_PLURAL: Final = ("list", "search", "count", "aggregate")


def _described(method: Any, text: str, parameters: Mapping[str, tuple[Any, Any]], returns: Any) -> Callable[..., Any]:
    method.__doc__ = text
    return described(method, parameters, returns)


def _filters(cls: type[ModelToolset]) -> dict[str, tuple[Any, Any]]:
    parameters: dict[str, tuple[Any, Any]] = {}
    for name in cls.filters:
        if name in RESERVED:
            raise ImproperlyConfigured(f"{cls.__qualname__}: a filter cannot be called {name!r}; use {name}__exact.")
        path, _, lookup = name.rpartition("__")
        if lookup not in (*model_fields.LOOKUPS, "in", "isnull"):
            path, lookup = name, "exact"
        parameters[name] = (model_fields.parameter_type(model_fields.resolve(cls.model, path), lookup), None)
    for name, (schema, required) in filtersets.schemas_of(cls.filterset).items():
        if name in RESERVED or name in parameters:
            raise ImproperlyConfigured(f"{cls.__qualname__}: the filterset's {name!r} is taken; declare it otherwise.")
        parameters[name] = (Annotated[Any, WithJsonSchema(schema)], ... if required else None)
    return parameters


def _paging(cls: type[ModelToolset]) -> dict[str, tuple[Any, Any]]:
    page = Annotated[int, Field(ge=1, description="next_page of the page before")]
    limit = Annotated[int, Field(ge=1, le=cls.max_page_size, description="rows of a page")]
    return {"page": (page, 1), "limit": (limit, cls.page_size)}


def _page_type(cls: type[ModelToolset]) -> type[BaseModel]:
    row: Any = model_fields.row_type(cls.model, cls.fields)
    return create_model("Page", items=(list[row], ...), next_page=(int | None, None))


def _key(cls: type[ModelToolset]) -> dict[str, tuple[Any, Any]]:
    key = model_fields.type_of(model_fields.resolve(cls.model, "pk"))
    return {"pk": (Annotated[key, Field(description="its key")], ...)}


def _by_column(cls: type[ModelToolset], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the name that a row takes them under: a key of another row is not that row."""
    return {model_fields.resolve(cls.model, name).attname: value for name, value in given.items()}


def _plural(cls: type[ModelToolset]) -> str:
    return str(cls.model._meta.verbose_name_plural)


def _singular(cls: type[ModelToolset]) -> str:
    return str(cls.model._meta.verbose_name)
