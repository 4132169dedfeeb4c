"""The hooks that a view class overrides, which decide whether the lanes can serve it.

An endpoint is a DRF view, so a subclass may override every method of Django's `View` and DRF's `APIView`, and decorate
its `dispatch`. The lanes call the hooks of admission themselves. A class that overrides any other hook is left to
Django, which calls them all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from rest_framework.views import APIView

POLICY_METHODS: Final = frozenset({"get_authenticators", "get_permissions", "get_throttles"})

POLICIES: Final = POLICY_METHODS | {"authentication_classes", "permission_classes", "throttle_classes"}
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

_ASKING: Final = POLICY_METHODS | ADMISSION
_NAMES: Final = frozenset(name for name in dir(APIView) if not name.startswith("__")) | {"__init__", "__getattribute__"}


@dataclass(frozen=True, slots=True)
class Overrides:
    """The hooks that a subclass of `MCPView` overrides, and what follows from them."""

    names: frozenset[str]
    """Those that Django's `View` and DRF's `APIView` define."""

    asks_itself: bool
    """Whether some of them, besides the policies, may refuse a caller."""

    chooses_policies: bool
    """Whether a method returns the policies."""

    configures_itself: bool
    """Whether a method of `MCPView` is overridden, such as `get_server`: it may query the database, and so may not run
    on an event loop.
    """


def _read_overrides(view_class: Any, base: Any) -> Overrides:
    names = frozenset(name for name in _NAMES if _static(view_class, name) is not _static(base, name))
    parents = base.__mro__[: base.__mro__.index(APIView)]
    own = {name for one in parents for name in vars(one) if not name.startswith("_") and callable(getattr(base, name))}
    return Overrides(
        names=names,
        asks_itself=bool(names - POLICIES),
        chooses_policies=not names.isdisjoint(POLICY_METHODS),
        configures_itself=any(_static(view_class, name) is not _static(base, name) for name in own),
    )


overrides_of: Callable[[Any, Any], Overrides] = cache(_read_overrides)
"""The hooks of the second class that the first, its subclass, overrides."""


def was_given_hooks(view: Any) -> bool:
    """Whether `as_view()` was given a hook that may refuse a caller, which is then an attribute of the view."""
    return not _ASKING.isdisjoint(vars(view))


def left_to_django(view_class: Any, base: Any, initkwargs: Iterable[str] = ()) -> frozenset[str]:
    """The overridden names because of which only Django serves a class. Empty: the lanes serve it."""
    return (overrides_of(view_class, base).names | (_NAMES & set(initkwargs))) - POLICIES - ADMISSION


def _static(view_class: type[Any], name: str) -> Any:
    """The attribute in the class's own `__dict__` or a base class's, not bound."""
    return next((vars(one)[name] for one in view_class.__mro__ if name in vars(one)), None)
