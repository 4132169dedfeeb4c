"""The secrets of self-registered clients: long and random, so a plain SHA-256 protects them well enough.

django-oauth-toolkit hashes them like passwords, which costs a second of processor time for each registration and each
wrong secret, even for public clients, which have no secret.
"""

import hashlib
from typing import Any, Final

from django.db.models.signals import pre_save
from django.utils.crypto import constant_time_compare
from oauth2_provider.models import get_application_model

PREFIX: Final = "sha256:"


def connect() -> None:
    """Connects the receiver; called once, when the app is ready."""
    pre_save.connect(_hash, sender=get_application_model(), dispatch_uid="django_mcp")


def is_digest(stored: str) -> bool:
    return stored.startswith(PREFIX)


def matches(provided: str, stored: str) -> bool:
    """Whether a secret has this digest."""
    return constant_time_compare(_digest(provided), stored)


def _hash(*, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    is_new = instance._state.adding and not raw
    if is_new and instance.registration_source != instance.RegistrationSource.MANUAL:
        instance.client_secret, instance.hash_client_secret = _digest(instance.client_secret), False


def _digest(secret: str) -> str:
    return PREFIX + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
