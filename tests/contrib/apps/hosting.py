"""A page for the official host of apps, and a server with an app that the official package makes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import mark_safe

from django_mcp import MCPServer
from django_mcp.contrib.apps import Apps, app
from django_mcp.urls import endpoint
from testproject import urls

TEMPLATE = (
    "<!doctype html><html><head><title>Guest</title></head><body>Guest<script>{{ script }}</script></body></html>"
)

scripts: dict[str, str] = {}
"""The bundled scripts by name, once a test has built them."""

guests = MCPServer("guests", version="1", extensions=[Apps()])


@guests.tool(app=app("guest.html", context=lambda: {"script": mark_safe(scripts["guest"])}))
def show_guest(name: str) -> dict[str, str]:
    return {"hello": name}


@guests.tool(visibility="app", permission=lambda principal: True)
def add(left: int, right: int) -> dict[str, int]:
    return {"sum": left + right}


@guests.tool(visibility="model")
def for_models() -> str:
    return "models"


def show_host(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse(f"<!doctype html><title>Host</title><body><script>{scripts['host']}</script>")


urlpatterns = [
    path("host", show_host),
    path("guests", endpoint(guests, public=True)),
    *urls.urlpatterns,
]
