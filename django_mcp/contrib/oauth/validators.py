"""What django-oauth-toolkit asks while it issues tokens."""

import re
from typing import Any, Final

from django.db import router, transaction
from oauth2_provider.models import get_access_token_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, InvalidRequestError

from .redirects import is_safe

CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
NONCE_LENGTH: Final = 255


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Issues no token without a resource: what is bound to nothing would open everything (RFC 8707). Sends no code over
    http to another machine, whatever a client has registered or its document says.

    Which resources there are is seen to where Django's request is at hand, in the views.
    """

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return is_safe(redirect_uri) and bool(
            super().validate_redirect_uri(client_id, redirect_uri, request, *args, **kwargs)
        )

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        # What the columns cannot hold would be a database's error.
        if not CHALLENGE.fullmatch(request.code_challenge or "") or len(request.nonce or "") > NONCE_LENGTH:
            raise InvalidRequestError(description="Invalid code_challenge or nonce.", request=request)
        super().save_authorization_code(client_id, code, request, *args, **kwargs)

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(using=router.db_for_write(get_access_token_model())):
            saved = super().save_bearer_token(token, request, *args, **kwargs)
            # Settled as the token is saved, from the request, the grant or the refresh token.
            if not getattr(request, "resource", None):
                raise CustomOAuth2Error(
                    error="invalid_target", description="Name the resource that the token is for.", request=request
                )
            return saved
