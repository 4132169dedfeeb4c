"""Serializers and Django forms in a tool's signature: arguments are validated by them, results are serialized by them.

They may query the database, so this happens where the function runs, not where its message is read.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Final, get_args, get_origin

from asgiref.sync import sync_to_async
from django import forms
from django.core.exceptions import ImproperlyConfigured
from pydantic import WithJsonSchema
from rest_framework import serializers

from django_mcp.exceptions import ToolError, Unreadable
from django_mcp.primitives.context import Context
from django_mcp.primitives.elicitation_forms import django_schema
from django_mcp.primitives.errors import lines_of
from django_mcp.primitives.schemas import Schema
from django_mcp.primitives.signatures import describe_function, is_async, is_context, read_hints

from .schemas import request_context, schema_of

_CONTEXT: Final = "mcp_context"


@dataclass(frozen=True, slots=True)
class _SerializerType:
    """A serializer class, or a list of its data."""

    serializer_class: type[serializers.BaseSerializer[Any]]
    many: bool

    def input_schema(self) -> Schema:
        return schema_of(self.serializer_class(many=self.many), "input")

    def output_schema(self) -> Schema:
        return schema_of(self.serializer_class(many=self.many), "output")

    def read(self, value: Any, ctx: Context) -> Any:
        serializer = self.serializer_class(data=value, many=self.many, context=request_context(ctx))
        if not serializer.is_valid():
            raise _Invalid(lines_of(serializer.errors))
        return serializer

    def write(self, value: Any, ctx: Context) -> Any:
        if not isinstance(value, serializers.BaseSerializer):
            value = self.serializer_class(value, many=self.many, context=request_context(ctx))
        return value.data


@dataclass(frozen=True, slots=True)
class _FormType:
    """A Django form class; the argument is a bound and valid form."""

    form_class: type[forms.BaseForm]

    def input_schema(self) -> Schema:
        # Read once, at start-up: the rows of then may be others at the time of a call.
        schema = django_schema(self.form_class, lists_rows=False)
        properties = {
            name: {key: value for key, value in entry.items() if key != "title"}
            for name, entry in schema["properties"].items()
        }
        return {**schema, "properties": properties, "additionalProperties": False}

    def read(self, value: Any, ctx: Context) -> Any:
        if not isinstance(value, Mapping):
            raise _Invalid(["- Input should be an object"])
        unknown = [name for name in value if name not in getattr(self.form_class, "base_fields", {})]
        if unknown:
            raise _Invalid([f"- {name}: Unknown argument" for name in unknown])
        form = self.form_class(data=dict(value))
        if not form.is_valid():
            raise _Invalid([f"- {name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()])
        return form


class _Invalid(Exception):
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines


def adapt(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, or, if its signature has serializers or forms, one that takes and returns plain values."""
    label = describe_function(function)
    hints = read_hints(function, label)
    readers = {name: kind for name, hint in hints.items() if name != "return" and (kind := _kind(hint))}
    writer = _kind(hints.get("return"))
    if not readers and not isinstance(writer, _SerializerType):
        return function
    parameters = list(inspect.signature(function).parameters.values())
    may_lack = {
        parameter.name
        for parameter in parameters
        if parameter.default is None or type(None) in get_args(hints.get(parameter.name))
    }
    held = next((parameter.name for parameter in parameters if is_context(hints.get(parameter.name))), None)

    def prepare(arguments: dict[str, Any]) -> tuple[dict[str, Any], Context]:
        ctx = arguments[held] if held else arguments.pop(_CONTEXT)
        for name, kind in readers.items():
            if name in arguments and (arguments[name] is not None or name not in may_lack):
                arguments[name] = _read(kind, name, arguments[name], ctx)
        return arguments, ctx

    def write(value: Any, ctx: Context) -> Any:
        return writer.write(value, ctx) if isinstance(writer, _SerializerType) and value is not None else value

    if is_async(function):

        @wraps(function)
        async def call(**given: Any) -> Any:
            arguments, ctx = await sync_to_async(prepare)(given)
            return await sync_to_async(write)(await function(**arguments), ctx)

    else:

        @wraps(function)
        def call(**given: Any) -> Any:
            arguments, ctx = prepare(given)
            return write(function(**arguments), ctx)

    adapted: Any = call
    # Without this, the signature of the wrapped function would take precedence over the one below.
    del adapted.__wrapped__
    plain = {**hints, **{name: _argument(kind, hints[name], label, name) for name, kind in readers.items()}}
    if isinstance(writer, _SerializerType):
        shape: Any = list[dict[str, Any]] if writer.many else dict[str, Any]
        written = Annotated[shape, WithJsonSchema(writer.output_schema())]
        plain["return"] = written | None if type(None) in get_args(hints["return"]) else written
    if held is None:
        parameters.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=Context))
        plain[_CONTEXT] = Context
    adapted.__signature__ = inspect.Signature(parameters)
    adapted.__annotations__ = plain
    return adapted  # type: ignore[no-any-return]


def _read(kind: "_SerializerType | _FormType", name: str, value: Any, ctx: Context) -> Any:
    try:
        return kind.read(value, ctx)
    except _Invalid as invalid:
        lines = [f"- {name}.{line[2:]}" if ":" in line else f"- {name}: {line[2:]}" for line in invalid.lines]
        raise ToolError("\n".join(("Invalid arguments:", *lines))) from None


def _argument(kind: "_SerializerType | _FormType", hint: Any, label: str, name: str) -> Any:
    try:
        schema = kind.input_schema()
    except Unreadable as error:
        raise ImproperlyConfigured(f"{label}: {name} cannot be an argument: {error}.") from error
    optional = type(None) in get_args(hint)
    plain = Annotated[Any, WithJsonSchema(schema)]
    return plain | None if optional else plain


def _kind(hint: Any) -> "_SerializerType | _FormType | None":
    """The serializer or form in a type hint: the class, a list of a serializer, or either of them or `None`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is not None and type(None) in arguments:
        branches = [branch for branch in arguments if branch is not type(None)]
        return _kind(branches[0]) if len(branches) == 1 else None
    if isinstance(origin, type) and issubclass(origin, Iterable) and len(arguments) == 1:
        inner = _kind(arguments[0])
        return _SerializerType(inner.serializer_class, many=True) if isinstance(inner, _SerializerType) else None
    if isinstance(hint, type) and issubclass(hint, serializers.BaseSerializer):
        return _SerializerType(hint, many=False)
    if isinstance(hint, type) and issubclass(hint, forms.BaseForm):
        return _FormType(hint)
    return None
