"""The well-known URLs, and those of the servers' extensions. Include them at the root of the URLconf: `path("",
include("django_mcp.well_known"))`.
"""

from django.urls import URLPattern, URLResolver, path

from django_mcp.endpoint.protected_resource import WELL_KNOWN, ProtectedResourceView
from django_mcp.server import all_servers

urlpatterns: list[URLPattern | URLResolver] = [
    path(WELL_KNOWN.lstrip("/"), ProtectedResourceView.as_view()),
    path(f"{WELL_KNOWN.lstrip('/')}/<path:path>", ProtectedResourceView.as_view()),
    *(url for server in all_servers() for extension in server.extensions for url in extension.root_urls(server)),
]
