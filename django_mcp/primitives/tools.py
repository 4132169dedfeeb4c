"""Tools: a function, the schema of its arguments, and the schema of its return value."""

import inspect
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, TypeAlias, Union, get_args, get_origin

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, PydanticUserError, TypeAdapter
from pydantic_core import ValidationError

from django_mcp.exceptions import InvalidArguments
from django_mcp.exceptions import ToolError as ToolError

from . import content, schemas, signatures
from .access import Access, Permission, make_access
from .call_options import Budget, CallOptions
from .content import BLOCK_TYPES, Icon, ToolResult, is_content, listed, to_blocks, to_json_text, to_json_value
from .context import Caller, Context
from .param_headers import read_param_headers
from .schemas import Schema
from .signatures import Signature
from .texts import Declared, Words

if TYPE_CHECKING:
    from .extension import Extension

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_DRY_RUN: Final = "dry_run"
_UNIONS: Final = (Union, UnionType)
_BARE: Final = (list, tuple, Sequence, Collection, Iterable, Iterator, Generator)
"""Types of lists whose items are not declared: content blocks are possible."""
_DRY_RUN_SCHEMA: Final = {
    "type": "boolean",
    "default": False,
    "description": "Try it: the result tells what would happen, and nothing is kept",
}


class NotDescribed(Exception):
    """The schema of a tool's arguments cannot be made for a caller, or without one; the text names the remedy."""


Check: TypeAlias = Callable[[Any], list[str]]
"""A check of a JSON value: returns its errors, one line each."""

Describe: TypeAlias = Callable[[Caller | None], Schema]
"""A function that makes the schema of a tool's arguments on demand: for a caller, or for `None` (a system check)."""


@dataclass(frozen=True, slots=True)
class Output:
    """The schema of a tool's structured content, and how a value is validated against it and serialized."""

    schema: Schema
    adapter: TypeAdapter[Any] | None = None
    check: Check | None = None

    def dump(self, value: Any) -> Any:
        """The JSON value. Raises `ValueError` when the value does not fit the tool's annotation or schema."""
        if self.adapter is not None:
            checked = self.adapter.validator.validate_python(listed(value), from_attributes=True)
            return self.adapter.serializer.to_python(checked, mode="json", by_alias=True)
        written = to_json_value(value)
        if self.check and (problems := self.check(written)):
            raise ValueError("The structured content does not fit output_schema:\n" + "\n".join(problems))
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Declared):
    """A registered tool. `declared` is its full entry in `tools/list`, to be reduced to the client's revision. With
    `describe`, the schema of the arguments is missing until `described()` is called. `parts` are the data of
    extensions, by their ids.
    """

    name: str
    signature: Signature
    output: Output | None
    structured: bool
    check: Check | None
    param_headers: Mapping[str, tuple[str, ...]]
    options: CallOptions
    dry_run: bool = False
    always_listed: bool = False
    throttle: Callable[[Any], float | None] | None = None
    access: Access | None = None
    describe: Describe | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    searchable: bool = True
    kind: ClassVar[Literal["tool"]] = "tool"

    @property
    def key(self) -> str:
        """The name under which the tool is registered."""
        return self.name

    def described(self, caller: Caller | None) -> "Tool":
        """The tool with the schema of its arguments, which `describe` makes now. Raises whatever `describe` raises."""
        if self.describe is None:
            return self
        schema = {"type": "object", "properties": {}, **self.describe(caller)}
        listed = _with_dry_run(schema) if self.dry_run else schema
        declared = {**self.declared, "inputSchema": listed}
        headers = read_param_headers(schema, f"Tool {self.name!r}")
        return replace(self, declared=declared, check=_names_checker(schema), param_headers=headers, describe=None)

    @property
    def is_inert(self) -> bool:
        """Whether binding the arguments runs no code of the developer."""
        asked = (self.access, self.throttle, self.describe)
        return not any(asked) and not self.signature.has_validators

    def interceptors(self, extensions: "Iterable[Extension]") -> "list[Extension]":
        """Those of the extensions that are asked on a call of this tool: all but those whose options it does not
        use.
        """
        return [one for one in extensions if not one.tool_options or one.id in self.parts]

    @property
    def is_read_only(self) -> bool:
        return bool(self._hints.get("readOnlyHint"))

    @property
    def is_repeatable(self) -> bool:
        """Whether a call may safely be repeated."""
        return self.is_read_only or bool(self._hints.get("idempotentHint"))

    @property
    def _hints(self) -> Mapping[str, Any]:
        return self.declared.get("annotations") or {}

    def resolve_options(
        self, arguments: Mapping[str, Any], budget: Budget | None = None
    ) -> tuple[CallOptions, Mapping[str, Any]]:
        """The options of a call, and the function's own arguments. `budget` is used if the tool has none."""
        options = self.options if self.options.budget or budget is None else replace(self.options, budget=budget)
        if not self.dry_run or _DRY_RUN not in arguments:
            return options, arguments
        dry_run = arguments[_DRY_RUN]
        if not isinstance(dry_run, bool):
            raise InvalidArguments(f"Invalid arguments for {self.name}:\n- {_DRY_RUN}: Input should be a boolean")
        if _DRY_RUN not in self.signature.schema.get("properties", {}):
            arguments = {name: value for name, value in arguments.items() if name != _DRY_RUN}
        return replace(options, dry_run=dry_run), arguments

    def bind(self, arguments: Mapping[str, Any], context: Context | None) -> dict[str, Any]:
        """The keyword arguments of a call. Raises `InvalidArguments`."""
        problems = self.check(arguments) if self.check else []
        try:
            if not problems:
                return self.signature.bind(arguments, context)
        except ValidationError as error:
            problems = [signatures.explain(error)]
        raise InvalidArguments("\n".join((f"Invalid arguments for {self.name}:", *problems)))

    def to_result(self, value: Any, *, objects_only: bool) -> dict[str, Any]:
        """The result of a call that returned `value`. `objects_only`: structured content must be an object (before
        2026-07-28).
        """
        if isinstance(value, ToolResult):
            content, data, is_error = value.content, value.structured, value.is_error
        else:
            (content, data), is_error = self._content_or_data(value), False
        blocks = to_blocks(content)
        wire: dict[str, Any] = {"content": blocks, "isError": is_error}
        if data is not None or (self.output is not None and not is_error):
            # The data of an error need not fit the output schema.
            data = self.output.dump(data) if self.output is not None and not is_error else to_json_value(data)
            if not blocks:
                wire["content"] = [{"type": "text", "text": to_json_text(data)}]
            wire["structuredContent"] = {"result": data} if objects_only and self._is_wrapped(data) else data
        if isinstance(value, ToolResult) and value.meta:
            wire["_meta"] = dict(value.meta)
        return wire

    def _content_or_data(self, value: Any) -> tuple[Any, Any]:
        """A plain return value: as content, or else as structured content."""
        if self.output is not None:
            if is_content(value):
                raise TypeError(
                    "Promised data, returned content blocks: ToolResult(content=…, structured=…) holds both"
                )
            return None, value
        value = list(value) if isinstance(value, Iterator) else value
        return (None, value) if self.structured and _is_object(value) else (value, None)

    def _is_wrapped(self, structured: Any) -> bool:
        """Whether the handshake era gets the value inside an object: when the schema is not an object, or without a
        schema, when the value is not.
        """
        return self.output.schema.get("type") != "object" if self.output else not isinstance(structured, dict)


