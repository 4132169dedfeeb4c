"""Authentication: DRF's authenticators in every lane, the stable key of a principal, and the challenge to callers
without valid credentials.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DataError
from django.db.models import Model
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from django_mcp.endpoint import protected_resource
from django_mcp.primitives.context import Caller, Principal
from django_mcp.protocol import replies
from django_mcp.protocol.replies import Reply

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger("django_mcp")

MAX_PART: Final = 72
"""The longest part of a principal's key, in characters. A key has up to three parts, and its column holds 255."""

HASHED: Final = "sha256-"

ANONYMOUS = ""
"""The principal of all anonymous callers. They share it, so each can use another's session if it knows the id."""


def caller_of(request: Request) -> Caller:
    """The caller of a request that DRF has authenticated."""
    principal = principal_of(request.user, request.auth)
    return Caller(principal, lambda: _with_user(request), request.auth, request.successful_authenticator)


def principal_of(user: Any, credential: Any) -> Principal:
    """The principal of a request: the user, and the client, scopes and expiry of the credential.

    These are attributes of an access token of django-oauth-toolkit, or claims of a JWT. Raises `AuthenticationFailed`
    for invalid scopes and times.
    """
    token_id = _claim(credential, "jti", "id")
    client_id = str(_claim(getattr(credential, "application", credential), "client_id") or "")
    return Principal(
        key=principal_key(user, client_id),
        user=user,
        client_id=client_id,
        scopes=_scopes_of(credential),
        token_id="" if token_id is None else str(token_id),
        expires_at=_end_of(credential),
    )


def _scopes_of(credential: Any) -> frozenset[str] | None:
    """The scopes of a credential, as text or a list. Claims without scopes grant none; `None`, no limit, is only for
    kinds of credentials without scopes (a session, a token of DRF).
    """
    claims = _claims_of(credential)
    scope = getattr(credential, "scope", None) if claims is None else _claim(claims, "scope", "scp")
    if scope is None:
        return None if claims is None else frozenset()
    scopes = scope.split() if isinstance(scope, str) else scope
    if not isinstance(scopes, list | tuple | set | frozenset) or not all(isinstance(item, str) for item in scopes):
        raise exceptions.AuthenticationFailed("The token's scopes are neither text nor a list of it.")
    return frozenset(scopes)


def _end_of(credential: Any) -> datetime | None:
    """The expiry of a credential, which is a date, or seconds since 1970."""
    end = _claim(credential, "expires", "expiry", "exp")
    if end is None or isinstance(end, datetime):
        return end
    if isinstance(end, int | float) and not isinstance(end, bool):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(end, UTC)
    raise exceptions.AuthenticationFailed("The token's end is no point in time.")


def principal_key(user: Any, client_id: str = "") -> str:
    """The key under which a user's sessions are stored, separately for each OAuth client; the same on every worker, and
    never made from the client's own claims.

    "user:7", "user:7:client:c1", "client:c1"; "devices.device:7" where an authenticator returns another model than the
    user. At most 255 characters.
    """
    known = getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None
    parts = [f"{_kind_of(user)}:{_part(user.pk)}"] if known else []
    return ":".join([*parts, *([f"client:{_bounded(client_id)}"] if client_id else [])]) or ANONYMOUS


def user_named(name: str) -> Any:
    """The user with a login name, or `None`; also where the column has no such value, such as "ada" among numbers."""
    model: Any = get_user_model()
    if "\0" in name:
        return None
    try:
        return model._default_manager.get(**{model.USERNAME_FIELD: name})
    except (ObjectDoesNotExist, MultipleObjectsReturned, ValueError, ValidationError, DataError):
        return None


def _kind_of(user: Any) -> str:
    """The kind of model that a primary key belongs to: two kinds may each have a 7."""
    if isinstance(user, get_user_model()):
        return "user"
    own = type(user)
    return _part(user._meta.label_lower if isinstance(user, Model) else f"{own.__module__}.{own.__qualname__}")


def _part(value: object) -> str:
    """A part of a key before its last; hashed if it could be read as several parts."""
    text = str(value)
    return _hash(text) if ":" in text else _bounded(text)


def _bounded(text: str) -> str:
    """The same text; hashed if it is long, or not storable in every database."""
    return text if len(text) <= MAX_PART and text.isprintable() and not text.startswith(HASHED) else _hash(text)


def _hash(text: str) -> str:
    return HASHED + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def anonymous_caller(get_request: Any) -> Caller:
    return Caller(Principal(ANONYMOUS, AnonymousUser()), get_request)


