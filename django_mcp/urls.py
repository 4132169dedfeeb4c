"""Where an endpoint is mounted: `path("mcp", include("django_mcp.urls"))`, or `path("mcp", endpoint(server))` for one
with options.
"""

from typing import Any, TypeAlias

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import URLPattern, re_path

from django_mcp.server import MCPServer
from django_mcp.views import MCPView

Mounted: TypeAlias = tuple[list[URLPattern], str, str]

app_name = "mcp"


def endpoint(server: MCPServer | None = None, *, view_class: type[MCPView] = MCPView, **options: Any) -> Mounted:
    """The URL patterns of a server's endpoint, for `path("mcp", …)`; the options are the attributes of `MCPView`.

    With and without a trailing slash, and never a redirect: a client's POST would not survive one. `reverse("<server
    name>:endpoint")` gives the URL.
    """
    if isinstance(server, HttpRequest):
        raise ImproperlyConfigured('endpoint is called where it is mounted: path("mcp", endpoint()).')
    namespace = "mcp" if server is None else server.name
    return _patterns(server=server, view_class=view_class, **options), app_name, namespace


def _patterns(view_class: type[MCPView] = MCPView, **options: Any) -> list[URLPattern]:
    # The group keeps Django from taking the pattern for one that begins with a slash by mistake.
    return [re_path(r"^(?:/)?$", view_class.as_view(**options), name="endpoint")]


urlpatterns = _patterns()
