"""The operations of a `ModelToolset`: a method for each, made per class because the class defines its arguments and
result.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Avg, Count, Max, Min, Sum
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from django_mcp.primitives.tools import ToolError

from . import filtersets, model_fields
from .described import described

if TYPE_CHECKING:
    from .model_toolset import ModelToolset

GROUPS_LIMIT: Final = 100
OF_METHODS: Final = ("self", "ctx")
"""Names that no argument can have, since each method has them."""

RESERVED: Final = ("page", "limit", "order_by", "query", "function", "field", "group_by", "pk", "changes", *OF_METHODS)
AGGREGATES: Final = {"count": Count, "sum": Sum, "avg": Avg, "min": Min, "max": Max}


def _list(cls: "type[ModelToolset]") -> Callable[..., Any]:
    orders = [f"{sign}{name}" for name in cls.ordering for sign in ("", "-")]

    def method(
        self: "ModelToolset",
        *,
        page: int = 1,
        limit: int = cls.page_size,
        order_by: str | None = None,
        **arguments: Any,
    ) -> Any:
        rows = self._filtered(arguments)
        self._permit(*([order_by] if order_by else []))
        return self._page(rows.order_by(order_by) if order_by else rows, page, limit)

    parameters = {**_filters(cls), **({"order_by": (Literal[tuple(orders)], None)} if orders else {}), **_paging(cls)}
    return _described(method, f"List {plural_of(cls)}.", parameters, _page_type(cls))


def _search(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", *, query: str, page: int = 1, limit: int = cls.page_size) -> Any:
        return self._page(self._matching(query), page, limit)

    query = Annotated[str, Field(max_length=200, description="words that it must have"), model_fields.STORABLE]
    return _described(
        method, f"Search {plural_of(cls)} for words.", {"query": (query, ...), **_paging(cls)}, _page_type(cls)
    )


def _get(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", *, pk: Any) -> Any:
        return self._show_one(self._get(pk))

    return _described(method, f"One {singular_of(cls)}.", _key(cls), cls._one_type())


def _count(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", **arguments: Any) -> Any:
        return self._filtered(arguments).count()

    return _described(method, f"Count {plural_of(cls)}.", _filters(cls), int)


def _aggregate(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(
        self: "ModelToolset", *, function: str, field: str = "pk", group_by: str | None = None, **arguments: Any
    ) -> Any:
        rows, aggregate = self._filtered(arguments).order_by(), AGGREGATES[function](field)
        self._permit(field, *([group_by] if group_by else []))
        if function in ("sum", "avg") and field not in numbers:
            raise ToolError(f"field: {function} is of numbers: {', '.join(numbers) or 'there are none'}.")
        if function in ("min", "max") and field not in ordered:
            raise ToolError(
                f"field: {function} is of numbers, text and times: {', '.join(ordered) or 'there are none'}."
            )
        if field == "pk" and function != "count" and len(cls.model._meta.pk_fields) > 1:
            raise ToolError(f"field: {function} is of one column, and a key has several; name one of them.")
        # An extreme is a value of the field's; what is counted or summed up is a number.
        of_field = field if function in ("min", "max") else None
        if group_by is None:
            return [{"group": None, "value": shown(of_field, rows.aggregate(**{_ALIAS: aggregate})[_ALIAS])}]
        groups = _once(rows).values(group_by).annotate(**{_ALIAS: aggregate})
        groups = groups.order_by(f"-{_ALIAS}", group_by)[:GROUPS_LIMIT]
        return [
            {"group": shown(group_by, group[group_by]), "value": shown(of_field, group[_ALIAS])} for group in groups
        ]

    def shown(name: str | None, value: Any) -> Any:
        return model_fields.value_alone(fields[name], value) if name in fields else value

    fields = {name: model_fields.resolve(cls.model, name) for name in cls._paths() if "__" not in name}
    scalar = [name for name, field in fields.items() if model_fields.kind_of_target(field).is_scalar]
    numeric = (models.IntegerField, models.FloatField, models.DecimalField)
    numbers = [name for name in scalar if isinstance(fields[name], numeric)]
    # PostgreSQL has no least boolean, and before 18 no least UUID.
    ordered = [name for name in scalar if not isinstance(model_fields.target_of(fields[name]), _WITHOUT_ORDER)]
    if not isinstance(model_fields.target_of(cls.model._meta.pk), _WITHOUT_ORDER):
        ordered.append("pk")
    parameters = {
        "function": (Literal[tuple(AGGREGATES)], ...),
        "field": (Literal[(*scalar, "pk")], "pk"),
        **({"group_by": (Literal[tuple(scalar)], None)} if scalar else {}),
        **_filters(cls),
    }
    group = create_model("Group", group=(Any, None), value=(Any, None))
    return _described(method, f"Count or sum up {plural_of(cls)}.", parameters, list[group])  # type: ignore[valid-type]


def _create(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", **arguments: Any) -> Any:
        return self._create(arguments)

    return _described(method, f"Create one {singular_of(cls)}.", cls._create_arguments(), cls._row_type())


def _update(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", *, pk: Any, changes: Mapping[str, Any]) -> Any:
        return self._change(self._get(pk), changes)

    kind = model_fields.changes_type(cls.model, cls._change_arguments())
    changes: Any = Annotated[kind, Field(description="the fields to change")]
    parameters = {**_key(cls), "changes": (changes, ...)}
    return _described(method, f"Change one {singular_of(cls)}.", parameters, cls._row_type())


def _delete(cls: "type[ModelToolset]") -> Callable[..., Any]:
    def method(self: "ModelToolset", *, pk: Any, **arguments: Any) -> Any:
        self._delete(self._get(pk), **arguments)
        return f"Deleted {singular_of(cls)} {pk}."

    return _described(method, f"Delete one {singular_of(cls)}.", {**_key(cls), **cls._delete_arguments()}, str)


METHODS: "Final[dict[str, Callable[[type[ModelToolset]], Callable[..., Any]]]]" = {
    "list": _list,
    "get": _get,
    "search": _search,
    "count": _count,
    "aggregate": _aggregate,
    "create": _create,
    "update": _update,
    "delete": _delete,
}
_ALIAS: Final = "_mcp_aggregate"
"""The name of a sum in a query: none that a model's field has, as `value` could be."""

