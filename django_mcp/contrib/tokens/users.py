"""The project's users, by the name that they sign in with: whichever field of theirs that is."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError


def find_user(name: str) -> Any:
    """The user of a name, or `None`."""
    model: Any = get_user_model()
    by_name = getattr(model._default_manager, "get_by_natural_key", None)
    try:
        return by_name(name) if by_name is not None else model._default_manager.get(**{model.USERNAME_FIELD: name})
    except (model.DoesNotExist, ValueError, ValidationError):
        # A number or a UUID cannot be any text.
        return None


def has_field(name: str) -> bool:
    """Whether the project's users have a column."""
    try:
        return bool(get_user_model()._meta.get_field(name))
    except FieldDoesNotExist:
        return False
