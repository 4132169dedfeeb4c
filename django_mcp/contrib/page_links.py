"""Links to other pages of a list, replaced by arguments: a model calls tools and cannot follow URLs."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, QueryDict

from . import filtersets


def with_arguments(data: Any, request: HttpRequest, arguments: Mapping[str, Any]) -> Any:
    """The response of a list, in which each link to a page (`next`, `previous`, also under `links`) is replaced by the
    arguments of the call for that page.
    """
    if not isinstance(data, Mapping):
        return data
    return {
        name: with_arguments(value, request, arguments)
        if isinstance(value, Mapping)
        else _arguments(QueryDict(value.partition("?")[2]), arguments)
        if _is_link(value, request)
        else value
        for name, value in data.items()
    }


def _is_link(value: Any, request: HttpRequest) -> bool:
    """Whether a value is a link to the list itself: its paginator used the endpoint's URL."""
    if not isinstance(value, str) or not value.startswith("http"):
        return False
    return value.partition("?")[0] == request.build_absolute_uri(request.path)


def _arguments(query: QueryDict, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in a query string; those of the call keep their original values."""
    sent = filtersets.query_of(arguments)
    return {name: arguments[name] if sent.getlist(name) == values else _plain(values) for name, values in query.lists()}


def _plain(values: list[str]) -> Any:
    read = [int(value) if value.isascii() and value.isdigit() else value for value in values]
    return read[0] if len(read) == 1 else read
