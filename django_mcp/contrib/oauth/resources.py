"""The resources that tokens are issued for (RFC 8707): the project's endpoints, by their URLs for clients."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest
from oauth2_provider.settings import oauth2_settings

from django_mcp.endpoint.protected_resource import public_url
from django_mcp.endpoint.routes import endpoint_paths, find_view


def issuer(request: HttpRequest) -> str:
    """The issuer's URL: the same in the server's metadata, in each endpoint's metadata, and in responses."""
    return str(oauth2_settings.OIDC_ISS_ENDPOINT) or public_url(request)


def canonical(resource: str) -> str:
    """A resource in normal form for comparison: scheme and host in lower case, no trailing slash, no fragment."""
    parts = urlsplit(resource)
    path = parts.path.rstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}{query}"


def is_known(request: HttpRequest, resource: str) -> bool:
    """Whether a resource is an endpoint of this project that uses tokens issued here."""
    try:
        parts = urlsplit(canonical(resource))
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" != public_url(request).lower() or parts.query:
        return False
    return issuer(request) in _issuers(request, parts.path)


def fault_of(request: HttpRequest, resources: Sequence[str]) -> str | None:
    """The fault in the resources of a request: there must be exactly one, and it must be known here."""
    if not resources:
        return "Name the resource that you ask for."
    unknown = [resource for resource in resources if not is_known(request, resource)]
    if unknown:
        return f"There is no resource {unknown[0]} here."
    return None if are_one(resources) else "Name one resource: a token is for one endpoint."


def are_one(resources: Iterable[str]) -> bool:
    """Whether all these resources are the same one."""
    return len({canonical(resource) for resource in resources}) == 1


def only_one(request: HttpRequest) -> str | None:
    """The resource for a request that names none, as clients of 2025-03-26 do: the only one, if there is only one."""
    paths = [path for path in endpoint_paths() if issuer(request) in _issuers(request, f"/{path}")]
    return f"{public_url(request)}/{paths[0].rstrip('/')}" if len(paths) == 1 else None


def _issuers(request: HttpRequest, path: str) -> list[str]:
    view = find_view(path) or find_view(f"{path}/")
    return list(view.get_authorization_servers(request)) if view is not None else []
