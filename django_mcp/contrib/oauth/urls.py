"""The authorization server's URLs, to be included at the root: `path("", include("django_mcp.contrib.oauth.urls"))`.

Its metadata is at the root, where clients of every revision look for it, next to the metadata of the MCP endpoints. Its
endpoints are under /oauth/.
"""

from django.urls import include, path

from . import registration, views

app_name = "oauth2_provider"
"""django-oauth-toolkit reverses its views under this name."""

urlpatterns = [
    path("", include("django_mcp.well_known")),
    path(".well-known/oauth-authorization-server", views.ServerMetadataView.as_view(), name="oauth-server-metadata"),
    path("oauth/authorize/", views.AuthorizeView.as_view(), name="authorize"),
    path("oauth/token/", views.TokenView.as_view(), name="token"),
    path("oauth/revoke/", views.RevokeView.as_view(), name="revoke-token"),
    path("oauth/register/", registration.RegisterView.as_view(), name="dcr-register"),
    path("oauth/register/<str:client_id>/", registration.RegistrationView.as_view(), name="dcr-register-management"),
]
