"""Reading a function: its parameters become a JSON Schema and a validator, its docstring their descriptions.

A parameter may be annotated with any type that pydantic accepts. A parameter annotated `Context` gets the context and
is not in the schema.
"""

import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, NotRequired, Union, get_args, get_origin, get_type_hints

from django.core.exceptions import ImproperlyConfigured
from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from . import schemas
from .context import Context
from .errors import explain as explain
from .schemas import Schema
from .sensitive import sensitive_names
from .validators import runs_own_code

_SECTION: Final = re.compile(
    r"^\s*(Args|Arguments|Parameters|Returns|Return|Raises|Yields|Examples?|Notes?|See Also)\s*:\s*$", re.MULTILINE
)
_ARGUMENT: Final = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_FIELD_LIST: Final = re.compile(r"^\s*:param\s+(?:[\w\[\], |.]+\s+)?(\w+)\s*:\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's parameters: `schema` describes the arguments, `bind` validates them, `returns` is the return
    annotation.
    """

    function: Callable[..., Any]
    is_async: bool
    schema: Schema
    adapter: TypeAdapter[dict[str, Any]]
    context_names: tuple[str, ...]
    returns: Any
    description: str
    misnamed: tuple[str, ...] = ()
    """Names that the docstring describes but that are not parameters."""
    has_validators: bool = False
    sensitive: frozenset[str] = frozenset()
    """The names of secret parameters and fields; `sensitive.ALL` when all are."""

    def bind(self, arguments: Mapping[str, Any], context: Context | None) -> dict[str, Any]:
        """The keyword arguments of a call. Raises pydantic's `ValidationError`; `explain` makes it readable."""
        # The adapter's own method checks arguments that are not used here, at the cost of a call.
        bound: dict[str, Any] = self.adapter.validator.validate_python(arguments)
        for name in self.context_names:
            bound[name] = context
        return bound


def read(function: Callable[..., Any], *, open_ended: bool = False) -> Signature:
    """The signature of a function. Raises `ImproperlyConfigured` with the remedy when no client could call it.

    `open_ended` allows `**arguments`, for a function whose schema is given separately.
    """
    label = describe_function(function)
    hints = read_hints(function, label)
    description, documented = _read_docstring(_docstring(function))
    members: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    context_names = []
    takes_anything = False
    parameters = _parameters(function, label)
    for index, parameter in enumerate(parameters):
        hint = hints.get(parameter.name, Any)
        if is_context(hint):
            context_names.append(parameter.name)
        elif index == 0 and parameter.name in ("self", "cls") and parameter.name not in hints:
            raise ImproperlyConfigured(f"{label}: a method needs its object; register the bound method of one instead.")
        elif parameter.kind is parameter.VAR_KEYWORD and open_ended:
            takes_anything = True
        elif parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise ImproperlyConfigured(
                f"{label}: {parameter} cannot be an argument of a client's call; use parameters that have names."
            )
        else:
            hint = _annotate(parameter, hint, documented.get(parameter.name))
            if parameter.default is parameter.empty or isinstance(parameter.default, FieldInfo):
                members[parameter.name] = hint
            else:
                members[parameter.name] = NotRequired[hint]
                defaults[_wire_name(parameter.name, hint)] = parameter.default
    adapter, described = _describe(members, "allow" if takes_anything else "forbid", label)
    schema = _object_schema(described, defaults, label)
    return Signature(
        function=function,
        is_async=is_async(function),
        schema=schema,
        adapter=adapter,
        context_names=tuple(context_names),
        returns=hints.get("return", inspect.Parameter.empty),
        description=description,
        misnamed=() if takes_anything else tuple(_misnamed(function, documented, parameters)),
        has_validators=runs_own_code(adapter),
        sensitive=sensitive_names(function, hints),
    )


def name_of(function: Callable[..., Any]) -> str:
    """The default name of a primitive, from its function."""
    inner = _unpartial(function)
    return str(getattr(inner, "__name__", type(inner).__name__))


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call returns a coroutine; looks through `partial` and decorators."""
    inner = _unpartial(function)
    candidates = (inner, inspect.unwrap(inner), type(inner).__call__)
    return any(inspect.iscoroutinefunction(candidate) for candidate in candidates)


def describe_function(function: Callable[..., Any]) -> str:
    """A function's name as an error message shows it, with its module."""
    inner = _unpartial(function)
    return f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', type(inner).__name__)}"


def _unpartial(function: Callable[..., Any]) -> Callable[..., Any]:
    return _unpartial(function.func) if isinstance(function, partial) else function


def _settled(function: Callable[..., Any]) -> set[str]:
    """The parameters that `partial` has set by name: the client cannot pass these."""
    return _settled(function.func) | set(function.keywords) if isinstance(function, partial) else set()


def _misnamed(
    function: Callable[..., Any], documented: Mapping[str, str], parameters: list[inspect.Parameter]
) -> list[str]:
    taken = {parameter.name for parameter in parameters} | _settled(function) | {"self", "cls"}
    return [name for name in documented if name not in taken]


def _docstring(function: Callable[..., Any]) -> str:
    inner = inspect.unwrap(_unpartial(function))
    called = None if inspect.isroutine(inner) else type(inner).__call__.__doc__
    return inspect.cleandoc(called) if called else inspect.getdoc(inner) or ""


def _parameters(function: Callable[..., Any], label: str) -> list[inspect.Parameter]:
    if inspect.isasyncgenfunction(inspect.unwrap(_unpartial(function))):
        raise ImproperlyConfigured(f"{label}: an asynchronous generator has no one result; return a list instead.")
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.name not in _settled(function)]


