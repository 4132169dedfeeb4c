"""Mounting an endpoint: `path("mcp", include("django_mcp.urls"))`, or `path("mcp", endpoint(server))` with options."""

from itertools import count
from typing import Any, Final, TypeAlias

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, re_path

from django_mcp import default_server
from django_mcp.health import health
from django_mcp.server import MCPServer
from django_mcp.views import MCPView

__all__ = ["app_name", "endpoint", "health", "urlpatterns"]

Patterns: TypeAlias = list[URLPattern | URLResolver]
Mounted: TypeAlias = tuple[Patterns, str, str]

app_name = "mcp"

_numbers: Final = count(1)


def endpoint(
    server: MCPServer | None = None,
    *,
    view_class: type[MCPView] = MCPView,
    namespace: str | None = None,
    **options: Any,
) -> Mounted:
    """The URL patterns of a server's endpoint, for `path("mcp", …)`; the options are the attributes of `MCPView`.

    Both with and without a trailing slash, because a client's POST would not survive a redirect. `reverse("<server
    name>:endpoint")` returns the URL, and `reverse("mcp:endpoint")` that of the default server. If a server has several
    endpoints, it is that of the last one; a `namespace` gives an endpoint a name of its own.
    """
    if isinstance(server, HttpRequest):
        raise ImproperlyConfigured('endpoint is called where it is mounted: path("mcp", endpoint()).')
    # The server is the application namespace and each endpoint an instance of it: Django requires unique instance
    # names.
    application = app_name if server is None else server.name
    return (
        _patterns(server=server, view_class=view_class, **options),
        application,
        namespace or f"{application}-{next(_numbers)}",
    )


def _patterns(server: MCPServer | None = None, view_class: type[MCPView] = MCPView, **options: Any) -> Patterns:
    # The groups avoid Django's warning about a pattern that begins with a slash.
    own: Patterns = [re_path(r"^(?:/)?$", view_class.as_view(server=server, **options), name="endpoint")]
    served = server or default_server
    below = [url for extension in served.extensions for url in extension.urls(served)]
    # The slash may be the end of the endpoint's own path.
    return [*own, re_path(r"^(?:/)?", include(below))] if below else own


urlpatterns = _patterns()
