"""The documents over HTTP: public, for every origin, with an ETag."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods

from django_mcp.conf import mcp_settings
from django_mcp.drf.throttles import AddressThrottle
from django_mcp.endpoint.protected_resource import hosts_are_named, public_url
from django_mcp.endpoint.routes import find_view, mounted_views

from . import documents

if TYPE_CHECKING:
    from django_mcp import MCPServer

    from .extension import Cards

MAX_AGE_SECONDS: Final = 3600
CATALOG_TYPE: Final = "application/ai-catalog+json"
CATALOG_PATH: Final = "/.well-known/ai-catalog.json"

View = Callable[..., HttpResponseBase]


class CardThrottle(AddressThrottle):
    """Counts the requests of an address for all documents together."""

    scope = "mcp_cards"

    def get_rate(self) -> str | None:
        return mcp_settings.CARD_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        return str(self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)})


def public(view: View) -> View:
    """A view that answers GET, HEAD and OPTIONS, to pages of every origin, and needs no login. Above
    MCP_CARD_RATE it answers 429.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
        elif (throttle := CardThrottle()).allow_request(request, None):  # type: ignore[arg-type]
            response = view(request, *args, **kwargs)
        else:
            response = HttpResponse("Too many requests", status=429, content_type="text/plain")
            response["Retry-After"] = str(max(1, round(throttle.wait() or 1)))
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = "GET"
        response["Access-Control-Allow-Headers"] = "Content-Type, If-None-Match"
        response["Access-Control-Expose-Headers"] = "ETag"
        return response

    guarded: Any = require_http_methods(["GET", "HEAD", "OPTIONS"])(answer)
    # Exempt from LoginRequiredMiddleware: they are read before anybody signs in.
    guarded.login_required = False
    made: View = guarded
    return made


@public
def server_card(request: HttpRequest, *, server: "MCPServer", cards: "Cards", **kwargs: Any) -> HttpResponseBase:
    """The card of the endpoint that this URL is below of."""
    suffix = f"/{documents.CARD_PATH}"
    if not request.path.endswith(suffix):
        raise Http404
    above = request.path_info.removesuffix(suffix)
    # An endpoint at "mcp/" has its slash in its URL.
    slash = "/" if find_view(above) is None and find_view(f"{above}/") is not None else ""
    view = find_view(f"{above}{slash}")
    eras = view.eras if view is not None else ("handshake", "modern")
    remote = documents.remote_of(cards, f"{public_url(request)}{request.path.removesuffix(suffix)}{slash}", eras)
    return _card(request, server, cards, remote)


@public
def only_card(request: HttpRequest) -> HttpResponseBase:
    """The card of the project's only endpoint that has one, for clients that look for it at the host's root."""
    carded = [
        (path, view, cards)
        for path, view in mounted_views()
        if "<" not in path and (cards := documents.cards_of(view.get_server())) is not None
    ]
    if len(carded) != 1:
        raise Http404
    path, view, cards = carded[0]
    return _card(request, view.get_server(), cards, documents.remote_of(cards, f"{_base(request)}{path}", view.eras))


@public
def ai_catalog(request: HttpRequest) -> HttpResponseBase:
    """The catalog of the project's endpoints."""
    entries = documents.catalog_entries(_base(request))
    return _document(request, {"specVersion": mcp_settings.CATALOG_SPEC_VERSION, "entries": entries}, CATALOG_TYPE)


@public
def registry_auth(request: HttpRequest) -> HttpResponseBase:
    """The proof for the registry that the domain is the publisher's."""
    if not mcp_settings.REGISTRY_AUTH:
        raise Http404
    return HttpResponse(mcp_settings.REGISTRY_AUTH, content_type="text/plain")


def _base(request: HttpRequest) -> str:
    """The scheme and host, and the prefix under which the project is served, if any."""
    return f"{public_url(request)}{request.path.removesuffix(request.path_info)}"


def _card(request: HttpRequest, server: "MCPServer", cards: "Cards", remote: dict[str, Any]) -> HttpResponseBase:
    response = _document(request, documents.card_of(server, cards, [remote]), documents.CARD_TYPE)
    if _has_catalog():
        response["Link"] = f'<{_base(request)}{CATALOG_PATH}>; rel="ai-catalog"'
    return response


def _has_catalog() -> bool:
    """Whether the project serves a catalog, this one or its own."""
    try:
        resolve(CATALOG_PATH)
    except Resolver404:
        return False
    return True


def _document(request: HttpRequest, document: Any, content_type: str) -> HttpResponseBase:
    body = json.dumps(document, ensure_ascii=False).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type=content_type)
    response["ETag"] = etag
    # A cache must not keep URLs of a host that a stranger named.
    is_safe = mcp_settings.PUBLIC_URL or hosts_are_named()
    response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}" if is_safe else "no-store"
    conditional = get_conditional_response(request, etag=etag, response=response)
    return conditional if conditional is not None else response
