"""The endpoints where clients register themselves (RFC 7591), and change or delete their registration (RFC 7592)."""

import json
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException
from django.utils import timezone
from oauth2_provider import views
from oauth2_provider.models import get_application_model

from django_mcp.conf import mcp_settings
from django_mcp.drf.throttles import AddressThrottle

from .browsers import ForBrowsers, error_response
from .clients import fault_of

MAX_BYTES: Final = 64 * 1024


class RegisterView(ForBrowsers, views.DynamicClientRegistrationView):  # type: ignore[misc]
    """Lets clients register themselves, if this is switched on: up to a rate limit, and only with safe redirect
    URIs.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refusal = _too_many(request) or _refusal(request)
        return refusal or super().post(request, *args, **kwargs)


class RegistrationView(views.DynamicClientRegistrationManagementView):  # type: ignore[misc]
    """Lets a client read, change and delete its own registration; a change must pass the same rules as a new
    registration.
    """

    def put(self, request: HttpRequest, client_id: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _refusal(request) or super().put(request, client_id, *args, **kwargs)


class _Registrations(AddressThrottle):
    scope = "mcp_registration"

    def __init__(self, limit: int) -> None:
        self.rate = f"{limit}/hour"
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        return str(self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)})


def _too_many(request: HttpRequest) -> JsonResponse | None:
    """The refusal when too many clients registered, from this address or from all addresses."""
    limit = mcp_settings.OAUTH_REGISTRATIONS_PER_ADDRESS
    throttle = _Registrations(limit) if limit is not None else None
    if throttle is not None and not throttle.allow_request(request, None):  # type: ignore[arg-type]
        return _come_back("Too many clients registered from here.", throttle.wait() or 60)
    limit = mcp_settings.OAUTH_REGISTRATIONS
    if limit is not None and _registered_lately() >= limit:
        return _come_back("Too many clients registered.", 600)
    return None


def _registered_lately() -> int:
    """The number of clients that registered within an hour, from the table, which all processes share."""
    clients, since = get_application_model(), timezone.now() - timedelta(hours=1)
    return int(clients._default_manager.filter(registration_source="dcr", created__gt=since).count())


def _come_back(description: str, seconds: float) -> JsonResponse:
    refusal = error_response("temporarily_unavailable", description, status=429)
    refusal["Retry-After"] = str(round(seconds))
    return refusal


def _refusal(request: HttpRequest) -> JsonResponse | None:
    """The refusal of invalid client metadata; `None` when it is valid, or when the view itself will refuse it."""
    metadata = _metadata(request)
    if metadata is None:
        return error_response("invalid_client_metadata", f"A registration is JSON of up to {MAX_BYTES} bytes.")
    fault = fault_of(metadata)
    return error_response(*fault) if fault is not None else None


def _metadata(request: HttpRequest) -> dict[str, Any] | None:
    try:
        # Some servers do not check Content-Length. The body of a form has been read, and cannot be read again.
        is_short = int(request.META.get("CONTENT_LENGTH") or 0) <= MAX_BYTES and len(request.body) <= MAX_BYTES
        metadata = json.loads(request.body) if is_short else None
    except (ValueError, RecursionError, RawPostDataException):
        return None
    return metadata if isinstance(metadata, dict) else None
