"""Endpoints of every configuration that the behaviour tests want, each under a name that says which."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication

from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests import policies
from tests.calls import calls
from tests.servers import careful, forms, french, guarded, hostile, many, other, plain, tenants, watched


def stamped(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A decorator such as projects put around their views."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["X-Stamp"] = "decorated"
        return response

    return wrapper


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("A page")


urlpatterns = [
    path("page", page),
    path("mcp", include("django_mcp.urls")),
    path("plain", endpoint(plain, public=True)),
    path("other", endpoint(other, public=True)),
    # Sessions and eras
    path("optional", endpoint(plain, public=True, sessions="optional")),
    path("off", endpoint(plain, public=True, sessions="off")),
    path("handshake", endpoint(plain, public=True, eras=("handshake",))),
    path("modern", endpoint(plain, public=True, eras=("modern",))),
    # Policies
    path("guarded", endpoint(guarded, public=True, authentication_classes=[TokenAuthentication])),
    path("", include("django_mcp.well_known")),
    path(
        "secure/mcp",
        endpoint(
            guarded,
            authentication_classes=[policies.ScopedToken],
            authorization_servers=["https://auth.example.com"],
            scopes_supported=["groups:read"],
        ),
    ),
    path("french", endpoint(french, public=True)),
    path("many", endpoint(many, public=True)),
    path("tenants", endpoint(tenants, public=True)),
    path("careful", endpoint(careful, public=True)),
    path("calls", endpoint(calls, public=True, authentication_classes=[TokenAuthentication])),
    path("watched", endpoint(watched, public=True)),
    path("scoped", endpoint(guarded, authentication_classes=[policies.ScopedToken])),
    path("closed", endpoint(plain)),
    path("token", endpoint(plain, authentication_classes=[TokenAuthentication])),
    path("basic", endpoint(plain, authentication_classes=[BasicAuthentication, TokenAuthentication])),
    path("cookie", endpoint(plain, authentication_classes=[SessionAuthentication])),
    path("either", endpoint(plain, public=True, authentication_classes=[TokenAuthentication])),
    path("forbidden", endpoint(plain, public=True, permission_classes=[policies.NobodyMay])),
    path("unavailable", endpoint(plain, public=True, permission_classes=[policies.ClosedForLunch])),
    path("throttled", endpoint(plain, public=True, throttle_classes=[policies.NoMore])),
    path("five", endpoint(plain, public=True, throttle_classes=[policies.FiveRequests])),
    path("throttled-today", endpoint(plain, public=True, throttle_classes=[policies.NoMoreToday])),
    path("broken-authentication", endpoint(plain, authentication_classes=[policies.BrokenAuthentication])),
    path("broken-permission", endpoint(plain, public=True, permission_classes=[policies.BrokenPermission])),
    path("broken-throttle", endpoint(plain, public=True, throttle_classes=[policies.BrokenThrottle])),
    path("browsers", endpoint(plain, public=True, allowed_origins=["https://app.example.com"])),
    path("paged", endpoint(plain, public=True, page=lambda request: request.user.username == "ada")),
    path("forms", endpoint(forms, public=True)),
    path("hostile", endpoint(hostile, public=True)),
    # Ways to mount
    path("view", MCPView.as_view(server=plain, public=True), name="view"),
    path("decorated", stamped(MCPView.as_view(server=plain, public=True))),
    path("api/v1/", include([path("deep/mcp", endpoint(plain, public=True))])),
    path("slashed/", endpoint(plain, public=True)),
    re_path(r"^tenants/(?P<tenant>[a-z]+)/mcp$", MCPView.as_view(server=plain, public=True)),
    path(
        "<slug:tenant>/tools",
        endpoint(plain, public=True, permission_classes=[policies.KnownTenants]),
        {"plan": "pro"},
    ),
    *i18n_patterns(path("translated", endpoint(plain, public=True)), prefix_default_language=True),
]
