"""The validator that django-oauth-toolkit calls while it issues tokens."""

import re
from typing import Any, Final

from django.db import router, transaction
from oauth2_provider.models import get_access_token_model, get_refresh_token_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, InvalidGrantError, InvalidRequestError

from . import client_secrets
from .redirects import is_safe
from .resources import are_one
from .reuse import UsedMeanwhile, claim, end_family, name_family

CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
NONCE_LENGTH: Final = 255


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Issues no token without a resource, because such a token would be valid everywhere (RFC 8707). Sends no code over
    http to another machine, even if the client's registration or document allows it.

    The views check which resources exist, because they have Django's request.
    """

    def _load_application(self, client_id: str | None, request: Any) -> Any:
        # Rejects ids from any source, headers included, that a database cannot search for or that users cannot read.
        if not client_id or not (client_id.isascii() and client_id.isprintable()):
            return None
        return super()._load_application(client_id, request)

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        if client_secrets.is_digest(stored_secret):
            return client_secrets.matches(provided_secret, stored_secret)
        return bool(super()._check_secret(provided_secret, stored_secret))

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return is_safe(redirect_uri) and bool(
            super().validate_redirect_uri(client_id, redirect_uri, request, *args, **kwargs)
        )

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        # Longer values would cause a database error.
        if not CHALLENGE.fullmatch(request.code_challenge or "") or len(request.nonce or "") > NONCE_LENGTH:
            raise InvalidRequestError(description="Invalid code_challenge or nonce.", request=request)
        super().save_authorization_code(client_id, code, request, *args, **kwargs)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        is_good = bool(super().validate_code(client_id, code, client, request, *args, **kwargs))
        if not is_good:
            end_family(code, client)
        return is_good

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the code was deleted when its tokens were issued, in one transaction."""

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic(using=router.db_for_write(get_access_token_model())):
                claim(request)
                saved = super().save_bearer_token(token, request, *args, **kwargs)
                # Set while the token is saved, from the request, the grant or the refresh token.
                if not are_one(getattr(request, "resource", None) or ()):
                    raise CustomOAuth2Error(
                        error="invalid_target", description="Name the resource that the token is for.", request=request
                    )
                if request.grant_type == "authorization_code":
                    name_family(token, request.code)
                    super().invalidate_authorization_code(request.client_id, request.code, request)
                return saved
        except UsedMeanwhile as used:
            get_refresh_token_model().revoke_family(used.family)
            raise InvalidGrantError(request=request) from None