def make_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    title: Words | None = None,
    description: Words | None = None,
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
    dry_run: bool = False,
    budget: Budget | None = None,
    always_listed: bool = False,
    throttle: Callable[[Any], float | None] | None = None,
    describe: Describe | None = None,
    permission: Permission | Iterable[Permission] | None = None,
    scopes: Iterable[str] = (),
) -> Tool:
    """A tool from a function. Raises `ImproperlyConfigured` with the remedy when clients could not use it."""
    signature = signatures.read(function, open_ended=input_schema is not None or describe is not None)
    tool_name = name or signatures.name_of(function)
    label = f"Tool {tool_name!r} ({signatures.describe_function(function)})"
    if not _NAME.fullmatch(tool_name):
        raise ImproperlyConfigured(f"{label}: a tool's name is 1 to 128 letters, digits, '_', '-' and '.'; pass name=…")
    if input_schema is not None and input_schema.get("type") != "object":
        raise ImproperlyConfigured(f'{label}: input_schema must say "type": "object" at its root.')
    if read_only and destructive:
        raise ImproperlyConfigured(f"{label}: a tool that only reads destroys nothing; take one of the two away.")
    if dry_run and not atomic:
        raise ImproperlyConfigured(f"{label}: what is not atomic cannot be undone, so there is no dry_run.")
    schema = signature.schema if input_schema is None else {"properties": {}, **input_schema}
    if dry_run:
        schema = _with_dry_run(schema)
    if (row := _row_in(signature.returns)) is not None:
        raise ImproperlyConfigured(f"{label} returns {row.__name__}: {content.remedy_for_rows(row.__name__)}")
    output = _read_output(signature.returns, output_schema, structured, label)
    annotations = {
        # Some clients read the title here, others beside the name, and some drop a tool without one.
        "title": title or title_of(tool_name),
        "readOnlyHint": read_only,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }
    members = {
        "name": tool_name,
        "title": annotations["title"],
        "description": description or signature.description or None,
        "inputSchema": schema,
        "outputSchema": output.schema if output else None,
        "annotations": {key: value for key, value in annotations.items() if value is not None},
        "icons": [icon.to_wire() for icon in icons] or None,
        "_meta": dict(meta) if meta else None,
    }
    return Tool(
        name=tool_name,
        signature=signature,
        declared={key: value for key, value in members.items() if value is not None},
        output=output,
        structured=structured is not False,
        check=_checker(input_schema, "input_schema", label) if input_schema is not None else None,
        param_headers=read_param_headers(schema, label),
        options=CallOptions(atomic=atomic, read_only=bool(read_only) and atomic, budget=budget),
        dry_run=dry_run,
        always_listed=always_listed,
        throttle=throttle,
        access=make_access(permission, scopes, label),
        describe=describe,
    )


