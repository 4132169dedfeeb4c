"""The endpoints of all tests, and those that the page is tried on alone."""

from django.urls import include, path
from rest_framework.permissions import IsAdminUser

from django_mcp.urls import endpoint
from tests import urls
from tests.page.servers import crowd, seen_by, talk
from tests.servers import plain

urlpatterns = [
    path("staff-only", endpoint(plain, public=True, permission_classes=[IsAdminUser])),
    path("seen-by", endpoint(seen_by, public=True)),
    path("crowd", endpoint(crowd, public=True)),
    path("talk", endpoint(talk, public=True)),
    path("talk/handshake", endpoint(talk, public=True, eras=("handshake",))),
    path("accounts/", include("django.contrib.auth.urls")),
    *urls.urlpatterns,
]
