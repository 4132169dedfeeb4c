"""Who is calling: DRF's authenticators in either lane, the stable key of a principal, and the challenge to those who
may not come in.
"""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.request import Request

from django_mcp.endpoint import protected_resource
from django_mcp.primitives.context import Caller, Principal
from django_mcp.protocol import replies
from django_mcp.protocol.replies import Reply

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger("django_mcp")

forced_user: ContextVar[Any] = ContextVar("forced_user", default=None)
"""The user whom the test client calls as, whatever the endpoint's authenticators; set by `django_mcp.testing` alone."""

ANONYMOUS = ""
"""The principal of callers who say nothing of themselves. They share it, and so can use each other's sessions if they
know the id.
"""


def caller_of(request: Request) -> Caller:
    """The caller behind a request that DRF has authenticated."""
    principal = principal_of(request.user, request.auth)
    return Caller(principal, lambda: _with_user(request), request.auth, request.successful_authenticator)


def principal_of(user: Any, credential: Any) -> Principal:
    """On whose behalf a request is: the user, and what the credential that DRF found says beside.

    An access token of django-oauth-toolkit says so in its attributes, a JWT in its claims; others have no scopes.
    """
    scope = _said(credential, "scope")
    expires = _said(credential, "expires", "expiry", "exp")
    token_id = _said(credential, "jti", "id")
    client_id = str(_said(getattr(credential, "application", credential), "client_id") or "")
    return Principal(
        key=principal_key(user, client_id),
        user=user,
        client_id=client_id,
        scopes=None if scope is None else frozenset(scope.split() if isinstance(scope, str) else scope),
        token_id="" if token_id is None else str(token_id),
        expires_at=datetime.fromtimestamp(expires, UTC) if isinstance(expires, int | float) else expires,
    )


def principal_key(user: Any, client_id: str = "") -> str:
    """The key under which a user's sessions are kept, those of each OAuth client by themselves; the same on every
    worker, and never made from what the client says.
    """
    known = getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None
    parts = ([f"user:{user.pk}"] if known else []) + ([f"client:{client_id}"] if client_id else [])
    return ":".join(parts) or ANONYMOUS


def anonymous_caller(get_request: Any) -> Caller:
    return Caller(Principal(ANONYMOUS, AnonymousUser()), get_request)


def refuse(error: Exception, view: "APIView", request: HttpRequest) -> Reply | None:
    """What a DRF policy's exception is to the client; `None` for any other exception.

    A caller without valid credentials always gets 401 with a challenge: DRF makes it 403 when its first authenticator
    has none, and then no client would find out how to sign in.
    """
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        told = _challenge(view, request, is_wrong=isinstance(error, exceptions.AuthenticationFailed))
        return replies.refusal(401, "Authentication required").with_header("WWW-Authenticate", told)
    if isinstance(error, exceptions.Throttled):
        reply = replies.refusal(429, "Too many requests")
        wait: float | None = getattr(error, "wait", None)
        return reply if wait is None else reply.with_header("Retry-After", str(max(1, round(wait))))
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return replies.refusal(403, "Forbidden")
    if isinstance(error, exceptions.APIException):
        return replies.refusal(error.status_code, str(error.default_detail))
    if isinstance(error, Http404):
        return replies.refusal(404, "Not found")
    if isinstance(error, DataError):
        # What the client sent reached a query, and the database cannot hold it: PostgreSQL has no U+0000.
        logger.warning("A policy asked the database for what it cannot hold", exc_info=error)
        return replies.refusal(400, "Bad request")
    return None


def _challenge(view: "APIView", request: HttpRequest, *, is_wrong: bool) -> str:
    """How to sign in. `is_wrong`: there were credentials, which a protected resource says of a token (RFC 6750)."""
    if hasattr(view, "get_authorization_servers") and view.get_authorization_servers(request):
        return protected_resource.challenge(view, request, **({"error": "invalid_token"} if is_wrong else {}))
    for authenticator in view.get_authenticators():
        # A failure in DRF's own wrapping leaves the view with Django's request.
        seen: object = view.request
        header = authenticator.authenticate_header(seen if isinstance(seen, Request) else Request(request))
        if header:
            return header
    return "Bearer"


def _said(credential: Any, *names: str) -> Any:
    """The first of these that a credential has, as a claim or as an attribute."""
    claims = getattr(credential, "payload", credential)
    for name in names:
        value = claims.get(name) if isinstance(claims, Mapping) else getattr(credential, name, None)
        if value is not None:
            return value
    return None


def _with_user(request: Request) -> HttpRequest:
    """Django's own request, with the user that DRF found: what code outside DRF expects."""
    django_request: HttpRequest = request._request
    user: AbstractBaseUser | AnonymousUser = request.user
    django_request.user = user  # type: ignore[assignment]
    return django_request
