"""The preview of a server's apps under DEBUG: a page that is a host, and the sandbox where it shows them."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.safestring import mark_safe
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_GET

from django_mcp.endpoint.routes import find_view
from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN

from .csp import policy, read_origins
from .declared import MIME_TYPE

if TYPE_CHECKING:
    from django_mcp import MCPServer

    from .extension import Apps

MAX_POLICY_BYTES: Final = 16 * 1024

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's own script and style, calls to its own site, and the sandbox."""

SANDBOX: Final = "sandbox allow-scripts; frame-ancestors 'self'"
"""An origin of its own, without forms: a host need not grant more."""

HEADERS: Final = Path(__file__).parents[2] / "page" / "scripts" / "headers.js"
"""The part of the script that the page for people has too."""


def urls(extension: "Apps", server: "MCPServer") -> list[URLPattern]:
    """The URLs of the preview below an endpoint, `/mcp/apps` beside `/mcp`. Without DEBUG they are not found."""

    @require_GET
    def preview(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        _check_debug()
        nonce = secrets.token_urlsafe(16)
        headers = mark_safe(HEADERS.read_text("utf-8"))
        context = {"nonce": nonce, "server": server, "data": _data(extension, request), "headers": headers}
        response = render(request, "django_mcp/apps/preview.html", context)
        response["Content-Security-Policy"] = PAGE_POLICY.format(nonce)
        response["Cache-Control"] = "no-store, private"
        return response

    return [path("apps", preview), path("apps/sandbox", show_sandbox)]


@require_GET
@xframe_options_exempt
def show_sandbox(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """An empty document under the policy that a host makes of the origins in `?csp=`; the page sends it its content."""
    _check_debug()
    text = request.GET.get("csp", "{}")
    try:
        origins = read_origins(dict(json.loads(text))) if len(text) <= MAX_POLICY_BYTES else None
    except (ValueError, TypeError, RecursionError):
        origins = None
    if origins is None:
        return HttpResponseBadRequest("csp is not the csp of an app.", content_type="text/plain")
    response = render(request, "django_mcp/apps/sandbox.html")
    response["Content-Security-Policy"] = f"{policy(origins)}; {SANDBOX}"
    response["Cache-Control"] = "no-store, private"
    return response


def _check_debug() -> None:
    if not settings.DEBUG:
        raise Http404


def _data(extension: "Apps", request: HttpRequest) -> dict[str, Any]:
    """The data of the page's script: the endpoint, and how it is called by a person."""
    endpoint = request.path.removesuffix("/apps")
    view = find_view(endpoint)
    is_modern = view is None or "modern" in view.eras
    return {
        "url": request.build_absolute_uri(endpoint),
        "path": endpoint,
        "sandbox": f"{request.path}/sandbox",
        "era": "modern" if is_modern else "handshake",
        "version": LATEST_MODERN if is_modern else LATEST_HANDSHAKE,
        "csrfHeader": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        "csrfToken": get_token(request),
        "definitions": {},
        "clientCapabilities": {"extensions": {extension.id: {"mimeTypes": [MIME_TYPE]}}},
        "mimeType": MIME_TYPE,
    }
