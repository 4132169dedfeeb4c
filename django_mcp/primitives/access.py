"""Access to a primitive: the options `permission=` and `scopes=`, read once and checked at each request.

A permission is what the user may do in the project; a scope is what the user has granted the client. To a user without
the permission, the primitive does not exist; a client without the scope is asked to get it.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from django.core.exceptions import ImproperlyConfigured

from .context import Caller, Principal

if TYPE_CHECKING:
    from django.http import HttpRequest

Permission: TypeAlias = str | Callable[[Principal], bool] | type
"""A codename ("library.view_book"), a function of the principal, or a class with DRF's `has_permission`."""

Rule: TypeAlias = Callable[[Caller], bool]


@dataclass(frozen=True, slots=True)
class Access:
    """The rules and scopes that a caller must meet. Rules may query the database."""

    rules: tuple[Rule, ...]
    scopes: tuple[str, ...]
    codenames: tuple[str, ...] = ()

    def permits(self, caller: Caller) -> bool:
        """Whether the caller may see the primitive."""
        return all(rule(caller) for rule in self.rules)

    def grants(self, caller: Caller) -> bool:
        """Whether the caller's credential has the scopes."""
        return caller.principal.has_scopes(self.scopes)

    def admits(self, caller: Caller) -> bool:
        """Whether the caller may use the primitive."""
        return self.grants(caller) and self.permits(caller)


def make_access(
    permission: Permission | Iterable[Permission] | None, scopes: Iterable[str], label: str
) -> Access | None:
    """The access rules of a primitive's options; `None` when there are none. Raises `ImproperlyConfigured`."""
    if isinstance(scopes, str):
        raise ImproperlyConfigured(f"{label}: scopes is a list: scopes=[{scopes!r}].")
    permissions = permission if isinstance(permission, list | tuple | set | frozenset) else [permission]
    rules = tuple(_rule(entry, label) for entry in permissions if entry is not None)
    codenames = tuple(entry for entry in permissions if isinstance(entry, str))
    return Access(rules, tuple(scopes), codenames) if rules or scopes else None


def _rule(permission: Any, label: str) -> Rule:
    if isinstance(permission, str):
        if permission.count(".") != 1:
            raise ImproperlyConfigured(f"{label}: a permission is named 'app_label.codename', not {permission!r}.")
        return lambda caller: _has_permission(caller, permission)
    if isinstance(permission, type) and callable(getattr(permission, "has_permission", None)):
        return lambda caller: bool(permission().has_permission(_as_drf(caller), None))
    if inspect.iscoroutinefunction(permission):
        raise ImproperlyConfigured(f"{label}: a permission is asked in a thread, so its function is a plain one.")
    if callable(permission) and not isinstance(permission, type):
        return lambda caller: bool(permission(caller.principal))
    raise ImproperlyConfigured(
        f"{label}: {permission!r} is no permission: give a codename, a function of the principal, or a class with "
        "has_permission(request, view)."
    )


def _has_permission(caller: Caller, codename: str) -> bool:
    has_perm = getattr(caller.user, "has_perm", None)
    return bool(has_perm and has_perm(codename))


def _as_drf(caller: Caller) -> "HttpRequest":
    """Django's request with the user and the credential, for a DRF permission class."""
    request: Any = caller.get_request()
    request.user = caller.user
    request.auth, request.successful_authenticator = caller.credential, caller.authenticator
    return request  # type: ignore[no-any-return]
