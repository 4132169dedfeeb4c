"""A server's tables with those of its extensions, built when the server is made, and the one rule by which a method, a
call and a result of an extension are served.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError

from django_mcp.primitives.access import Access, make_access
from django_mcp.primitives.call_options import DEFAULT_OPTIONS, CallOptions
from django_mcp.primitives.content import to_json_value
from django_mcp.primitives.context import Caller, Context
from django_mcp.primitives.extension import Extension, ExtensionMethod, ExtensionResult, Instead, ListenKey, ToolCall
from django_mcp.primitives.signatures import is_async
from django_mcp.primitives.tools import TOOL_OPTIONS
from django_mcp.protocol import modern
from django_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    InsufficientScope,
    ProtocolError,
)

from .declared import ids_of, is_declared, require
from .request import LIST_CHANGES, Call, Request, Result
from .table import METHODS, Method

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

logger = logging.getLogger("django_mcp")

T = TypeVar("T")

_ID: Final = re.compile(r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?)*/[A-Za-z0-9._-]+")
_RESERVED_LABELS: Final = ("modelcontextprotocol", "mcp")
"""A prefix whose second label is one of these belongs to the protocol's own project (spec 2026-07-28 basic)."""

_RESERVED_METHODS: Final = ("tasks/", "notifications/tasks", "skills/", "resources/directory/")
"""Methods of the official extensions (SEP-2663, SEP-2640)."""

_RESERVED_RESULT_TYPES: Final = ("complete", "input_required")
_OFFICIAL_RESULT_TYPES: Final = ("task",)
_CORE_LISTEN_KEYS: Final = (*LIST_CHANGES.values(), "resourceSubscriptions")


@dataclass(frozen=True, slots=True)
class OwnedKey:
    """A listen key and its extension."""

    extension: Extension
    key: ListenKey


@dataclass(frozen=True, slots=True)
class Tables:
    """The rows of a server that its extensions add to or change. Without extensions, `methods` is the core's table."""

    extensions: tuple[Extension, ...] = ()
    methods: Mapping[str, Method] = field(default_factory=lambda: METHODS)
    listen_keys: Mapping[str, OwnedKey] = field(default_factory=dict)
    notifications: Mapping[str, OwnedKey] = field(default_factory=dict)
    error_statuses: Mapping[int, int] = field(default_factory=dict)
    tool_options: Mapping[str, Extension] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    interceptors: tuple[Extension, ...] = ()


NO_TABLES: Final = Tables()


def build(extensions: Sequence[Extension]) -> Tables:
    """The tables of a server. Raises `ImproperlyConfigured`, with the remedy, when two declarations cannot both be
    served.
    """
    for extension in extensions:
        _check(extension)
    _unique(((one, extension) for extension in extensions for one in ids_of(extension)), "id")
    _unique(((scheme, extension) for extension in extensions for scheme in extension.schemes), "URI scheme")
    _unique(((name, extension) for extension in extensions for name in extension.result_types), "resultType")
    methods = {method.name: (method, extension) for extension in extensions for method in extension.methods()}
    _unique(((method.name, extension) for extension in extensions for method in extension.methods()), "method")
    keys = [OwnedKey(extension, key) for extension in extensions for key in extension.listen_keys()]
    _unique(((owned.key.name, owned.extension) for owned in keys), "listen key")
    _unique(((owned.key.notification, owned.extension) for owned in keys), "notification")
    _unique(((code, one) for one in extensions for code in one.error_statuses), "error code")
    return Tables(
        extensions=tuple(extensions),
        methods=MappingProxyType({**METHODS, **{name: _row(*owned) for name, owned in methods.items()}}),
        listen_keys={owned.key.name: owned for owned in keys},
        notifications={owned.key.notification: owned for owned in keys},
        error_statuses={code: status for one in extensions for code, status in one.error_statuses.items()},
        tool_options=_unique(((name, one) for one in extensions for name in one.tool_options), "option of @tool"),
        needs=frozenset(name for extension in extensions for name in extension.needs),
        interceptors=tuple(one for one in extensions if type(one).intercept is not Extension.intercept),
    )


def advertised(server: "MCPServer", extensions: Iterable[Extension], era: str) -> dict[str, Any]:
    """The capabilities that the extensions add in an era."""
    offered = [extension for extension in extensions if era in extension.eras]
    added: dict[str, Any] = {}
    for extension in offered:
        added |= extension.capabilities(server)
    if offered:
        added["extensions"] = {one: dict(each.settings(server)) for each in offered for one in ids_of(each)}
    return added


def intercepted(call: Call) -> Call:
    """The call of a tool with the server's interceptors around it, the first outermost. Raises `ProtocolError`."""
    tool = call.tool
    assert tool is not None
    contexts = [value for value in call.kwargs.values() if isinstance(value, Context)]
    seen = ToolCall(
        name=tool.name,
        arguments=call.arguments or {},
        bound={name: value for name, value in call.kwargs.items() if not isinstance(value, Context)},
        ctx=contexts[0] if contexts else call.request.context(),
        is_repeatable=tool.is_repeatable,
    )
    # The function, or the tool that it goes on to, may have a context.
    call = replace(call, is_wrapped=call.can_speak)
    for extension in reversed(tool.interceptors(call.request.server.tables.interceptors)):
        proceed = partial(call.function, *call.args, **call.kwargs)
        mine = replace(seen, data=tool.parts.get(extension.id), is_async=call.is_async, proceed=proceed)
        if (instead := extension.intercept(mine)) is not None:
            call = _instead(extension, call, instead)
    return call


def _instead(extension: Extension, call: Call, instead: Instead) -> Call:
    return replace(
        call,
        function=instead.function,
        is_async=is_async(instead.function),
        args=(),
        kwargs={},
        options=call.options if instead.keeps_options else DEFAULT_OPTIONS,
        to_result=partial(_to_result, extension, call.request, otherwise=call.to_result),
    )


