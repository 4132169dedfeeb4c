"""Access tokens of an external authorization server: JWTs, which are verified with its keys, and opaque tokens, which
are sent to its introspection endpoint.

Both classes accept a token from the `Authorization` header only, and only one issued for this endpoint. Subclass one,
set the attributes of the issuer, and add it to an endpoint's `authentication_classes`.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, ClassVar, Final

import jwt
from django.core.checks import CheckMessage, Error
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.http import HttpRequest
from django.utils.translation import gettext
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from django_mcp.authentication import principal_of, user_named
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.protected_resource import hosts_are_named, is_own_port, resource_of

from .issuers import IssuerUnavailable, Keys, Line, exchange, wait_for

logger = logging.getLogger("django_mcp")

__all__ = ["ExternalTokenAuthentication", "IntrospectionAuthentication", "IssuerUnavailable", "JWTAuthentication"]

MAX_TOKEN_CHARACTERS: Final = 16 * 1024
"""A longer token is refused unread."""

_FORM: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""The syntax of a bearer token: b64token of RFC 6750."""

_REMEDY: Final = "set MCP_PUBLIC_URL, or `audience` on the authentication class"


@cache
def _complain(text: str) -> None:
    """Logs a message only once: anonymous callers could trigger it with each request."""
    logger.error(text)


class AudienceUnknown(APIException):
    """The endpoint does not know the URL that tokens must have as their audience."""

    status_code = 503
    default_detail = "The endpoint does not know its own URL"


class ExternalTokenAuthentication(BaseAuthentication):
    """The base of both classes. `issuer` is the URL in the tokens and in the endpoint's metadata."""

    issuer: ClassVar[str]
    audience: ClassVar[str | None] = None
    """The audience of tokens, for issuers that do not support resources; `None` is the endpoint's own URL."""

    def get_user(self, claims: Mapping[str, Any]) -> Any:
        """The user for a token's claims, or `None`: by default, the user whose username is the subject. Override it for
        another rule; if `.get()` finds no row or several, the caller is refused.
        """
        subject = claims.get("sub")
        return user_named(subject) if isinstance(subject, str) and subject else None

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        """The claims of a valid token with this audience. Raises `AuthenticationFailed`."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[Any, Mapping[str, Any]] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token.strip()
        if len(token) > MAX_TOKEN_CHARACTERS or not _FORM.fullmatch(token):
            raise AuthenticationFailed("This is no token.")
        claims = self.read(token, self._audience_of(request._request))
        user = self._find_user(claims)
        # Refuses invalid scopes and times here, before the claims are used.
        principal_of(user, claims)
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authorization_servers(self, request: HttpRequest) -> list[str]:
        """The issuer of the tokens, for the endpoint's metadata."""
        return [self.issuer]

    def check(self, path: str) -> list[CheckMessage]:
        """The messages of `manage.py check --deploy` for an endpoint with this class, at this path."""
        if self._knows_its_audience():
            return []
        text = gettext(
            "Which tokens open the endpoint %(path)s is for the Host header to say: ALLOWED_HOSTS has a wildcard."
        )
        hint = gettext("Set MCP_PUBLIC_URL, or `audience` on the authentication class.")
        return [Error(text % {"path": path}, hint=hint, id="django_mcp.E031")]

    def _knows_its_audience(self) -> bool:
        return bool(self.audience or mcp_settings.PUBLIC_URL or hosts_are_named())

    def _audience_of(self, request: HttpRequest) -> str:
        """The audience that a token must have. Clients choose the Host header, so a wrong one could make a token of
        another service valid here: it is used only where ALLOWED_HOSTS names every host in full, and with the server's
        own port.
        """
        if self.audience:
            return self.audience
        if not self._knows_its_audience():
            _complain(f"{type(self).__qualname__} lets nobody in, since ALLOWED_HOSTS has a wildcard: {_REMEDY}.")
            raise AudienceUnknown
        if not mcp_settings.PUBLIC_URL and not is_own_port(request):
            raise AuthenticationFailed(f"The Host header names another port than the server's: {_REMEDY}.")
        return resource_of(request)

    def _find_user(self, claims: Mapping[str, Any]) -> Any:
        try:
            user = self.get_user(claims)
        except (ObjectDoesNotExist, MultipleObjectsReturned):
            user = None
        if user is None or not getattr(user, "is_active", True):
            raise AuthenticationFailed("The token is of no user here.")
        return user


