"""The MCP servers, the airports' own API, the admin, and a page that says so.

All endpoints are public, but for the one that shows how to sign in. The airports server takes a caller's token where
there is one, for what a user owns.
"""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication
from rest_framework.routers import SimpleRouter

from django_mcp import default_server
from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.urls import endpoint
from testproject.airports.api import AirportViewSet
from testproject.airports.atlas import atlas
from testproject.bench.mcp import bench, many
from testproject.conformance.mcp import conformance_server
from testproject.guides import guides
from testproject.views import HomeView

api = SimpleRouter()
api.register("airports", AirportViewSet)

urlpatterns = [
    # The most frequent path comes first: Django tries one after the other.
    path("mcp", endpoint(public=True, authentication_classes=[APITokenAuthentication, TokenAuthentication])),
    path(
        "atlas/mcp", endpoint(atlas, public=True, authentication_classes=[APITokenAuthentication, TokenAuthentication])
    ),
    path("bench/mcp", endpoint(bench, public=True)),
    path("bench/many/mcp", endpoint(many, public=True)),
    path("conformance/mcp", endpoint(conformance_server, public=True)),
    path("guides/mcp", endpoint(guides, public=True)),
    path(
        "secure/mcp",
        endpoint(
            default_server,
            authentication_classes=[OAuthAuthentication, APITokenAuthentication],
            scopes_supported=["airports:read"],
        ),
    ),
    path("", include("django_mcp.contrib.oauth.urls")),
    path("", HomeView.as_view(), name="home"),
    path("admin/", admin.site.urls),
    path("api/", include(api.urls)),
    path("accounts/login/", LoginView.as_view(template_name="testproject/login.html"), name="login"),
]
