"""The hooks that a view class overrides, which decide whether the lanes can serve it.

An endpoint is a DRF view, so a subclass may override every method of Django's `View` and DRF's `APIView`, and decorate
its `dispatch`. The lanes call the hooks of admission themselves. A class that overrides any other hook is left to
Django, which calls them all.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from rest_framework.views import APIView

POLICIES: Final = frozenset(
    {
        "authentication_classes",
        "permission_classes",
        "throttle_classes",
        "get_authenticators",
        "get_permissions",
        "get_throttles",
    }
)
"""The hooks that return policies; all lanes apply the policies."""

ADMISSION: Final = frozenset(
    {
        "setup",
        "initialize_request",
        "get_parser_context",
        "get_authenticate_header",
        "initial",
        "determine_version",
        "perform_content_negotiation",
        "perform_authentication",
        "check_permissions",
        "check_throttles",
        "permission_denied",
        "throttled",
    }
)
"""The hooks that DRF calls before a handler; the lanes call them too."""

_NAMES: Final = frozenset(name for name in dir(APIView) if not name.startswith("__")) | {"__init__", "__getattribute__"}


def overridden(view_class: Any, base: Any) -> frozenset[str]:
    """The names of `View` and `APIView` that a subclass of `base` overrides."""
    return _overridden(view_class, base)


@cache
def _overridden(view_class: type[Any], base: type[Any]) -> frozenset[str]:
    return frozenset(name for name in _NAMES if _static(view_class, name) is not _static(base, name))


def left_to_django(view_class: Any, base: Any, initkwargs: Iterable[str] = ()) -> frozenset[str]:
    """The overridden names because of which only Django serves a class. Empty: the lanes serve it."""
    return _left_to_django(view_class, base, frozenset(initkwargs))


@cache
def _left_to_django(view_class: type[Any], base: type[Any], initkwargs: frozenset[str]) -> frozenset[str]:
    return (overridden(view_class, base) | (initkwargs & _NAMES)) - POLICIES - ADMISSION


def asks_itself(view_class: Any, base: Any) -> bool:
    """Whether a class overrides hooks, besides its policies, that may refuse a caller."""
    return _asks_itself(view_class, base)


@cache
def _asks_itself(view_class: type[Any], base: type[Any]) -> bool:
    return bool(overridden(view_class, base) - POLICIES)


def chooses_policies(view_class: Any, base: Any) -> bool:
    """Whether a class overrides a method that returns policies."""
    return _chooses_policies(view_class, base)


@cache
def _chooses_policies(view_class: type[Any], base: type[Any]) -> bool:
    return any(name.startswith("get_") for name in overridden(view_class, base) & POLICIES)


def configures_itself(view_class: Any, base: Any) -> bool:
    """Whether a class overrides a method that `base` or a parent below `APIView` defines, such as `get_server`: it may
    query the database, and so may not run on an event loop.
    """
    return _configures_itself(view_class, base)


@cache
def _configures_itself(view_class: type[Any], base: type[Any]) -> bool:
    own = base.__mro__[: base.__mro__.index(APIView)]
    names = {name for one in own for name in vars(one) if not name.startswith("_") and callable(getattr(base, name))}
    return any(_static(view_class, name) is not _static(base, name) for name in names)


def _static(view_class: type[Any], name: str) -> Any:
    """The attribute in the class's own `__dict__` or a base class's, not bound."""
    return next((vars(one)[name] for one in view_class.__mro__ if name in vars(one)), None)
