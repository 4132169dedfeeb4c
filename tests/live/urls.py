"""The one endpoint of the watched servers."""

from django.urls import path
from rest_framework.authentication import TokenAuthentication

from django_mcp.urls import endpoint
from tests.live.server import watched

urlpatterns = [path("mcp", endpoint(watched, public=True, authentication_classes=[TokenAuthentication]))]
