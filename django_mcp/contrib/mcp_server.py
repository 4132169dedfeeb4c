"""Compatibility with django-mcp-server: its two base classes under their own names.

`from mcp_server import MCPToolset, ModelQueryToolset` becomes `from .mcp_server import …`. Subclasses register
themselves on the default server. New code should use `Toolset` and `ModelToolset`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from django.db import models

from django_mcp import default_server
from django_mcp.primitives.toolsets import Toolset

from . import model_fields
from .model_toolset import ModelToolset


class MCPToolset(Toolset):
    """A class whose public methods become tools as soon as it is defined. `self.request` is Django's request."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        default_server.toolset(cls)


class ModelQueryToolset(ModelToolset):
    """Tools that query a `model`: list, get, count, aggregate, and search if it has text fields. django-mcp-server has
    one tool with a pipeline instead.

    Clients see `fields`, or all but `exclude_fields`; `search_fields` are searched. As in django-mcp-server, no
    permission is checked: `get_queryset()` limits the rows. A field named `password` is shown only if `fields` names
    it.
    """

    hooks: ClassVar[Sequence[str]] = ("mcp_server", "exclude_fields", "extra_instructions", "output_format")

    exclude_fields: ClassVar[Sequence[str]] = ("password",)
    extra_instructions: ClassVar[str | None] = None
    model_permissions: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "model"):
            default_server.toolset(cls)

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each operation and its options."""
        named = getattr(cls, "fields", None)
        columns = [f for f in cls.model._meta.concrete_fields if model_fields.is_readable(cls.model, f.name)]
        shown = [field for field in columns if (field.name in named if named else field.name not in cls.exclude_fields)]
        text = [field.name for field in shown if isinstance(field, models.CharField | models.TextField)]
        cls.fields = tuple(field.name for field in shown)
        cls.search_fields = tuple(cls.search_fields) or tuple(text)
        cls.ordering = cls.ordering or cls.fields
        cls.filters = cls.filters or tuple(name for field in shown for name in _filters_of(field))
        cls.operations = ("list", "get", "count", "aggregate", *(["search"] if cls.search_fields else []))
        for function, options in super().tools():
            if cls.extra_instructions:
                options = {**options, "description": f"{function.__doc__ or ''}\n{cls.extra_instructions}".strip()}
            yield function, options


def _filters_of(field: Any) -> list[str]:
    if isinstance(field, models.CharField | models.TextField):
        return [field.name, f"{field.name}__icontains"]
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField | models.DateField):
        return [field.name, f"{field.name}__gte", f"{field.name}__lte"]
    return [field.name]
