"""What django-oauth-toolkit asks while it issues tokens."""

from typing import Any

from django.db import router, transaction
from oauth2_provider.models import get_access_token_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Issues no token without a resource: what is bound to nothing would open everything (RFC 8707).

    Which resources there are is seen to where Django's request is at hand, in the views.
    """

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(using=router.db_for_write(get_access_token_model())):
            saved = super().save_bearer_token(token, request, *args, **kwargs)
            # Settled as the token is saved, from the request, the grant or the refresh token.
            if not getattr(request, "resource", None):
                raise CustomOAuth2Error(
                    error="invalid_target", description="Name the resource that the token is for.", request=request
                )
            return saved
