"""Reuse of codes and refresh tokens: the tokens of the first use are revoked (RFC 6749 section 4.1.2, RFC 9700 section
4.14.2), even if several requests with the same code or token arrive at once.

All tokens that come from a code are a family. The family's name is derived from the code, so the code need not be
stored.
"""

import hashlib
import uuid
from typing import Any, Final

from django.utils import timezone
from oauth2_provider.models import get_grant_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings

CODES: Final = uuid.UUID("8f0e2f5c-5f0b-4d8e-9d1c-6a6f1f5f3a27")
"""The UUID namespace of the families' names."""


class UsedMeanwhile(Exception):
    """Another request has used the code or the refresh token since it was validated."""

    def __init__(self, family: uuid.UUID | None) -> None:
        super().__init__()
        self.family = family


def claim(request: Any) -> None:
    """Locks the code or the refresh token of a token request for this transaction: other requests wait for its row, and
    then find it deleted or revoked. Raises `UsedMeanwhile`.
    """
    presented = getattr(request, "refresh_token_instance", None)
    if presented is not None:
        rows = get_refresh_token_model()._default_manager.filter(pk=presented.pk, revoked__isnull=True)
        family = None if oauth2_settings.REFRESH_TOKEN_GRACE_PERIOD_SECONDS else presented.token_family
    elif request.grant_type == "authorization_code":
        rows = get_grant_model()._default_manager.filter(code=request.code, application=request.client)
        family = _family_of(request.code)
    else:
        return
    if not rows.update(updated=timezone.now()):
        raise UsedMeanwhile(family)


def name_family(token: dict[str, Any], code: str) -> None:
    """Sets the family of a token from the code that it was issued for."""
    checksum = hashlib.sha256(token["refresh_token"].encode()).hexdigest()
    rows = get_refresh_token_model()._default_manager.filter(token_checksum=checksum)
    rows.update(token_family=_family_of(code))


def end_family(code: str, client: Any) -> None:
    """Revokes the tokens that were issued for a client's code before."""
    model = get_refresh_token_model()
    if model._default_manager.filter(token_family=_family_of(code), application=client).exists():
        model.revoke_family(_family_of(code))


def _family_of(code: str) -> uuid.UUID:
    return uuid.uuid5(CODES, code)
