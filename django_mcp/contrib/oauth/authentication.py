"""`OAuthAuthentication`: access tokens of this project's authorization server, for `authentication_classes`."""

import hashlib
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from oauth2_provider.models import get_access_token_model, get_application_model
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_mcp.endpoint.protected_resource import resource_of
from django_mcp.primitives.context import Principal

from .resources import canonical, issuer
from .revocation import has_token


class OAuthAuthentication(OAuth2Authentication):  # type: ignore[misc]
    """Accepts tokens from the `Authorization` header only, if they are valid, of an active user, and issued for this
    endpoint: a token for another endpoint, for a part of its URL or without a resource is refused (RFC 8707; spec
    basic/authorization). A subclass of the toolkit's class, by which the toolkit's permissions distinguish a token from
    a session.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        access_token = _find(token.strip())
        if (
            access_token is None
            or access_token.is_expired()
            or access_token.user is None
            or not access_token.user.is_active
        ):
            raise AuthenticationFailed("The access token is not valid.")
        if access_token.application is not None and not access_token.application.is_usable(request):
            raise AuthenticationFailed("The access token is of a client that is not admitted.")
        if resource_of(request._request) not in map(canonical, access_token.resource or ()):
            raise AuthenticationFailed("The access token is for another resource.")
        return access_token.user, access_token

    def still_admits(self, principal: Principal) -> bool:
        """Whether the client of a task's principal still has a token of the user: another one after a refresh."""
        if not principal.client_id:
            tokens = get_access_token_model().objects.filter(pk=principal.token_id, user=principal.user)
            return bool(tokens.filter(expires__gt=timezone.now()).exists())
        application = get_application_model().objects.filter(client_id=principal.client_id).first()
        return application is not None and has_token(principal.user, application)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authorization_servers(self, request: HttpRequest) -> list[str]:
        """The issuer of the tokens, for the endpoint's metadata."""
        return [issuer(request)]


def _find(token: bytes) -> Any:
    # The table has a checksum of the token, even if it also has the token itself.
    checksum = hashlib.sha256(token).hexdigest()
    model = get_access_token_model()
    return model.objects.select_related("user", "application").filter(token_checksum=checksum).first()
