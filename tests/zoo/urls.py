"""The zoo at one URL, for those who sign in."""

from django.contrib import admin
from django.urls import path

from django_mcp.urls import endpoint
from tests.zoo.served.mcp import server

urlpatterns = [
    path("mcp", endpoint(server, public=True)),
    path("admin/", admin.site.urls),
]
