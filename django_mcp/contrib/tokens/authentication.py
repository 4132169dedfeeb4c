"""`APITokenAuthentication`: API tokens, for an endpoint's `authentication_classes`."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_mcp.primitives.context import Principal

from .models import PREFIX, APIToken


class APITokenAuthentication(BaseAuthentication):
    """Accepts `Authorization: Bearer mcp_…`. Other tokens are left to the authenticators that follow."""

    def authenticate(self, request: Request) -> tuple[Any, APIToken] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        text = token.strip()
        if scheme.lower() != "bearer" or not text.startswith(PREFIX):
            return None
        api_token = APIToken.objects.bearing(text)
        if api_token is None:
            raise AuthenticationFailed("The token is not valid.")
        api_token.note_use()
        return api_token.user, api_token

    def still_admits(self, principal: Principal) -> bool:
        """Whether the token of a task's principal is still valid."""
        return APIToken.objects.alive().filter(pk=principal.token_id, user=principal.user.pk).exists()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