def refuse(error: Exception, view: "APIView", request: HttpRequest) -> Reply | None:
    """The reply for an exception of a DRF policy; `None` for any other exception.

    A caller without valid credentials always gets 401 with a challenge: DRF answers 403 when its first authenticator
    has no challenge, and then clients could not find out how to sign in.
    """
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return _unauthenticated(error, view, request)
    if isinstance(error, exceptions.Throttled):
        return _with_wait(replies.refusal(429, "Too many requests"), error)
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return replies.refusal(403, "Forbidden")
    if isinstance(error, exceptions.APIException):
        return _with_wait(replies.refusal(error.status_code, str(error.default_detail)), error)
    if isinstance(error, Http404):
        return replies.refusal(404, "Not found")
    if isinstance(error, DataError):
        # A value from the client reached a query, and the database cannot store it: PostgreSQL has no U+0000.
        logger.warning("A policy asked the database for what it cannot hold", exc_info=error)
        return replies.refusal(400, "Bad request")
    return None


def _with_wait(reply: Reply, error: exceptions.APIException) -> Reply:
    wait: float | None = getattr(error, "wait", None)
    return reply if wait is None else reply.with_header("Retry-After", str(max(1, round(wait))))


def _unauthenticated(error: Exception, view: "APIView", request: HttpRequest) -> Reply:
    """A 401 that says whether there were credentials, so that nobody with a mistyped token looks for the fault
    elsewhere. The log has the reason.
    """
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    scheme = authorization.partition(" ")[0].lower()
    expected = _challenge(view, request, is_wrong=False).partition(" ")[0]
    is_raised = isinstance(error, exceptions.AuthenticationFailed)
    if is_raised or (scheme and scheme == expected.lower()):
        message, is_wrong = "Invalid token" if scheme in ("bearer", "token") else "Invalid credentials", True
    else:
        message, is_wrong = "Authentication required" + (f": the scheme is {expected}" if scheme else ""), False
    if authorization or is_wrong:
        # An authenticator that raises says why. Otherwise none of them knows the credentials, and DRF has no reason.
        refusals.note(request, authorization, str(getattr(error, "detail", error)) if is_raised else message)
    return replies.refusal(401, message).with_header("WWW-Authenticate", _challenge(view, request, is_wrong=is_wrong))


def _challenge(view: "APIView", request: HttpRequest, *, is_wrong: bool) -> str:
    """The WWW-Authenticate header. `is_wrong`: there were credentials, so a Bearer challenge gets `error` (RFC
    6750).
    """
    if hasattr(view, "get_authorization_servers") and view.get_authorization_servers(request):
        return protected_resource.challenge(view, request, **({"error": "invalid_token"} if is_wrong else {}))
    header = next(filter(None, map(partial(_header_of, view, request), view.get_authenticators())), "Bearer")
    scheme, _, rest = header.partition(" ")
    if not is_wrong or scheme.lower() != "bearer" or "error=" in rest:
        return header
    return f'{header}{"," if rest else ""} error="invalid_token"'


def _header_of(view: "APIView", request: HttpRequest, authenticator: BaseAuthentication) -> str | None:
    # After a failure in DRF's own wrapping, the view still has Django's request.
    seen: object = view.request
    return authenticator.authenticate_header(seen if isinstance(seen, Request) else Request(request))


class _Refusals:
    """The log of wrong credentials. Anybody can send any number of them, so it writes at most one short line per
    second, without the credentials.
    """

    def __init__(self) -> None:
        self._noted_at = float("-inf")
        self._left_out = 0

    def note(self, request: HttpRequest, authorization: str, reason: str) -> None:
        now = time.monotonic()
        if now - self._noted_at < 1:
            self._left_out += 1
            return
        # The text after the scheme is secret; all of the text, if the scheme is missing.
        for secret in authorization.split()[1:] or authorization.split():
            reason = reason.replace(secret, "***")
        more = f" ({self._left_out} more since the last line)" if self._left_out else ""
        logger.warning("401 at %.100s: %.200s%s", ascii(request.path), ascii(reason), more)
        self._noted_at, self._left_out = now, 0


refusals: Final = _Refusals()


def _claim(credential: Any, *names: str) -> Any:
    """The first of these names that a credential has, as a claim or as an attribute."""
    claims = _claims_of(credential)
    for name in names:
        value = getattr(credential, name, None) if claims is None else claims.get(name)
        if value is not None:
            return value
    return None


def _claims_of(credential: Any) -> Mapping[str, Any] | None:
    """The claims of a JWT or of an introspection response; `None` for other kinds of credentials."""
    claims = getattr(credential, "payload", credential)
    return claims if isinstance(claims, Mapping) else None


def _with_user(request: Request) -> HttpRequest:
    """Django's own request with DRF's user, for code outside DRF."""
    django_request: HttpRequest = request._request
    user: AbstractBaseUser | AnonymousUser = request.user
    django_request.user = user  # type: ignore[assignment]
    return django_request
