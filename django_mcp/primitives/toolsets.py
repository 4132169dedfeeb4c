"""Toolsets: a class whose public methods are tools.

Each call gets a new object, so methods can share helpers and the request, but no state between calls.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from django.core.exceptions import ImproperlyConfigured

from .access import Permission
from .context import Context
from .signatures import describe_function, is_async, read_hints

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: Final = "_mcp_tool_options"
_CONTEXT: Final = "ctx"


class Toolset:
    """Subclass it: each public method, also an inherited one, is a tool named after it.

    `permission` and `scopes` apply to every method without its own; `prefix` begins each name. A helper method's name
    begins with an underscore, or is listed in `hooks` of its class or a base class. A subclass removes an inherited
    tool by setting it to `None`.
    """

    prefix: ClassVar[str] = ""
    permission: ClassVar[Permission | Iterable[Permission] | None] = None
    scopes: ClassVar[Iterable[str]] = ()
    hooks: ClassVar[Iterable[str]] = ()

    ctx: Context

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @property
    def request(self) -> "HttpRequest":
        """Django's request; see `Context.request`."""
        return self.ctx.request

    @property
    def user(self) -> "AbstractBaseUser | AnonymousUser":
        """The user whom the endpoint authenticated, or Django's `AnonymousUser`."""
        return self.ctx.user

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function and the options of each tool, base classes first."""
        for name in _method_names(cls):
            method = getattr(cls, name)
            shared = {"name": f"{cls.prefix}{name}", "permission": cls.permission, "scopes": cls.scopes}
            yield as_function(cls, method), {**shared, **_options(method)}


def tool_options(**options: Any) -> Callable[[Function], Function]:
    """Sets the options of a toolset's method as a tool: `@tool_options(read_only=True)`. A `name` is used as it is,
    without the prefix.
    """

    def mark(method: Function) -> Function:
        setattr(method, _OPTIONS, {**_options(method), **options})
        return method

    return mark


def _options(method: Callable[..., Any]) -> Mapping[str, Any]:
    return getattr(method, _OPTIONS, {})


def _method_names(cls: type[Toolset]) -> list[str]:
    """The public methods in the order of their declaration, base classes first."""
    excluded = set(dir(Toolset)).union(*(vars(base).get("hooks", ()) for base in cls.__mro__))
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    public = [name for name in names if not name.startswith("_") and name not in excluded]
    return [name for name in public if _is_method(cls, name)]


def _is_method(cls: type[Toolset], name: str) -> bool:
    member = inspect.getattr_static(cls, name)
    if isinstance(member, staticmethod | classmethod):
        raise ImproperlyConfigured(
            f"{cls.__module__}.{cls.__qualname__}.{name}: a tool of a toolset is a plain method; begin the name of a "
            "helper with an underscore."
        )
    return inspect.isfunction(member)


def as_function(cls: type[Toolset], method: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes the object and calls the method: it is what the registry gets as the tool's function."""
    label = describe_function(method)
    _self, *parameters = inspect.signature(method).parameters.values()
    if any(parameter.name == _CONTEXT for parameter in parameters):
        raise ImproperlyConfigured(f"{label}: a toolset's method has self.ctx; leave {_CONTEXT} out.")

    if is_async(method):

        @wraps(method)
        async def call(*, ctx: Context, **arguments: Any) -> Any:
            return await method(cls(ctx), **arguments)

    else:

        @wraps(method)
        def call(*, ctx: Context, **arguments: Any) -> Any:
            return method(cls(ctx), **arguments)

    context = inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=Context)
    function: Any = call
    # The method's own signature, without self and with the context; `__wrapped__` would take precedence over it.
    del function.__wrapped__
    function.__signature__ = inspect.Signature(sorted([*parameters, context], key=lambda parameter: parameter.kind))
    function.__annotations__ = {**read_hints(method, label), _CONTEXT: Context}
    function.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
    function.__module__ = cls.__module__
    return call
