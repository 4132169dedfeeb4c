"""Protected resource metadata (RFC 9728): the issuers of an endpoint's tokens, the URL of this document, and the
challenge that names that URL.

The document comes from attributes of the endpoint's view (`authorization_servers`, `scopes_supported`) and from the
URLconf. Nothing here reads tokens.
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
    """The metadata of the endpoint whose path follows the well-known path; at the root, of the project's only endpoint.
    Public, for any origin, and cacheable.
    """

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, path: str = "") -> JsonResponse:
        if not path:
            path = _only_path() or ""
        view = find_view(f"/{path}")
        if view is None or not view.get_authorization_servers(request):
            raise Http404
        response = JsonResponse(describe(view, request, f"/{path}"))
        response["Access-Control-Allow-Origin"] = "*"
        response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        return response


# Exempt from LoginRequiredMiddleware: clients without a token read this to get one.
ProtectedResourceView.login_required = False  # type: ignore[attr-defined]


def describe(view: Any, request: HttpRequest, path: str) -> dict[str, Any]:
    """The document. `resource` is the endpoint's URL for clients, which they compare with the URL that they use."""
    document = {
        "resource": f"{public_url(request)}{path.rstrip('/')}",
        "authorization_servers": list(view.get_authorization_servers(request)),
        "scopes_supported": list(view.scopes_supported) or None,
        "bearer_methods_supported": ["header"],
        "resource_name": view.get_server().title or view.get_server().name,
    }
    return {key: value for key, value in document.items() if value is not None}


def challenge(view: Any, request: HttpRequest, **parameters: str) -> str:
    """The `Bearer` challenge with the URL of the metadata. `parameters` are `error`, `scope` and so on."""
    details = {**parameters, "resource_metadata": f"{public_url(request)}{WELL_KNOWN}{_path_of(request)}"}
    if "scope" not in details and view.scopes_supported:
        details["scope"] = " ".join(view.scopes_supported)
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in details.items())


def resource_of(request: HttpRequest) -> str:
    """The resource of a request: the endpoint's URL for clients."""
    return f"{public_url(request).lower()}{_path_of(request)}"


def _path_of(request: HttpRequest) -> str:
    prefix = (settings.FORCE_SCRIPT_NAME or request.META.get("SCRIPT_NAME", "")).rstrip("/")
    return request.path.removeprefix(prefix).rstrip("/")


def public_url(request: HttpRequest) -> str:
    """The scheme and host that clients use for the project, without a path."""
    return str(mcp_settings.PUBLIC_URL).rstrip("/") or f"{request.scheme}://{request.get_host()}"


def hosts_are_named() -> bool:
    """Whether `ALLOWED_HOSTS` names every host in full, so that the Host header can be trusted."""
    hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else ())
    return bool(hosts) and not any(host == "*" or host.startswith(".") for host in hosts if host != ".localhost")


def is_own_port(request: HttpRequest) -> bool:
    """Whether the port in the Host header, if any, is the port of the server. `ALLOWED_HOSTS` does not check ports."""
    _, port = split_domain_port(request.get_host())
    return not port or port == request.get_port()


def known_scopes() -> set[str]:
    """All scopes that endpoints of the URLconf declare, or that primitives of their servers require."""
    views = [view for _, view in mounted_views()]
    return {scope for view in views for scope in (*view.scopes_supported, *view.get_server().registry.scopes())}


def _only_path() -> str | None:
    """The path of the project's only endpoint, if it has no variables. Beside another endpoint a document at the root
    would be taken for that one's: some clients read it there unasked, and start to sign in to an open endpoint.
    """
    paths = endpoint_paths()
    return paths[0] if len(paths) == len(list(mounted_views())) == 1 else None


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
