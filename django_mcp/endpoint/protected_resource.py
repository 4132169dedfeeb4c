"""Protected resource metadata (RFC 9728): who issues tokens for an endpoint, where a client finds that out, and the
challenge that sends it there.

What an endpoint says of itself is on its view (`authorization_servers`, `scopes_supported`); where it is, the URLconf
says. Knows no tokens.
"""

from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.http.request import split_domain_port
from django.views import View

from django_mcp.conf import mcp_settings

from .origins import LOCAL_HOSTS
from .routes import endpoint_paths, find_view, mounted_views

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
MAX_AGE_SECONDS: Final = 3600


class ProtectedResourceView(View):
    """The metadata of the endpoint whose path follows the well-known one; at the root, of the only one that has any.

    Public, for any origin, and cacheable.
    """

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, path: str = "") -> JsonResponse:
        if not path:
            path = _only_path(request) or ""
        view = find_view(f"/{path}")
        if view is None or not view.get_authorization_servers(request):
            raise Http404
        response = JsonResponse(describe(view, request, f"/{path}"))
        response["Access-Control-Allow-Origin"] = "*"
        response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        return response


# Django's middleware that asks everybody to sign in leaves it alone: who has no token reads this to get one.
ProtectedResourceView.login_required = False  # type: ignore[attr-defined]


def describe(view: Any, request: HttpRequest, path: str) -> dict[str, Any]:
    """The document. `resource` is the URL under which clients know the endpoint, and compare it with their own."""
    document = {
        "resource": f"{public_url(request)}{path.rstrip('/')}",
        "authorization_servers": list(view.get_authorization_servers(request)),
        "scopes_supported": list(view.scopes_supported) or None,
        "bearer_methods_supported": ["header"],
        "resource_name": view.get_server().title or view.get_server().name,
    }
    return {key: value for key, value in document.items() if value is not None}


def challenge(view: Any, request: HttpRequest, **parameters: str) -> str:
    """The `Bearer` challenge that tells a client where the metadata is. `parameters` are `error`, `scope` and so on."""
    told = {**parameters, "resource_metadata": f"{public_url(request)}{WELL_KNOWN}{_path_of(request)}"}
    if "scope" not in told and view.scopes_supported:
        told["scope"] = " ".join(view.scopes_supported)
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in told.items())


def resource_of(request: HttpRequest) -> str:
    """The resource that a request to an endpoint is for, by the URL under which clients know it."""
    return f"{public_url(request).lower()}{_path_of(request)}"


def _path_of(request: HttpRequest) -> str:
    prefix = (settings.FORCE_SCRIPT_NAME or request.META.get("SCRIPT_NAME", "")).rstrip("/")
    return request.path.removeprefix(prefix).rstrip("/")


def public_url(request: HttpRequest) -> str:
    """The scheme and host under which clients reach the project, and nothing behind them."""
    return str(mcp_settings.PUBLIC_URL).rstrip("/") or f"{request.scheme}://{request.get_host()}"


def hosts_are_named() -> bool:
    """Whether a Host header can only be one that the project names in full, in `ALLOWED_HOSTS`."""
    hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else ())
    return bool(hosts) and not any(host == "*" or host.startswith(".") for host in hosts if host != ".localhost")


def is_own_port(request: HttpRequest) -> bool:
    """Whether the port that the Host header names, if it does, is the one at which the server was reached.
    `ALLOWED_HOSTS` says nothing of ports.
    """
    _, port = split_domain_port(request.get_host())
    return not port or port == request.get_port()


def known_scopes() -> set[str]:
    """The scopes that an endpoint of the URLconf says, or that something on its server asks for."""
    views = [view for _, view in mounted_views()]
    return {scope for view in views for scope in (*view.scopes_supported, *view.get_server().registry.scopes())}


def _only_path(request: HttpRequest) -> str | None:
    """The path of the endpoint that has metadata, when there is one such and its path has no variables."""
    views = {path: find_view(f"/{path}") for path in endpoint_paths()}
    found = [path for path, view in views.items() if view is not None and view.get_authorization_servers(request)]
    return found[0] if len(found) == 1 else None


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