class JWTAuthentication(ExternalTokenAuthentication):
    """JWTs signed with the issuer's keys, which are published at `jwks_url` (RFC 7517). Issuer, audience and expiry
    must be present and valid, and the algorithm must be in `algorithms`.

    Keys are fetched again after five minutes, and used for up to a day if the issuer cannot be reached.
    """

    jwks_url: ClassVar[str]
    algorithms: ClassVar[Sequence[str]] = ("RS256", "ES256")
    leeway_seconds: ClassVar[int] = 10

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        expected: dict[str, Any] = {
            "audience": [audience, f"{audience}/"],
            "issuer": self.issuer,
            "leeway": self.leeway_seconds,
        }
        name = self._read_unverified(token, expected)
        key = keys_of(self.jwks_url).find(name)
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key.key, algorithms=list(self.algorithms), options={"require": _REQUIRED}, **expected
            )
        except jwt.PyJWTError as error:
            raise AuthenticationFailed(f"The token is not valid: {error}") from error
        return claims

    def _read_unverified(self, token: str, expected: Mapping[str, Any]) -> str:
        """The name of the key that signed a token, if everything else in the token is valid. This needs no keys, so no
        keys are fetched for a token that would be refused anyway.
        """
        options: Any = {"verify_signature": False, "require": _REQUIRED}
        options |= dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), True)
        try:
            decoded = jwt.decode_complete(token, options=options, **expected)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise AuthenticationFailed(f"The token is not valid: {error}") from error
        principal_of(None, decoded["payload"])
        algorithm, name = decoded["header"].get("alg"), decoded["header"].get("kid")
        if algorithm not in self.algorithms or not isinstance(name, str):
            raise AuthenticationFailed("The token names no key, or an algorithm that is not admitted.")
        return name


class IntrospectionAuthentication(ExternalTokenAuthentication):
    """Opaque tokens, which are sent to the issuer's introspection endpoint with each request (RFC 7662), as the client
    `client_id` with `client_secret`. The response must contain the audience.
    """

    introspection_url: ClassVar[str]
    client_id: ClassVar[str]
    client_secret: ClassVar[str]

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        claims = self._ask(token)
        if not isinstance(claims, dict) or claims.get("active") is not True:
            raise AuthenticationFailed("The token is not valid.")
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if audience not in [one.rstrip("/") for one in audiences if isinstance(one, str)]:
            raise AuthenticationFailed("The token is for another resource.")
        if claims.get("iss", self.issuer) != self.issuer:
            raise AuthenticationFailed("The token is of another issuer.")
        return claims

    def _ask(self, token: str) -> Any:
        form = {"token": token, "token_type_hint": "access_token"}
        credentials = (self.client_id, self.client_secret)
        ask = partial(exchange, "POST", self.introspection_url, data=form, auth=credentials)
        answer = line_to(self.introspection_url).start(ask, mcp_settings.ISSUER_REQUESTS)
        return wait_for(answer, mcp_settings.ISSUER_TIMEOUT_SECONDS)


_REQUIRED: Final = ["exp", "iss", "aud"]

_keys: Final[dict[str, Keys]] = {}
_lines: Final[dict[str, Line]] = {}


def keys_of(url: str) -> Keys:
    """The keys published at a URL, shared by all classes with this URL."""
    return _keys.get(url) or _keys.setdefault(url, Keys(url))


def line_to(url: str) -> Line:
    return _lines.get(url) or _lines.setdefault(url, Line(url))