def read_hints(function: Callable[..., Any], label: str) -> dict[str, Any]:
    """The evaluated annotations of a function. Raises `ImproperlyConfigured` for a name that cannot be resolved."""
    target = inspect.unwrap(_unpartial(function))
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as error:
        raise ImproperlyConfigured(
            f"{label}: {error}. Annotations are read at start-up, so import what they name outside TYPE_CHECKING."
        ) from error


def is_context(hint: Any) -> bool:
    """Whether a type hint is `Context`, alone or in a union."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(is_context(branch) for branch in get_args(hint))
    return isinstance(hint, type) and issubclass(hint, Context)


def _annotate(parameter: inspect.Parameter, hint: Any, text: str | None) -> Any:
    """A parameter's annotation with its description, and with its `Field(…)` if that is the default."""
    if isinstance(parameter.default, FieldInfo):
        hint = Annotated[hint, parameter.default]
    if text and not _has_description(hint):
        hint = Annotated[hint, FieldInfo(description=text)]
    return hint


def _has_description(hint: Any) -> bool:
    return any(getattr(extra, "description", None) for extra in getattr(hint, "__metadata__", ()))


def _wire_name(name: str, hint: Any) -> str:
    """The parameter's name for clients: its own name, unless `Field(alias="from")` sets another."""
    aliases = [getattr(extra, "validation_alias", None) for extra in getattr(hint, "__metadata__", ())]
    return next((alias for alias in reversed(aliases) if isinstance(alias, str)), name)


def _describe(members: dict[str, Any], extra: Any, label: str) -> tuple[TypeAdapter[dict[str, Any]], Schema]:
    # An alias for `TypedDict`: mypy wants literal members, and only the signature knows these.
    make: Any = TypedDict
    arguments = make("Arguments", members)
    arguments.__pydantic_config__ = ConfigDict(extra=extra)
    try:
        adapter = TypeAdapter[dict[str, Any]](arguments)
        return adapter, schemas.describe(adapter, "validation")
    except PydanticUserError as error:
        # pydantic's message is long, and is about pydantic's own ways: it stays the cause.
        name, hint = next((one for one in members.items() if not _has_schema(one[1])), ("", ""))
        raise ImproperlyConfigured(
            f"{label}: the type of the parameter {name} has no JSON Schema ({_written(hint)}). Use one that pydantic "
            "takes, such as a dataclass or a BaseModel."
        ) from error


def _has_schema(hint: Any) -> bool:
    try:
        schemas.describe(TypeAdapter(_bare(hint)), "validation")
    except PydanticUserError:
        return False
    return True


def _bare(hint: Any) -> Any:
    """A member's type without `NotRequired`, which is for members alone."""
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def _written(hint: Any) -> str:
    """A type as its annotation was written."""
    bare = _bare(hint)
    bare = get_args(bare)[0] if get_origin(bare) is Annotated else bare
    return bare.__qualname__ if isinstance(bare, type) else str(bare)


def _object_schema(schema: Schema, defaults: Mapping[str, Any], label: str) -> Schema:
    schema.pop("title", None)
    properties: dict[str, Schema] = schema.setdefault("properties", {})
    for name, default in defaults.items():
        try:
            properties[name]["default"] = to_jsonable_python(default, inf_nan_mode="null")
        except ValueError as error:
            raise ImproperlyConfigured(f"{label}: the default of {name} is not JSON ({error}).") from error
    for name, described in properties.items():
        if described.get("default", ...) is None:
            properties[name] = schemas.without_null({key: described[key] for key in described if key != "default"})
    # Also where there are none: some clients require `properties` in every schema.
    return {**schema, "properties": properties}


def _read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """The description in a docstring, and its text on each argument (Google style `Args:`, or `:param name:`)."""
    documented: dict[str, str] = {}
    lines = []
    for line in docstring.splitlines():
        field = _FIELD_LIST.match(line)
        if field:
            documented[field[1]] = field[2].strip()
        elif not re.match(r"^\s*:(returns?|rtype|raises|type)\b.*", line):
            lines.append(line)
    text = "\n".join(lines)
    first = _SECTION.search(text)
    section = next(
        (match for match in _SECTION.finditer(text) if match[1] in ("Args", "Arguments", "Parameters")), None
    )
    if section:
        following = _SECTION.search(text, section.end())
        documented |= _read_arguments(text[section.end() : following.start() if following else None])
    return text[: first.start() if first else None].strip(), documented


def _read_arguments(block: str) -> dict[str, str]:
    documented: dict[str, str] = {}
    lines = [line for line in block.splitlines() if line.strip()]
    if not lines:
        return documented
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    name = ""
    for line in lines:
        match = _ARGUMENT.match(line.strip()) if len(line) - len(line.lstrip()) == indent else None
        if match:
            name = match[1]
            documented[name] = match[2].strip()
        elif name:
            documented[name] = f"{documented[name]} {line.strip()}".strip()
    return documented
