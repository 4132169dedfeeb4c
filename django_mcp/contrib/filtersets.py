"""django-filter's FilterSets as arguments of tools, if that package is installed."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import QueryDict
from django.utils.choices import flatten_choices

from django_mcp.drf.schemas import choices_schema, joined
from django_mcp.primitives.schemas import Schema
from django_mcp.primitives.tools import ToolError

_KINDS: Final = {"NumberFilter": "number", "BooleanFilter": "boolean"}


def schemas_of(filterset: Any) -> dict[str, tuple[Schema, bool]]:
    """The filters of a FilterSet: the schema of each, and whether it is required."""
    filters = filterset.base_filters if filterset is not None else {}
    return {name: (_schema(name, filter_), bool(filter_.extra.get("required"))) for name, filter_ in filters.items()}


def apply(filterset: Any, arguments: Mapping[str, Any], rows: Any) -> Any:
    """The rows that match a FilterSet. Raises `ToolError`, with the filter's name, for an invalid value."""
    bound = filterset(data=query_of(arguments), queryset=rows)
    if not bound.is_valid():
        raise ToolError("\n".join(f"- {name}: {' '.join(map(str, errors))}" for name, errors in bound.errors.items()))
    return bound.qs


def query_of(arguments: Mapping[str, Any]) -> QueryDict:
    """The arguments as a query string."""
    query = QueryDict(mutable=True)
    for name, value in arguments.items():
        if value is not None:
            values = value if isinstance(value, list) else [value]
            query.setlist(name, [str(item).lower() if isinstance(item, bool) else str(item) for item in values])
    return query


def _schema(name: str, filter_: Any) -> Schema:
    names = [base.__name__ for base in type(filter_).__mro__]
    choices = filter_.extra.get("choices")
    schema: Schema = {"type": next((_KINDS[base] for base in names if base in _KINDS), "string")}
    if choices and not callable(choices):
        schema = choices_schema(list(flatten_choices(choices)))
    meaning = schema.pop("description", "")
    if "MultipleChoiceFilter" in names:
        schema = {"type": "array", "items": schema}
    texts = [text for text in (_text(name, filter_), meaning) if text]
    return {**schema, "description": joined(texts)} if texts else schema


def _text(name: str, filter_: Any) -> str:
    """The help text of a filter, or its label if that says more than its name."""
    text = str(filter_.extra.get("help_text") or filter_.label or "")
    return "" if text.lower().replace(" ", "_") == name.replace("__", "_") else text
