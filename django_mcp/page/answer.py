"""The answer to a person who opens the endpoint: HTML in one piece, under a policy that lets nothing else in."""

import json
import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist, loader
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString, mark_safe
from django.views.i18n import JSONCatalog

from django_mcp.endpoint.protected_resource import public_url
from django_mcp.primitives.context import Caller
from django_mcp.protocol.versions import HANDSHAKE_VERSIONS, LATEST_HANDSHAKE, LATEST_MODERN, MODERN_VERSIONS
from django_mcp.server import MCPServer

from .clients import CLIENTS, Http, http_at, plain_name
from .looking import KEY, Seen, may_look
from .people import has_streams, person_of
from .shown import Shown, show

if TYPE_CHECKING:
    from django_mcp.endpoint.options import EndpointOptions

TEMPLATE: Final = "django_mcp/page/page.html"

POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; img-src data:; "
    "media-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The page's own script and style, calls to its own site, the form that asks for another user, and images that are in
an answer.
"""

BUNDLE: Final = Path(__file__).with_name("bundle.js")
"""The script, which `make page` makes of `scripts/`. It stands in the page, so that a project has nothing to collect
and no address to configure.
"""

_LATEST: Final = {"modern": LATEST_MODERN, "handshake": LATEST_HANDSHAKE}

INSPECTOR: Final = "http://localhost:6274/"


def respond(
    view: "EndpointOptions", server: MCPServer, caller: Caller | None, seen: Seen, request: HttpRequest
) -> HttpResponse:
    """The page for a caller; `None` is somebody whom the endpoint does not let in. `seen` says whether it is shown as
    another user sees it.
    """
    nonce = secrets.token_urlsafe(16)
    html = _render(_context(view, show(server, caller), caller, seen, request, nonce), request)
    # A description may hold half a surrogate pair, which no encoding has.
    response = HttpResponse(html.encode("utf-8", "replace"), status=403 if seen.request is None else 200)
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
    view: "EndpointOptions", shown: Shown, caller: Caller | None, seen: Seen, request: HttpRequest, nonce: str
) -> dict[str, Any]:
    server, eras = shown.server, view.eras
    versions = [*HANDSHAKE_VERSIONS * ("handshake" in eras), *MODERN_VERSIONS * ("modern" in eras)]
    identity = server.implementation()
    url = f"{public_url(request)}{request.path}"
    here = http_at(view, url, request)
    login_url = _login_url(request)
    return {
        "nonce": nonce,
        "shown": shown,
        "identity": identity,
        # Nothing is fetched from elsewhere, so an icon is shown that is in its own address.
        "icon": next((one["src"] for one in identity.get("icons", ()) if one["src"].startswith("data:image/")), None),
        "capabilities": server.capabilities(streams=has_streams(request)),
        "versions": versions,
        "is_admitted": caller is not None,
        "seen": seen,
        "look_key": KEY,
        "may_look": may_look(request),
        "person": person_of(request),
        "login_url": login_url,
        "path": request.path,
        "script": script(),
        "clients": _configurations(plain_name(server.name), here),
        "inspector_url": f"{INSPECTOR}?{urlencode({'transport': 'streamable-http', 'serverUrl': url})}",
        "data": {
            "url": url,
            # The address says as whom a person looks, so that a call from there is known, and refused.
            "path": request.get_full_path() if seen.name else request.path,
            "person": person_of(request).get_username(),
            "lookingAs": seen.name,
            "eras": [era for era in _LATEST if era in eras],
            "versions": _LATEST,
            "streams": has_streams(request),
            "scheme": here.scheme if here.variable else "",
            "signInUrl": login_url or _login_url(request, always=True),
            "catalog": _catalog(request),
            "csrfHeader": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
            "csrfToken": get_token(request),
            "definitions": {
                kind: {entry.key: entry.definition for entries in groups.values() for entry in entries}
                for kind, groups in shown.groups.items()
            },
            "secrets": {entry.key: entry.secrets for entry in shown.entries() if entry.secrets},
            "capabilities": server.capabilities(streams=has_streams(request)),
        },
    }


@cache
def script() -> SafeString:
    """The bundle, as it stands in the page: the build refuses one that would end its element."""
    return mark_safe(BUNDLE.read_text("utf-8"))


def _catalog(request: HttpRequest) -> dict[str, Any]:
    """The words of the script in the language of the page."""
    answer: Any = JSONCatalog.as_view(packages=["django_mcp"])(request)
    catalog: dict[str, Any] = json.loads(answer.content)["catalog"]
    return catalog


def _configurations(name: str, here: Http) -> list[dict[str, Any]]:
    """The configuration of each client for this endpoint."""
    return [
        {
            "id": key,
            "title": client.title,
            "file": client.shown_file,
            "text": client.text(name, here),
            "link": client.link_for(name, here),
        }
        for key, client in CLIENTS.items()
    ]


def _login_url(request: HttpRequest, *, always: bool = False) -> str | None:
    """The project's page for signing in, which comes back here; `None` where there is none, or for somebody who is
    signed in, unless `always`.
    """
    if person_of(request).is_authenticated and not always:
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