_WITHOUT_ORDER: Final = (models.BooleanField, models.UUIDField)

PLURAL: Final = ("list", "search", "count", "aggregate")


def _once(rows: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
    """The same rows from a query without joins of its own, which would count a row once for each row that it joins."""
    query = rows.query
    if not (query.distinct or query.annotations):
        return rows
    every: models.QuerySet[Any] = rows.model._base_manager.using(rows.db)
    return every.filter(pk__in=rows.values("pk"))


def _described(method: Any, text: str, parameters: Mapping[str, tuple[Any, Any]], returns: Any) -> Callable[..., Any]:
    method.__doc__ = text
    return described(method, parameters, returns)


def _filters(cls: "type[ModelToolset]") -> dict[str, tuple[Any, Any]]:
    parameters: dict[str, tuple[Any, Any]] = {}
    for name in cls.filters:
        path, lookup = filter_of(cls, name)
        parameters[name] = (model_fields.filter_type(model_fields.resolve(cls.model, path), lookup), None)
    for name, (schema, required) in filtersets.schemas_of(cls.filterset).items():
        if name in RESERVED or name in parameters:
            raise ImproperlyConfigured(f"{cls.__qualname__}: the filterset's {name!r} is taken; declare it otherwise.")
        parameters[name] = (Annotated[Any, WithJsonSchema(schema)], ... if required else None)
    return parameters


def filter_of(cls: "type[ModelToolset]", name: str) -> tuple[str, str]:
    """The field of a filter and its lookup. Raises `ImproperlyConfigured`."""
    path, lookup = model_fields.split_lookup(name)
    model_fields.filter_type(model_fields.resolve(cls.model, path), lookup)
    return path, lookup


def _paging(cls: "type[ModelToolset]") -> dict[str, tuple[Any, Any]]:
    page = Annotated[int, Field(ge=1, description="next_page of the page before")]
    limit = Annotated[int, Field(ge=1, le=cls.max_page_size, description="rows of a page")]
    return {"page": (page, 1), "limit": (limit, cls.page_size)}


def _page_type(cls: "type[ModelToolset]") -> type[BaseModel]:
    row: Any = cls._row_type()
    return create_model("Page", items=(list[row], ...), next_page=(int | None, None))


def _key(cls: "type[ModelToolset]") -> dict[str, tuple[Any, Any]]:
    key = model_fields.type_of(model_fields.resolve(cls.model, "pk"))
    return {"pk": (Annotated[key, Field(description="its key")], ...)}


def plural_of(cls: "type[ModelToolset]") -> str:
    """The plural name of the rows, for people."""
    return str(cls.model._meta.verbose_name_plural)


def singular_of(cls: "type[ModelToolset]") -> str:
    """The name of one row, for people."""
    return str(cls.model._meta.verbose_name)
