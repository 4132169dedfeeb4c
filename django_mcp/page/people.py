"""Which requests are a person's, and whether that person may see the page."""

from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_mcp.endpoint.options import PagePolicy
from django_mcp.protocol.headers import LAST_EVENT_ID, SESSION_ID, Headers

HEADER: Final = "x-mcp-page"
"""Marks a call that the page makes. A page of another site cannot send it: the browser would ask first, and is told
no.
"""

META_KEY: Final = "HTTP_X_MCP_PAGE"

NOTED: Final = "django_mcp.page"
"""The key of the ASGI scope, or of WSGI's environ, by which Django tells a lane that it has answered a person."""

STREAMS: Final = "django_mcp.page.streams"
"""The key of the ASGI scope by which the lane says that it opens streams for the page."""

PERSON: Final = "django_mcp.page.person"
"""The key of the ASGI scope that names the user whom Django has let in, in a stream that the lane serves."""

_LISTEN: Final = "subscriptions/listen"


def opens_page(method: str, headers: Headers) -> bool:
    """Whether a browser opens the endpoint's address: no MCP client asks for HTML, and a browser for no stream."""
    if method != "GET":
        return False
    accepted = headers.get("accept", "").lower()
    wants_page = "text/html" in accepted and "text/event-stream" not in accepted
    return wants_page and SESSION_ID not in headers and LAST_EVENT_ID not in headers


def calls_from_page(method: str, headers: Headers) -> bool:
    """Whether a request claims to come from the page. The user and their rights are checked afterwards."""
    return method in ("POST", "GET", "DELETE") and HEADER in headers


def opens_stream(method: str, headers: Headers) -> bool:
    """Whether a request of the page is for a stream that stands open, which the lane alone can serve."""
    return method == "GET" or headers.get("mcp-method") == _LISTEN


def has_streams(request: HttpRequest) -> bool:
    """Whether the lane opens streams for the page that made a request."""
    return STREAMS in getattr(request, "scope", {})


def may_see(policy: PagePolicy, request: HttpRequest) -> bool:
    """Whether the person behind a request may see the page."""
    if policy is False:
        return False
    if not isinstance(policy, str):
        return bool(policy(request))
    if policy == "debug" and settings.DEBUG:
        return True
    user = person_of(request)
    if policy in ("debug", "staff"):
        return bool(user.is_active and getattr(user, "is_staff", False))
    return bool(user.is_active and user.has_perm(policy))


def is_over(policy: PagePolicy, request: HttpRequest) -> bool:
    """Whether a stream of the page stands open for somebody who may not see the page any more."""
    return PERSON in getattr(request, "scope", {}) and not may_see(policy, request)


def note_shown(request: HttpRequest) -> None:
    """Tells a lane, which has left a request to Django, that it is answered with the page, or let in to a stream."""
    noted = getattr(request, "scope", request.META).get(NOTED)
    if noted is not None:
        noted.append(name_of(person_of(request)))


def person_of(request: HttpRequest) -> Any:
    """The user of Django's session; without its middleware, nobody in particular."""
    return getattr(request, "user", None) or AnonymousUser()


def name_of(user: Any) -> str:
    """A user's primary key as text; empty for nobody."""
    return "" if user.pk is None else str(user.pk)


class PersonAuthentication(SessionAuthentication):
    """Django's session, with a CSRF token for each call: of people who are not signed in, too."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        let_in = getattr(request._request, "scope", {}).get(PERSON)
        if let_in is not None:
            _read_session(request._request)
        self.enforce_csrf(request)
        user = person_of(request._request)
        if let_in is not None and let_in != name_of(user):
            raise AuthenticationFailed("The session is over, or is another user's now.")
        return (user, None) if user.is_active else None


def _read_session(request: HttpRequest) -> None:
    """Does for a stream what the middleware has done before it was let in: now, and while it stands open."""
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
