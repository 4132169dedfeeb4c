"""The caller of a task: stored without its credential, and loaded again by a worker."""

import ipaddress
from contextlib import suppress
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from django_mcp import Context
from django_mcp.drf.throttles import address_of
from django_mcp.primitives.context import Caller, Principal

from .models import Task

HOOK: Final = "still_admits"
"""The method by which an authenticator says, without the token, whether it still admits a principal."""

ANONYMOUS_ACCOUNTS: Final = 32
"""The accounts that anonymous callers have together: a stranger fills that of its address, and not those of others. A
number, because each account may have tasks.
"""


class CallerGone(Exception):
    """The caller of a task may not call any more."""


def account_of(ctx: Context) -> str:
    """The account for which a caller's tasks are counted: the user's, or one of those of anonymous callers, by the
    address.
    """
    if ctx.principal.account:
        return ctx.principal.account
    address = address_of(ctx.request)
    with suppress(ValueError):
        # One person has all addresses of an IPv6 network.
        if (known := ipaddress.ip_address(address)).version == 6:
            address = str(ipaddress.ip_network((known, 64), strict=False))
    digest = salted_hmac("django_mcp.contrib.tasks", address).digest()
    return f"anonymous:{digest[0] % ANONYMOUS_ACCOUNTS}"


def stored(ctx: Context) -> dict[str, Any]:
    """The client id, the scopes, the token's id and the authenticator of a caller. Never the token."""
    principal = ctx.principal
    return {
        "client_id": principal.client_id,
        "scopes": None if principal.scopes is None else sorted(principal.scopes),
        "token_id": principal.token_id,
        "authenticator": _path_of(ctx.caller.authenticator),
    }


def caller_of(task: Task) -> Caller:
    """The caller of a task: its user as the database has it now, with the scopes of the credential that made the task.
    Raises `CallerGone` for a user who is deactivated, and for a credential that its authenticator does not admit now.
    """
    user: Any = AnonymousUser()
    user_pk: Any = Task._meta.get_field("user").value_from_object(task)
    if user_pk is not None:
        user = get_user_model()._default_manager.filter(pk=user_pk).first()
        if user is None or not getattr(user, "is_active", True):
            raise CallerGone
    credential = task.credential
    scopes = credential.get("scopes")
    principal = Principal(
        key=task.principal,
        user=user,
        client_id=credential.get("client_id", ""),
        scopes=None if scopes is None else frozenset(scopes),
        token_id=credential.get("token_id", ""),
    )
    if (path := credential.get("authenticator")) and not _admits(path, principal):
        raise CallerGone
    return Caller(principal, lambda: _request_of(user))


def _path_of(authenticator: Any) -> str:
    """The import path of an authenticator that has the hook, or of the class that it inherits it from; else ""."""
    for cls in type(authenticator).__mro__:
        path = f"{cls.__module__}.{cls.__qualname__}"
        if hasattr(cls, HOOK) and _import(path) is cls:
            return path
    return ""


def _admits(path: str, principal: Principal) -> bool:
    # A class that the project does not have any more admits nobody.
    authenticator = _import(path)
    return authenticator is not None and bool(getattr(authenticator(), HOOK)(principal))


def _import(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None


def _request_of(user: Any) -> HttpRequest:
    """A request for code that wants one: it has the user, and nothing of the client's own request."""
    request = HttpRequest()
    request.method, request.user = "POST", user
    return request
