"""The page as another user sees it: what their clients would list, and nothing that could act for them."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

from django_mcp.authentication import user_named
from django_mcp.protocol import replies
from django_mcp.protocol.errors import INVALID_REQUEST, ProtocolError
from django_mcp.protocol.replies import Reply

from .people import person_of

logger = logging.getLogger("django_mcp")

KEY: Final = "as"
"""The parameter of the page's address that names the other user."""

PERMISSION: Final = "django_mcp.look_as_user"

LOOKS_ALONE: Final[Reply] = replies.error(
    ProtocolError(INVALID_REQUEST, "Looking as another user is looking alone: call as yourself.", status=403)
)
"""The answer to every call whose address names another user."""

MAX_NAME: Final = 254


@dataclass(frozen=True, slots=True)
class Seen:
    """The request as whose the page is shown, and the name of the other user, if it is one. `request` is `None` where
    the person may not look as them.
    """

    request: HttpRequest | None
    name: str = ""


def may_look(request: HttpRequest) -> bool:
    """Whether the person behind a request may look as other users. DEBUG makes no difference."""
    user = person_of(request)
    return bool(user.is_active and getattr(user, "is_staff", False) and user.has_perm(PERMISSION))


def look(request: HttpRequest) -> Seen:
    """The request as the page is shown for it: the person's own, or one of the user whom its address names.

    A superuser is looked as by superusers alone, so that nobody who is not one learns what is theirs alone. Each look
    is logged, and so is each that is refused.
    """
    name = request.GET.get(KEY, "")
    if not name:
        return Seen(request)
    looker = person_of(request)
    other = _find(name) if may_look(request) else None
    is_let = other is not None and (_is_superuser(looker) or not _is_superuser(other))
    said = "looks at" if is_let else "was not let look at"
    logger.warning("%.100s %s %.100s as %.100s", _named(looker), said, ascii(request.path), ascii(name))
    return Seen(_as_of(request, other) if is_let else None, name)


def _find(name: str) -> Any:
    """The active user of a name, or `None`."""
    user = user_named(name) if len(name) <= MAX_NAME else None
    return user if user is not None and user.is_active else None


def _is_superuser(user: Any) -> bool:
    """A user model of a project's own need not know of superusers."""
    return bool(getattr(user, "is_superuser", False))


def _named(user: Any) -> str:
    return ascii(user.get_username()) if user.is_authenticated else "Somebody who is not signed in"


def _as_of(request: HttpRequest, user: Any) -> HttpRequest:
    """A copy of a request with another user, and without the session of the person who looks."""
    looked: HttpRequest = request.__class__.__new__(request.__class__)
    looked.__dict__.update(request.__dict__)
    looked.user = user
    looked.auser = _async_of(user)
    if hasattr(request, "session"):
        looked.session = import_module(settings.SESSION_ENGINE).SessionStore()
    return looked


def _async_of(user: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def auser() -> Any:
        return user

    return auser
