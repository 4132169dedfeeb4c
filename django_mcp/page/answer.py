"""The answer to a person who opens the endpoint: HTML in one piece, under a policy that lets nothing else in."""

import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist, loader
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve
from django.utils.cache import patch_vary_headers

from django_mcp.endpoint.protected_resource import public_url
from django_mcp.primitives.context import Caller
from django_mcp.protocol.versions import HANDSHAKE_VERSIONS, LATEST_HANDSHAKE, LATEST_MODERN, MODERN_VERSIONS, Era
from django_mcp.server import MCPServer

from .people import person_of
from .shown import Shown, show

TEMPLATE: Final = "django_mcp/page/page.html"

POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; img-src data:; "
    "media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's own script and style, calls to its own site, and images that are in an answer."""


def respond(server: MCPServer, caller: Caller | None, eras: Sequence[Era], request: HttpRequest) -> HttpResponse:
    """The page for a caller; `None` is somebody whom the endpoint does not let in."""
    nonce = secrets.token_urlsafe(16)
    html = _render(_context(show(server, caller), caller, eras, request, nonce), request)
    # A description may hold half a surrogate pair, which no encoding has.
    response = HttpResponse(html.encode("utf-8", "replace"))
    # A project without the middleware has nobody else to set the cookie.
    CsrfViewMiddleware(lambda request: response).process_response(request, response)
    patch_vary_headers(response, ["Accept", "Cookie"])
    for name, value in _headers(nonce).items():
        response[name] = value
    return response


def _headers(nonce: str) -> dict[str, str]:
    return {
        "Cache-Control": "no-store, private",
        "Content-Security-Policy": POLICY.format(nonce),
        "Cross-Origin-Opener-Policy": "same-origin",
        # With "no-referrer" a browser calls the origin of a call "null", and CSRF protection refuses it.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _context(
    shown: Shown, caller: Caller | None, eras: Sequence[Era], request: HttpRequest, nonce: str
) -> dict[str, Any]:
    server = shown.server
    versions = [*HANDSHAKE_VERSIONS * ("handshake" in eras), *MODERN_VERSIONS * ("modern" in eras)]
    identity = server.implementation()
    return {
        "nonce": nonce,
        "shown": shown,
        "identity": identity,
        # Nothing is fetched from elsewhere, so an icon is shown that is in its own address.
        "icon": next((one["src"] for one in identity.get("icons", ()) if one["src"].startswith("data:image/")), None),
        "capabilities": server.capabilities(),
        "versions": versions,
        "is_admitted": caller is not None,
        "person": person_of(request),
        "login_url": _login_url(request),
        "data": {
            "url": f"{public_url(request)}{request.path}",
            "path": request.path,
            "era": "modern" if "modern" in eras else "handshake",
            "version": LATEST_MODERN if "modern" in eras else LATEST_HANDSHAKE,
            "csrfHeader": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
            "csrfToken": get_token(request),
            "definitions": {
                kind: {entry.key: entry.definition for entries in groups.values() for entry in entries}
                for kind, groups in shown.groups.items()
            },
            "capabilities": server.capabilities(),
        },
    }


def _login_url(request: HttpRequest) -> str | None:
    """The project's page for signing in, which comes back here; `None` where there is none, or for who is signed in."""
    if person_of(request).is_authenticated:
        return None
    for name in (str(settings.LOGIN_URL), "admin:login"):
        try:
            url = resolve_url(name)
            if url.startswith("/"):
                resolve(f"/{url.removeprefix(get_script_prefix()).lstrip('/')}")
        except (NoReverseMatch, Resolver404):
            continue
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'next': request.get_full_path()})}"
    return None


def _render(context: dict[str, Any], request: HttpRequest) -> str:
    try:
        template: Any = loader.get_template(TEMPLATE)
    except TemplateDoesNotExist:
        # A project of APIs alone may have no engine of Django's.
        renderer: Any = DjangoTemplates()
        template = renderer.get_template(TEMPLATE)
    return str(template.render(context, request))
