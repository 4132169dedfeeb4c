"""Where an endpoint is mounted: `path("mcp", include("django_mcp.urls"))`, or `path("mcp", endpoint(server))` for one
with options.
"""

from itertools import count
from typing import Any, Final, TypeAlias

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import URLPattern, re_path

from django_mcp.server import MCPServer
from django_mcp.views import MCPView

Mounted: TypeAlias = tuple[list[URLPattern], str, str]

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

    With and without a trailing slash, and never a redirect: a client's POST would not survive one. `reverse("<server
    name>:endpoint")` gives the URL, and `reverse("mcp:endpoint")` that of the default server's. Of several endpoints of
    one server it is the last one's; a `namespace` gives one a name of its own.
    """
    if isinstance(server, HttpRequest):
        raise ImproperlyConfigured('endpoint is called where it is mounted: path("mcp", endpoint()).')
    # The server is the application and each endpoint an instance of it: Django wants the names of instances unique.
    application = app_name if server is None else server.name
    return (
        _patterns(server=server, view_class=view_class, **options),
        application,
        namespace or f"{application}-{next(_numbers)}",
    )


def _patterns(view_class: type[MCPView] = MCPView, **options: Any) -> list[URLPattern]:
    # The group keeps Django from taking the pattern for one that begins with a slash by mistake.
    return [re_path(r"^(?:/)?$", view_class.as_view(**options), name="endpoint")]


urlpatterns = _patterns()