def _row(method: ExtensionMethod, extension: Extension) -> Method:
    label = f"The method {method.name!r} of {extension.id}"
    access = make_access(method.permission, method.scopes, label)
    eras = method.eras if method.eras is not None else extension.eras
    return Method(partial(_call_method, method, extension, access), None, eras, extension=extension.id)


def _call_method(method: ExtensionMethod, extension: Extension, access: Access | None, request: Request) -> Call:
    """The call of an extension's method: checks the client's declaration, the header, the caller and the parameters, in
    this order.
    """
    if method.requires_client:
        require(extension, request.client_capabilities)
    _check_name(method, request)
    if access is not None:
        _check_access(method, access, request.caller)
    return Call(
        request=request,
        function=method.handler,
        is_async=is_async(method.handler),
        args=(_read_params(method, request.params), request.context()),
        to_result=partial(_to_result, extension, request, otherwise=partial(_to_members, method, request)),
        to_failure=partial(_to_failure, method.name),
        options=CallOptions(atomic=method.atomic),
    )


def _check_access(method: ExtensionMethod, access: Access, caller: Caller) -> None:
    if not access.permits(caller):
        raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {method.name}")
    if not access.grants(caller):
        raise InsufficientScope(access.scopes)


def _check_name(method: ExtensionMethod, request: Request) -> None:
    target = request.params.get(method.name_source) if method.name_source is not None else None
    if request.era == "modern" and isinstance(target, str):
        modern.check_name(request.headers, target)


def _read_params(method: ExtensionMethod, params: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in params.items() if name != "_meta"}
    if method.params is None:
        return own
    try:
        return method.params.model_validate(own)
    except ValidationError as error:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in details['loc'])}: {details['msg']}"


def _to_result(extension: Extension, request: Request, value: Any, *, otherwise: Callable[[Any], Result]) -> Result:
    """The result of a value: of the extension's own type if it is an `ExtensionResult`."""
    if not isinstance(value, ExtensionResult):
        return otherwise(value)
    if value.type not in extension.result_types:
        raise TypeError(f"{extension.id} has no resultType {value.type!r}: name it in result_types.")
    if request.era != "modern" or not is_declared(extension, request.client_capabilities):
        # The client could not read it.
        raise RuntimeError(f"A result of {extension.id} for a request that does not declare it.")
    return {**to_json_value(value.payload), "resultType": value.type}


def _to_members(method: ExtensionMethod, request: Request, value: Any) -> Result:
    members = to_json_value({} if value is None else value)
    if not isinstance(members, dict):
        raise TypeError(f"{method.name} returned {type(value).__name__}: return the members of its result.")
    if members.get("resultType", "complete") != "complete":
        raise TypeError(f"{method.name} returned a resultType: return an ExtensionResult.")
    if method.is_cacheable:
        hints = request.server.cache_hints()
        members = {"ttlMs": hints.ttl_ms, "cacheScope": hints.scope, **members}
    return members


def _to_failure(name: str, error: Exception) -> Result:
    if isinstance(error, ProtocolError):
        raise error
    logger.error("%s failed", name, exc_info=error)
    raise ProtocolError(INTERNAL_ERROR, "Internal error") from error


def _check(extension: Extension) -> None:
    """Raises `ImproperlyConfigured` for what an extension may not declare by itself."""
    if not isinstance(extension, Extension):
        raise ImproperlyConfigured(f"extensions=[…] takes objects of Extension, not {extension!r}: call the class.")
    label = type(extension).__qualname__
    for one in ids_of(extension) if isinstance(getattr(extension, "id", None), str) else ("",):
        if not _ID.fullmatch(one):
            raise ImproperlyConfigured(f"{label}: give it an id of a prefix and a name: id = 'com.example/reviews'.")
        labels = one.partition("/")[0].split(".")
        if not extension.is_official and labels[1:2] and labels[1] in _RESERVED_LABELS:
            raise ImproperlyConfigured(
                f"{label}: the prefix of {one!r} is reserved for the protocol's own project; take a domain of yours, "
                "or set is_official = True if it implements the official extension."
            )
    for method in extension.methods():
        _check_free(label, "method", method.name, METHODS, () if extension.is_official else _RESERVED_METHODS)
    for key in extension.listen_keys():
        _check_free(label, "listen key", key.name, _CORE_LISTEN_KEYS, ())
        reserved = () if extension.is_official else _RESERVED_METHODS
        _check_free(label, "notification", key.notification, LIST_CHANGES, reserved)
    for option in extension.tool_options:
        _check_free(label, "option of @tool", option, TOOL_OPTIONS, ())
    for result_type in extension.result_types:
        official = () if extension.is_official else _OFFICIAL_RESULT_TYPES
        _check_free(label, "resultType", result_type, (*_RESERVED_RESULT_TYPES, *official), ())


def _check_free(label: str, kind: str, name: str, taken: Iterable[str], reserved: tuple[str, ...]) -> None:
    if name in taken or name.startswith(reserved):
        raise ImproperlyConfigured(
            f"{label}: the {kind} {name!r} is the protocol's own; give yours another name, such as 'reviews/list'."
        )


def _unique(owned: Iterable[tuple[T, Extension]], kind: str) -> dict[T, Extension]:
    """The owners by name. Raises `ImproperlyConfigured` when there are two of one."""
    found: dict[T, Extension] = {}
    for name, extension in owned:
        if name in found:
            raise ImproperlyConfigured(
                f"{type(found[name]).__qualname__} and {type(extension).__qualname__} both declare the {kind} "
                f"{name!r}: take one of them out of extensions=[…]."
            )
        found[name] = extension
    return found