TOOL_OPTIONS: Final = frozenset(inspect.signature(make_tool).parameters) - {"function"}
"""The names of the options of `@tool`, without those of extensions."""


def title_of(name: str) -> str:
    """The default title, from the name: `search_airports` is "Search airports"."""
    words = " ".join(_WORD.findall(name)) or name
    return words[0].upper() + words[1:]


def _with_dry_run(schema: Schema) -> Schema:
    return {**schema, "properties": {**schema["properties"], _DRY_RUN: _DRY_RUN_SCHEMA}}


def _names_checker(schema: Schema) -> Check:
    """A check that the arguments are those of a schema and none is missing. The function itself checks their values."""

    def check(arguments: Any) -> list[str]:
        missing = [name for name in schema.get("required", ()) if name not in arguments]
        unknown = [name for name in arguments if name not in schema["properties"]]
        return [f"- {name}: Field required" for name in missing] + [f"- {name}: Unknown argument" for name in unknown]

    return check


def _read_output(hint: Any, declared: Schema | None, structured: bool | None, label: str) -> Output | None:
    if structured is False:
        return None
    if declared is not None:
        return Output(declared, check=_checker(declared, "output_schema", label))
    adapter = _adapter(hint, label) if structured or _is_data(hint) else None
    if adapter is None:
        if structured:
            raise ImproperlyConfigured(
                f"{label}: structured=True needs a return annotation that pydantic can describe."
            )
        return None
    schema = schemas.describe(adapter, "serialization")
    if schema.get("title") == getattr(_plain(hint), "__name__", ""):
        del schema["title"]
    return Output(schema, adapter)


def _row_in(hint: Any) -> type | None:
    """The Django model whose rows a return annotation promises: `User`, `list[User]`, `User | None`."""
    if isinstance(hint, type) and content.is_model(hint):
        return hint
    return next(filter(None, map(_row_in, get_args(hint))), None)


def _is_data(hint: Any) -> bool:
    """Whether a return annotation is data (structured content), not text or content blocks."""
    hint = _plain(hint)
    branches = [
        _plain(branch)
        for branch in (get_args(hint) if get_origin(hint) in _UNIONS else (hint,))
        if branch not in (None, type(None))
    ]
    return bool(branches) and not any(branch is str or _may_be_content(branch) for branch in branches)


def _may_be_content(hint: Any) -> bool:
    """Whether a value of this annotation may turn out to be content blocks: `list[Image | str]`, or a bare `list`."""
    hint = _plain(hint)
    if hint in (Any, object, inspect.Parameter.empty, ToolResult, *_BARE):
        return True
    if isinstance(hint, type) and issubclass(hint, BLOCK_TYPES):
        return True
    origin = get_origin(hint)
    nested = origin in _UNIONS or (
        isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)
    )
    return nested and any(_may_be_content(inner) for inner in get_args(hint))


def _plain(hint: Any) -> Any:
    """A type without `Annotated` around it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _is_object(value: Any) -> bool:
    return not is_content(value) and (isinstance(value, Mapping | BaseModel) or is_dataclass(value))


def _adapter(hint: Any, label: str) -> TypeAdapter[Any] | None:
    """Pydantic's adapter of a return type; `None` for a type that it cannot describe, such as a queryset."""
    try:
        adapter = TypeAdapter(hint)
        adapter.json_schema(mode="serialization")
    except PydanticUserError as error:
        if error.code == "typed-dict-version":
            raise ImproperlyConfigured(f"{label}: {error.message}") from error
        return None
    return adapter


def _checker(schema: Schema, option: str, label: str) -> Check:
    """A check against a schema given by hand, by the `jsonschema` package (an extra)."""
    try:
        from jsonschema import exceptions, validators
        from referencing import Registry
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{label}: {option} is checked by jsonschema; pip install 'django-mcp-endpoints[jsonschema]'."
        ) from error
    latest: Any = None if "$schema" in schema else validators.Draft202012Validator
    validator_class = validators.validator_for(schema, default=latest)
    if validator_class is None:
        raise ImproperlyConfigured(f"{label}: {option} is in a dialect that jsonschema does not know.")
    try:
        validator_class.check_schema(schema)
    except exceptions.SchemaError as error:
        raise ImproperlyConfigured(f"{label}: {option} is not a valid JSON Schema: {error.message}.") from error
    for path, node in schemas.walk(schema):
        for keyword in ("$ref", "$dynamicRef"):
            # Remote references are refused: fetching them would let a schema make the server send requests to any host.
            if isinstance(node.get(keyword), str) and not node[keyword].startswith("#"):
                raise ImproperlyConfigured(
                    f"{label}: {option} refers to {node[keyword]!r} at {'/'.join(path)}; write it out under $defs."
                )
    validator = validator_class(schema, registry=Registry())

    def check(value: Any) -> list[str]:
        errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        return [f"- {'.'.join(map(str, error.absolute_path)) or 'arguments'}: {error.message}" for error in errors[:20]]

    return check
