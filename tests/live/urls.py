"""The endpoint of the watched servers, and that of the server with tasks."""

from django.urls import path
from rest_framework.authentication import TokenAuthentication

from django_mcp.urls import endpoint
from tests.live.server import watched
from tests.live.tasked import tasked

urlpatterns = [
    path("mcp", endpoint(watched, public=True, authentication_classes=[TokenAuthentication])),
    path("tasked/mcp", endpoint(tasked, public=True)),
]
