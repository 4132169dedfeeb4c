"""Which requests are a person's, and whether that person may see the page."""

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from django_mcp.endpoint.options import PagePolicy
from django_mcp.protocol.headers import LAST_EVENT_ID, SESSION_ID, Headers

HEADER: Final = "x-mcp-page"
"""Marks a call that the page makes. A page of another site cannot send it: the browser would ask first, and is told
no.
"""

META_KEY: Final = "HTTP_X_MCP_PAGE"

SCOPE: Final = "django_mcp.page"
"""The key of the ASGI scope that the two tell each other by."""


def opens_page(method: str, headers: Headers) -> bool:
    """Whether a browser opens the endpoint's address: no MCP client asks for HTML, and a browser for no stream."""
    if method != "GET":
        return False
    accepted = headers.get("accept", "").lower()
    wants_page = "text/html" in accepted and "text/event-stream" not in accepted
    return wants_page and SESSION_ID not in headers and LAST_EVENT_ID not in headers


def calls_from_page(method: str, headers: Headers) -> bool:
    """Whether a POST claims to come from the page. The user and their rights are checked afterwards."""
    return method == "POST" and HEADER in headers


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


def note_shown(request: HttpRequest) -> None:
    """Tells the ASGI lane, which has left a request to Django, that it is answered with the page."""
    noted = getattr(request, "scope", {}).get(SCOPE)
    if noted is not None:
        noted.append(True)


def person_of(request: HttpRequest) -> Any:
    """The user of Django's session; without its middleware, nobody in particular."""
    return getattr(request, "user", None) or AnonymousUser()


class PersonAuthentication(SessionAuthentication):
    """Django's session, with a CSRF token for each call: of people who are not signed in, too."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        self.enforce_csrf(request)
        user = person_of(request._request)
        return (user, None) if user.is_active else None
