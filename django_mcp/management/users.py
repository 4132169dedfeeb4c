"""The user whom a command names."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

SIGNS_IN = "the name that the user signs in with"
"""The help of such an argument: which field that is, the project says."""


def find_user(name: str) -> Any:
    """The user who signs in with a name. Raises `CommandError`."""
    model: Any = get_user_model()
    by_name = getattr(model._default_manager, "get_by_natural_key", None)
    try:
        return by_name(name) if by_name is not None else model._default_manager.get(**{model.USERNAME_FIELD: name})
    except (model.DoesNotExist, ValueError, ValidationError):
        # A number or a UUID cannot be any text.
        raise CommandError(f"There is no user {name!r}.") from None
