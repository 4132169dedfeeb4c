"""The arguments of a DRF view's action: the fields of its serializer, and the parameters of its filters and its
paginator.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.urls.converters import get_converters
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView

from django_mcp.drf.schemas import properties_of
from django_mcp.exceptions import Unreadable
from django_mcp.primitives.schemas import Schema

from . import filtersets

Parameters = dict[str, tuple[Schema, bool]]
"""The arguments of a tool: the schema of each, and whether it is required."""

_IN_ONE_PART: Final = "[^/]+"
"""The lookups of a viewset that says nothing else: its own URLs may have dots, which a router leaves out."""


def of_url(view: Any, names: Sequence[str]) -> Parameters:
    """The variables of a URL: the lookup has its column's type, others are text."""
    lookup = lookup_of(view)
    return {name: (_lookup_schema(view) if name == lookup else {"type": "string"}, True) for name in names}


def of_body(view: Any, *, partial: bool) -> Parameters:
    """The input fields of the action's serializer; none if the view has no serializer. Raises `ImproperlyConfigured`
    for a required field that JSON cannot fill.
    """
    if not _has_serializer(view):
        return {}
    serializer = view.get_serializer()
    try:
        schemas = properties_of(getattr(serializer, "child", serializer), "input", partial=partial)
    except Unreadable as error:
        raise ImproperlyConfigured(f"{error}: have get_serializer_class() choose it by self.action.") from error
    fields = getattr(serializer, "child", serializer).fields
    return {name: (schema, fields[name].required and not partial) for name, schema in schemas.items()}


def of_query(view: Any) -> Parameters:
    """The query parameters of a list."""
    readers = [backend() for backend in getattr(view, "filter_backends", ())]
    parameters: Parameters = {}
    for reader in [*readers, paginator_of(view)]:
        if hasattr(reader, "get_filterset_class"):
            # Described here, because newer versions of django-filter do not describe themselves.
            parameters |= filtersets.schemas_of(reader.get_filterset_class(view, view.get_queryset()))
        elif hasattr(reader, "get_schema_operation_parameters"):
            for entry in reader.get_schema_operation_parameters(view):
                parameters[entry["name"]] = (_described(entry), bool(entry.get("required")))
    return parameters


def paginator_of(view: Any) -> Any:
    """The paginator of a view, or `None`."""
    return getattr(view, "paginator", None)


def lookup_of(view: Any) -> str:
    """The variable of a viewset's detail URL, as DRF's routers name it."""
    return str(getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", "pk"))


def lookup_value(view: type[Any], text: str) -> Any:
    """The lookup of a viewset in a URL, as its router passes it. Raises `NotFound` where no URL has it."""
    name = getattr(view, "lookup_value_converter", None)
    converter: Any = get_converters()[name] if name else None
    pattern = converter.regex if converter else getattr(view, "lookup_value_regex", _IN_ONE_PART)
    if not re.fullmatch(pattern, text):
        raise NotFound
    try:
        return converter.to_python(text) if converter else text
    except ValueError:
        raise NotFound from None


def as_schema(parameters: Parameters) -> Schema:
    """The parameters as the schema of a tool's arguments."""
    required = [name for name, (_, is_required) in parameters.items() if is_required]
    return {
        "type": "object",
        "properties": {name: schema for name, (schema, _) in parameters.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _has_serializer(view: Any) -> bool:
    """Whether the action has a serializer; without one, its body cannot be described."""
    if getattr(view, "serializer_class", None) is not None:
        return hasattr(view, "get_serializer")
    hooks = ("get_serializer", "get_serializer_class")
    return any(getattr(type(view), name, None) not in (None, getattr(GenericAPIView, name)) for name in hooks)


def _lookup_schema(view: Any) -> Schema:
    name = getattr(view, "lookup_field", "pk")
    try:
        options = _model_of(view)._meta
        field = options.pk if name == "pk" else options.get_field(name)
    except (AttributeError, FieldDoesNotExist):
        return {"type": "string"}
    whole = "Integer" in field.get_internal_type() or "AutoField" in field.get_internal_type()
    return {"type": "integer"} if whole else {"type": "string"}


def _model_of(view: Any) -> Any:
    if getattr(view, "queryset", None) is not None:
        return view.queryset.model
    return getattr(view.get_queryset(), "model", None) if hasattr(view, "get_queryset") else None


def _described(entry: Mapping[str, Any]) -> Schema:
    schema: Schema = dict(entry.get("schema", {"type": "string"}))
    text = str(entry.get("description") or "")
    return {**schema, "description": text} if text else schema
