"""Toolsets: a class whose public methods are tools.

An object is made for each call, so that methods share helpers and what is known of the request, and never each other's
state.
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
    """Subclass it: each public method, inherited ones too, is a tool named after it.

    `permission` and `scopes` hold for every method that says nothing of its own; `prefix` begins each name. A method
    that is a helper begins with an underscore, or its name is among the `hooks` of its class or a base class; one that
    a subclass does not want, it sets to `None`.
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
        """The function of each tool, and its options, those of base classes first."""
        for name in _method_names(cls):
            method = getattr(cls, name)
            shared = {"name": f"{cls.prefix}{name}", "permission": cls.permission, "scopes": cls.scopes}
            yield as_function(cls, method), {**shared, **_options(method)}


def tool_options(**options: Any) -> Callable[[Function], Function]:
    """Gives a toolset's method the options of a tool: `@tool_options(read_only=True)`. A `name` stands as it is,
    without the prefix.
    """

    def mark(method: Function) -> Function:
        setattr(method, _OPTIONS, {**_options(method), **options})
        return method

    return mark


def _options(method: Callable[..., Any]) -> Mapping[str, Any]:
    return getattr(method, _OPTIONS, {})


def _method_names(cls: type[Toolset]) -> list[str]:
    """The public methods in the order of their declaration, from the base classes down."""
    own = set(dir(Toolset)).union(*(vars(base).get("hooks", ()) for base in cls.__mro__))
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    found = [name for name in names if not name.startswith("_") and name not in own]
    return [name for name in found if _is_method(cls, name)]


def _is_method(cls: type[Toolset], name: str) -> bool:
    member = inspect.getattr_static(cls, name)
    if isinstance(member, staticmethod | classmethod):
        raise ImproperlyConfigured(
            f"{cls.__module__}.{cls.__qualname__}.{name}: a tool of a toolset is a plain method; begin the name of a "
            "helper with an underscore."
        )
    return inspect.isfunction(member)


def as_function(cls: type[Toolset], method: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes the object and calls the method: what a registry takes for a tool."""
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
    # The method's own, without self and with the context. What it is wrapped around would be read instead.
    del function.__wrapped__
    function.__signature__ = inspect.Signature(sorted([*parameters, context], key=lambda parameter: parameter.kind))
    function.__annotations__ = {**read_hints(method, label), _CONTEXT: Context}
    function.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
    function.__module__ = cls.__module__
    return call
