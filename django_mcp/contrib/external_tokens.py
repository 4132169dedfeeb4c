"""Access tokens of an authorization server elsewhere: JWTs that are checked with its keys, and opaque tokens that it is
asked about.

Both take a token from the `Authorization` header alone, and only one that is for this very endpoint. Subclass one with
the issuer's facts, and name it among an endpoint's `authentication_classes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import httpx
import jwt
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from django_mcp.endpoint.protected_resource import resource_of

KEYS_ARE_KEPT_SECONDS: Final = 300
TIMEOUT_SECONDS: Final = 5


class IssuerUnavailable(APIException):
    """The issuer does not answer: nobody can say whether the token is good."""

    status_code = 503
    default_detail = "The authorization server cannot be reached"


class ExternalTokenAuthentication(BaseAuthentication):
    """What the two have in common. `issuer` is the URL that the tokens, and the endpoint's metadata, name."""

    issuer: ClassVar[str]
    audience: ClassVar[str | None] = None
    """Whom tokens must be for; `None` is the endpoint's own URL. For issuers that cannot be told resources."""

    def get_user(self, claims: Mapping[str, Any]) -> Any:
        """The user of a token's claims, or `None`. Here: whose username is the subject. Override it for anything
        else.
        """
        model: Any = get_user_model()
        return model._default_manager.filter(**{model.USERNAME_FIELD: str(claims.get("sub", ""))}).first()

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        """The claims of a token that is alive and for this audience. Raises `AuthenticationFailed`."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[Any, Mapping[str, Any]] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        claims = self.read(token.strip(), self.audience or resource_of(request._request))
        user = self.get_user(claims)
        if user is None or not user.is_active:
            raise AuthenticationFailed("The token is of no user here.")
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authorization_servers(self, request: HttpRequest) -> list[str]:
        """Who issues the tokens, for the endpoint's metadata."""
        return [self.issuer]


class JWTAuthentication(ExternalTokenAuthentication):
    """JWTs signed by the issuer's keys, which `jwks_url` publishes (RFC 7517). Issuer, audience and expiry must be
    there and right, and the algorithm one of `algorithms`; keys are kept for five minutes.
    """

    jwks_url: ClassVar[str]
    algorithms: ClassVar[Sequence[str]] = ("RS256", "ES256")
    leeway_seconds: ClassVar[int] = 10

    _clients: ClassVar[dict[str, jwt.PyJWKClient]] = {}

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        keys = self._clients.get(self.jwks_url)
        if keys is None:
            keys = jwt.PyJWKClient(self.jwks_url, lifespan=KEYS_ARE_KEPT_SECONDS, timeout=TIMEOUT_SECONDS)
            self._clients[self.jwks_url] = keys
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                keys.get_signing_key_from_jwt(token).key,
                algorithms=list(self.algorithms),
                audience=[audience, f"{audience}/"],
                issuer=self.issuer,
                leeway=self.leeway_seconds,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise IssuerUnavailable from error
        except jwt.PyJWTError as error:
            raise AuthenticationFailed("The token is not valid.") from error
        return claims


class IntrospectionAuthentication(ExternalTokenAuthentication):
    """Opaque tokens, about which the issuer is asked at each request (RFC 7662), as the client `client_id` with
    `client_secret`. The answer must name the audience.
    """

    introspection_url: ClassVar[str]
    client_id: ClassVar[str]
    client_secret: ClassVar[str]

    def read(self, token: str, audience: str) -> Mapping[str, Any]:
        try:
            answer = httpx.post(
                self.introspection_url,
                data={"token": token, "token_type_hint": "access_token"},
                auth=(self.client_id, self.client_secret),
                timeout=TIMEOUT_SECONDS,
            )
            answer.raise_for_status()
            claims = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerUnavailable from error
        if not isinstance(claims, dict) or claims.get("active") is not True:
            raise AuthenticationFailed("The token is not valid.")
        named = claims.get("aud", ())
        audiences = [named] if isinstance(named, str) else list(named or ())
        if audience not in [str(one).rstrip("/") for one in audiences]:
            raise AuthenticationFailed("The token is for another resource.")
        if claims.get("iss", self.issuer) != self.issuer:
            raise AuthenticationFailed("The token is of another issuer.")
        return claims
