"""The documents over HTTP: public, for every origin, with an ETag."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.protected_resource import hosts_are_named, public_url
from django_mcp.endpoint.routes import find_view

from . import documents

if TYPE_CHECKING:
    from django_mcp import MCPServer

    from .extension import Cards

MAX_AGE_SECONDS: Final = 3600
CATALOG_TYPE: Final = "application/ai-catalog+json"

View = Callable[..., HttpResponseBase]


def public(view: View) -> View:
    """A view that answers GET, HEAD and OPTIONS, to pages of every origin, and needs no login."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = HttpResponse(status=204) if request.method == "OPTIONS" else view(request, *args, **kwargs)
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
    return _document(request, documents.card_of(server, cards, [remote]), documents.CARD_TYPE)


@public
def ai_catalog(request: HttpRequest) -> HttpResponseBase:
    """The catalog of the project's endpoints."""
    prefix = request.path.removesuffix(request.path_info)
    entries = documents.catalog_entries(f"{public_url(request)}{prefix}")
    return _document(request, {"specVersion": mcp_settings.CATALOG_SPEC_VERSION, "entries": entries}, CATALOG_TYPE)


@public
def registry_auth(request: HttpRequest) -> HttpResponseBase:
    """The proof for the registry that the domain is the publisher's."""
    if not mcp_settings.REGISTRY_AUTH:
        raise Http404
    return HttpResponse(mcp_settings.REGISTRY_AUTH, content_type="text/plain")


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
