"""Finding the user that a command's argument names."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def find_user(name: str) -> Any:
    """The user with this login name. Raises `CommandError`."""
    model: Any = get_user_model()
    by_name = getattr(model._default_manager, "get_by_natural_key", None)
    try:
        return by_name(name) if by_name is not None else model._default_manager.get(**{model.USERNAME_FIELD: name})
    except (model.DoesNotExist, ValueError, ValidationError):
        # Not every text is a valid number or UUID.
        raise CommandError(_("There is no user %(name)r.") % {"name": name}) from None
