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
    return {name: (_schema(name, one), bool(one.extra.get("required"))) for name, one in filters.items()}


def apply(filterset: Any, given: Mapping[str, Any], rows: Any) -> Any:
    """The rows that match a FilterSet. Raises `ToolError`, with the filter's name, for an invalid value."""
    bound = filterset(data=query_of(given), queryset=rows)
    if not bound.is_valid():
        raise ToolError("\n".join(f"- {name}: {' '.join(map(str, errors))}" for name, errors in bound.errors.items()))
    return bound.qs


def query_of(given: Mapping[str, Any]) -> QueryDict:
    """The arguments as a query string."""
    query = QueryDict(mutable=True)
    for name, value in given.items():
        if value is not None:
            several = value if isinstance(value, list) else [value]
            query.setlist(name, [str(one).lower() if isinstance(one, bool) else str(one) for one in several])
    return query


def _schema(name: str, one: Any) -> Schema:
    names = [base.__name__ for base in type(one).__mro__]
    choices = one.extra.get("choices")
    schema: Schema = {"type": next((_KINDS[base] for base in names if base in _KINDS), "string")}
    if choices and not callable(choices):
        schema = choices_schema(list(flatten_choices(choices)))
    meaning = schema.pop("description", "")
    if "MultipleChoiceFilter" in names:
        schema = {"type": "array", "items": schema}
    texts = [text for text in (_text(name, one), meaning) if text]
    return {**schema, "description": joined(texts)} if texts else schema


def _text(name: str, one: Any) -> str:
    """The help text of a filter, or its label if that says more than its name."""
    text = str(one.extra.get("help_text") or one.label or "")
    return "" if text.lower().replace(" ", "_") == name.replace("__", "_") else text
