"""The secrets of clients that registered themselves: random and long, so that a plain SHA-256 keeps them well enough.

django-oauth-toolkit hashes them as it does passwords, which costs a second of processor time for each registration,
and for each wrong secret that somebody tries; those of public clients too, which have none.
"""

import hashlib
from typing import Any, Final

from django.db.models.signals import pre_save
from django.utils.crypto import constant_time_compare
from oauth2_provider.models import get_application_model

PREFIX: Final = "sha256:"


def connect() -> None:
    """Connects the receiver; once, when the app is ready."""
    pre_save.connect(_hash, sender=get_application_model(), dispatch_uid="django_mcp")


def is_digest(stored: str) -> bool:
    return stored.startswith(PREFIX)


def matches(provided: str, stored: str) -> bool:
    """Whether a secret is the one that a digest was made of."""
    return constant_time_compare(_digest(provided), stored)


def _hash(*, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    is_new = instance._state.adding and not raw
    if is_new and instance.registration_source != instance.RegistrationSource.MANUAL:
        instance.client_secret, instance.hash_client_secret = _digest(instance.client_secret), False


def _digest(secret: str) -> str:
    return PREFIX + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
