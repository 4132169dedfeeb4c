"""Policies of the test endpoints: DRF authenticators, permissions and throttles, some of them broken."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.throttling import BaseThrottle

from tests.servers import SECRET


class BrokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Any) -> None:
        raise RuntimeError(SECRET)


class ScopedToken(BaseAuthentication):
    """A token that says what it may: `Bearer <client>:<scopes, with commas between them>`, always of one user."""

    def authenticate(self, request: Any) -> tuple[Any, dict[str, str]] | None:
        if "Authorization" not in request.headers:
            return None
        client_id, _, scopes = request.headers["Authorization"].removeprefix("Bearer ").partition(":")
        if client_id == "wrong":
            raise AuthenticationFailed
        user = User.objects.get(username="ada")
        return user, {"client_id": client_id, "scope": scopes.replace(",", " ")}

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class BrokenPermission(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        raise RuntimeError(SECRET)


class BrokenThrottle(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        raise RuntimeError(SECRET)


class NobodyMay(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return False


class KnownTenants(BasePermission):
    """Reads the arguments of the URL, captured ones and the pattern's own."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return bool((view.kwargs["tenant"], view.kwargs["plan"]) == ("acme", "pro"))


class ClosedForLunch(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        error = APIException(SECRET)
        error.status_code = 503
        raise error


class NoMore(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 41.3


class NoMoreToday(NoMore):
    def wait(self) -> Any:
        return None


class FiveRequests(BaseThrottle):
    """Five requests, of everybody together."""

    calls = 0

    def allow_request(self, request: Any, view: Any) -> bool:
        FiveRequests.calls += 1
        return FiveRequests.calls <= 5
