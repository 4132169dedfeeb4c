"""Rows of models as resources: the row of a URI, or all rows that have the values of the URI's variables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from rest_framework.serializers import BaseSerializer

from django_mcp.drf.schemas import request_context
from django_mcp.exceptions import ResourceNotFound
from django_mcp.primitives.access import Permission
from django_mcp.primitives.context import Context
from django_mcp.primitives.uri_templates import compile_template

from . import model_fields, names
from .described import described
from .orders import in_full_order

COMPLETIONS: Final = 101
"""The number of values that a completer reads: one more than a client gets."""

GetQuerySet = Callable[[Context], "models.QuerySet[Any]"]


class ModelResource:
    """`resource(ModelResource("airport://{iata}", Airport, fields=("name", "city")))`: the row that has the values in
    the URI; with `many`, the first `limit` such rows.

    The variables are names of fields, and validated by them. A row is shown as its `fields`, or by a `serializer`.
    `queryset` returns the rows that the caller may see. `complete` names the variables whose values may be suggested.
    The model's view permission and `permission` are required, unless `model_permissions` is off. Every failure to find
    a row is answered as not found.
    """

    def __init__(
        self,
        uri: str,
        model: type[models.Model],
        *,
        fields: Sequence[str] | None = None,
        serializer: type[BaseSerializer[Any]] | None = None,
        queryset: GetQuerySet | None = None,
        many: bool = False,
        limit: int = 100,
        complete: Sequence[str] = (),
        permission: Permission | Sequence[Permission] | None = None,
        model_permissions: bool = True,
        **options: Any,
    ) -> None:
        if (fields is None) == (serializer is None):
            raise ImproperlyConfigured(f"ModelResource {uri!r}: give either fields or a serializer.")
        self._uri = uri
        self._model = model
        self._fields = tuple(fields or ())
        self._serializer = serializer
        self._queryset = queryset
        self._many = many
        self._limit = limit
        self._complete = tuple(complete)
        self._options = options
        several = permission if isinstance(permission, list | tuple) else [] if permission is None else [permission]
        view = f"{model._meta.app_label}.view_{model._meta.model_name}"
        self._permissions = [*several, *([view] if model_permissions else [])]
        self._variables = {name: model_fields.resolve(model, name) for name in compile_template(uri).variables}
        for name in self._fields:
            model_fields.type_of(model_fields.resolve(model, name))

    def resources(self) -> Iterator[tuple[Callable[..., Any], str, dict[str, Any]]]:
        """The function, the URI and the options, for a registry."""
        noun, spoken = names.noun_of(self._model), self._model._meta.verbose_name
        if self._many:
            noun, spoken = names.plural(noun), self._model._meta.verbose_name_plural
        defaults = {
            "name": noun,
            "description": f"{'The' if self._many else 'One'} {spoken}.",
            "mime_type": "application/json",
            "permission": self._permissions,
            "complete": {name: self._completer(name) for name in self._complete},
        }
        yield self._function(), self._uri, {**defaults, **self._options}

    def _function(self) -> Callable[..., Any]:
        def read(*, ctx: Context, **variables: Any) -> Any:
            rows = self._rows(ctx).filter(**variables)
            if self._many:
                return self._show(list(rows[: self._limit]), ctx)
            first_two = list(rows[:2])
            # Several rows are not found either: a URI must name one.
            if len(first_two) != 1:
                raise ResourceNotFound
            return self._show(first_two, ctx)[0]

        parameters = {name: (model_fields.parameter_type(field), ...) for name, field in self._variables.items()}
        read.__module__, read.__qualname__ = self._model.__module__, f"{self._model.__name__}Resource({self._uri})"
        return described(read, {**parameters, "ctx": (Context, ...)}, object)

    def _rows(self, ctx: Context) -> "models.QuerySet[Any]":
        rows = self._model._default_manager.all() if self._queryset is None else self._queryset(ctx)
        joined, apart = model_fields.relations_of(self._model, self._fields)
        rows = rows.select_related(*joined) if joined else rows
        rows = rows.prefetch_related(*apart) if apart else rows
        return in_full_order(rows)

    def _show(self, rows: Sequence[Any], ctx: Context) -> list[Mapping[str, Any]]:
        if self._serializer is not None:
            return list(self._serializer(rows, many=True, context=request_context(ctx)).data)
        return [{path: model_fields.value_at(row, path) for path in self._fields} for row in rows]

    def _completer(self, name: str) -> Callable[..., list[str]]:
        if name not in self._variables:
            raise ImproperlyConfigured(f"ModelResource {self._uri!r}: complete names {name!r}, which is no variable.")
        field = self._variables[name]
        model_fields.filter_type(field, "istartswith")
        # A URI cannot have an empty value, which only text is.
        empty = {name: ""} if isinstance(field, models.CharField | models.TextField) else {}

        def suggest(value: str, ctx: Context) -> list[str]:
            if not model_fields.is_storable(value):
                return []
            rows = self._rows(ctx).filter(**{f"{name}__istartswith": value}).exclude(**empty)
            return [
                str(suggestion)
                for suggestion in rows.order_by(name).values_list(name, flat=True).distinct()[:COMPLETIONS]
            ]

        return suggest
