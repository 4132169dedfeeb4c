"""Who is calling: DRF's authenticators in either lane, the stable key of a principal, and the challenge to those who
may not come in.
"""

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.request import Request

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
    return Caller(Principal(principal_key(request.user), request.user), lambda: _with_user(request))


def principal_key(user: Any) -> str:
    """The key under which a user's sessions are kept; the same on every worker, and never made from what the client
    says.
    """
    return (
        f"user:{user.pk}"
        if getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None
        else ANONYMOUS
    )


def anonymous_caller(get_request: Any) -> Caller:
    return Caller(Principal(ANONYMOUS, AnonymousUser()), get_request)


def refuse(error: Exception, view: "APIView", request: HttpRequest) -> Reply | None:
    """What a DRF policy's exception is to the client; `None` for any other exception.

    A caller without valid credentials always gets 401 with a challenge: DRF makes it 403 when its first authenticator
    has none, and then no client would find out how to sign in.
    """
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return replies.refusal(401, "Authentication required").with_header(
            "WWW-Authenticate", _challenge(view, request)
        )
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


def _challenge(view: "APIView", request: HttpRequest) -> str:
    for authenticator in view.get_authenticators():
        # A failure in DRF's own wrapping leaves the view with Django's request.
        seen: object = view.request
        header = authenticator.authenticate_header(seen if isinstance(seen, Request) else Request(request))
        if header:
            return header
    return "Bearer"


def _with_user(request: Request) -> HttpRequest:
    """Django's own request, with the user that DRF found: what code outside DRF expects."""
    django_request: HttpRequest = request._request
    user: AbstractBaseUser | AnonymousUser = request.user
    django_request.user = user  # type: ignore[assignment]
    return django_request
