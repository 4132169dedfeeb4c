"""The well-known URLs. Include them at the root of the URLconf: `path("", include("django_mcp.well_known"))`."""

from django.urls import path

from django_mcp.endpoint.protected_resource import WELL_KNOWN, ProtectedResourceView

urlpatterns = [
    path(WELL_KNOWN.lstrip("/"), ProtectedResourceView.as_view()),
    path(f"{WELL_KNOWN.lstrip('/')}/<path:path>", ProtectedResourceView.as_view()),
]
