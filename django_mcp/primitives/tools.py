"""Tools: a function, the schema of its arguments, and the shape of what it returns."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import ValidationError, to_json

from . import schemas, signatures
from .content import BLOCK_TYPES, Icon, ToolResult, is_content, to_blocks, to_json_value
from .context import Context
from .errors import ToolError as ToolError
from .param_headers import read_param_headers
from .schemas import Schema
from .signatures import Signature

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class InvalidArguments(ToolError):
    """The arguments of a call do not fit the tool's schema; the text names each."""


@dataclass(frozen=True, slots=True)
class Output:
    """The shape of a tool's structured content: its schema, and how a value is checked against it and written."""

    schema: Schema
    adapter: TypeAdapter[Any] | None

    def dump(self, value: Any) -> Any:
        """The JSON value. Raises `ValidationError` when the tool did not return what its annotation promises."""
        if self.adapter is None:
            return to_json_value(value)
        checked = self.adapter.validate_python(_as_list(value), from_attributes=True)
        return self.adapter.dump_python(checked, mode="json", by_alias=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as it is registered. `definition` is its entry in `tools/list`, complete, to be cut to the client's
    revision.
    """

    name: str
    signature: Signature
    definition: dict[str, Any]
    output: Output | None
    check: Callable[[Mapping[str, Any]], None] | None
    param_headers: Mapping[str, tuple[str, ...]]
    atomic: bool

    def bind(self, arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """The keyword arguments of a call. Raises `InvalidArguments`."""
        try:
            if self.check:
                self.check(arguments)
            return self.signature.bind(arguments, context)
        except ValidationError as error:
            text = signatures.explain(error)
            raise InvalidArguments(f"Invalid arguments for {self.name}:\n{text}") from error

    def to_result(self, value: Any, *, objects_only: bool) -> dict[str, Any]:
        """The result of a call that returned `value`. `objects_only`: structured content must be an object (before
        2026-07-28).
        """
        result = value if isinstance(value, ToolResult) else self._to_tool_result(value)
        blocks = to_blocks(result.content)
        wire: dict[str, Any] = {"content": blocks, "isError": result.is_error}
        if result.structured is not None or (self.output is not None and not result.is_error and not is_content(value)):
            structured = self._dump(result.structured)
            if not blocks:
                wire["content"] = [{"type": "text", "text": to_json(structured).decode()}]
            wire["structuredContent"] = (
                {"result": structured} if objects_only and self._is_wrapped(structured) else structured
            )
        if result.meta:
            wire["_meta"] = dict(result.meta)
        return wire

    def _to_tool_result(self, value: Any) -> ToolResult:
        if is_content(value):
            return ToolResult(content=value)
        if self.output is not None or isinstance(value, Mapping | BaseModel) or hasattr(value, "__dataclass_fields__"):
            return ToolResult(structured=value)
        return ToolResult(content=value)

    def _dump(self, value: Any) -> Any:
        return self.output.dump(value) if self.output else to_json_value(value)

    def _is_wrapped(self, structured: Any) -> bool:
        """Whether the handshake era sees a value inside an object: its schema says so, or without one the value
        itself.
        """
        return self.output.schema.get("type") != "object" if self.output else not isinstance(structured, dict)


def make_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    icons: Iterable[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    input_schema: Schema | None = None,
    output_schema: Schema | None = None,
    structured: bool | None = None,
    atomic: bool = True,
) -> Tool:
    """A tool from a function. Raises `ImproperlyConfigured`, saying what to change, for one that clients could not
    use.
    """
    signature = signatures.read(function, open_ended=input_schema is not None)
    tool_name = name or getattr(function, "__name__", type(function).__name__)
    label = f"Tool {tool_name!r} ({signatures.describe_function(function)})"
    if not _NAME.fullmatch(tool_name):
        raise ImproperlyConfigured(f"{label}: a tool's name is 1 to 128 letters, digits, '_', '-' and '.'; pass name=…")
    if input_schema is not None and input_schema.get("type") != "object":
        raise ImproperlyConfigured(f'{label}: input_schema must say "type": "object" at its root.')
    schema = input_schema if input_schema is not None else signature.schema
    output = _read_output(signature.returns, output_schema, structured, label)
    hints = {
        "readOnlyHint": read_only,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }
    members = {
        "name": tool_name,
        "title": title,
        "description": description or signature.description or None,
        "inputSchema": schema,
        "outputSchema": output.schema if output else None,
        "annotations": {key: value for key, value in hints.items() if value is not None} or None,
        "icons": [icon.to_wire() for icon in icons] or None,
        "_meta": dict(meta) if meta else None,
    }
    return Tool(
        name=tool_name,
        signature=signature,
        definition={key: value for key, value in members.items() if value is not None},
        output=output,
        check=_checker(input_schema, label) if input_schema is not None else None,
        param_headers=read_param_headers(schema, label),
        atomic=atomic,
    )


def _read_output(hint: Any, given: Schema | None, structured: bool | None, label: str) -> Output | None:
    if structured is False:
        return None
    adapter = None if given is not None or not _is_data(hint, structured) else _adapter(hint)
    if given is not None:
        return Output(given, None)
    if adapter is None:
        if structured:
            raise ImproperlyConfigured(
                f"{label}: structured=True needs a return annotation that pydantic can describe."
            )
        return None
    schema = schemas.describe(adapter, "serialization")
    return Output(
        {key: value for key, value in schema.items() if (key, value) != ("title", getattr(hint, "__name__", ""))},
        adapter,
    )


def _is_data(hint: Any, structured: bool | None) -> bool:
    """Whether a return annotation is data, to be structured content, rather than text or content blocks."""
    if structured:
        return True
    if hint in (Any, None, type(None), str, ToolResult) or repr(hint) == "<class 'inspect._empty'>":
        return False
    if isinstance(hint, type) and issubclass(hint, BLOCK_TYPES):
        return False
    if get_origin(hint) in (Union, UnionType, list, tuple, Sequence, Iterable):
        inner = [branch for branch in get_args(hint) if branch not in (type(None), Ellipsis)]
        loose = get_origin(hint) in (Union, UnionType)
        return not inner or not any(not _is_data(branch, None) and (loose or branch is not str) for branch in inner)
    return True


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    """How pydantic reads and writes a return type; `None` for what it cannot describe, such as a queryset."""
    try:
        adapter = TypeAdapter(hint)
        adapter.json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None
    return adapter


def _as_list(value: Any) -> Any:
    """A queryset as the list that its annotation says it is."""
    known = isinstance(value, str | bytes | Mapping | list | tuple | set | frozenset | BaseModel)
    return list(value) if isinstance(value, Iterable) and not known else value


def _checker(schema: Schema, label: str) -> Callable[[Mapping[str, Any]], None]:
    """A check of arguments against a schema given by hand, by `jsonschema`, which an extra brings."""
    try:
        from jsonschema import exceptions, validators
        from referencing import Registry
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{label}: input_schema is checked by jsonschema; pip install 'django-mcp-endpoints[jsonschema]'."
        ) from error
    validator_class = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        validator_class.check_schema(schema)
    except exceptions.SchemaError as error:
        raise ImproperlyConfigured(f"{label}: input_schema is not a valid JSON Schema: {error.message}.") from error
    for path, node in schemas.walk(schema):
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            # Nothing is fetched: a schema that points elsewhere could make the server ask any host anything.
            raise ImproperlyConfigured(
                f"{label}: input_schema refers to {reference!r} at {'/'.join(path)}; write it out under $defs."
            )
    validator = validator_class(schema, registry=Registry())

    def check(arguments: Mapping[str, Any]) -> None:
        errors = sorted(validator.iter_errors(arguments), key=lambda error: list(map(str, error.absolute_path)))
        if errors:
            lines = (
                f"- {'.'.join(map(str, error.absolute_path)) or 'arguments'}: {error.message}" for error in errors[:20]
            )
            raise InvalidArguments("Invalid arguments:\n" + "\n".join(lines))

    return check
