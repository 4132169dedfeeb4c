"""django-oauth-toolkit's views, each with what MCP asks of it beside."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider import views
from oauth2_provider.exceptions import OAuthToolkitError
from oauth2_provider.models import get_application_model
from oauth2_provider.oauth2_backends import _add_iss_to_redirect
from oauth2_provider.scopes import get_scopes_backend
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error
from rest_framework.throttling import AnonRateThrottle

from django_mcp.endpoint.protected_resource import public_url

from .redirects import LOOPBACK, is_safe
from .resources import is_known, issuer, only_one

GRANTS: Final = ("authorization_code", "refresh_token")
"""Others are refused before anything of them is looked at: a password would be checked first."""

REGISTRATIONS: Final = "30/hour"
"""How many clients one address may register (RFC 7591 section 5)."""

NAME_LENGTH: Final = 100


@method_decorator([never_cache, xframe_options_deny, login_not_required], name="dispatch")
class AuthorizeView(views.AuthorizationView):  # type: ignore[misc]
    """The consent page. It names the client's host, the resource and each scope, and is never passed over."""

    template_name = "django_mcp/oauth/authorize.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if _holds_nul(request):
            self.request = request
            response = self._show_error("invalid_request", "The request has characters that no request has.")
        else:
            response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = "frame-ancestors 'none'"
        # With "no-referrer" a browser calls the origin of the form "null", and CSRF protection refuses it.
        response["Referrer-Policy"] = "same-origin"
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        asked = request.GET.copy()
        # Whether to ask its user is not the client's to say.
        asked.pop("approval_prompt", None)
        if not asked.getlist("resource") and (resource := only_one(request)):
            asked["resource"] = resource
        request.GET = asked  # type: ignore[assignment]
        if _invalid_target(request, asked.getlist("resource"), None) is None:
            return super().get(request, *args, **kwargs)  # type: ignore[no-any-return]
        # Only a client that is known, at its own address, is told.
        try:
            _, credentials = self.validate_authorization_request(request)
        except OAuthToolkitError as error:
            return self.error_response(error, application=None)  # type: ignore[no-any-return]
        told = _invalid_target(request, asked.getlist("resource"), credentials.get("state"))
        refusal = OAuthToolkitError(error=told, redirect_uri=credentials["redirect_uri"])
        return self.error_response(refusal, application=None)  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponseBase:
        # Its fields are hidden, and not out of reach.
        answered = form.cleaned_data
        application = get_application_model().objects.filter(client_id=answered["client_id"]).first()
        uri = answered["redirect_uri"]
        if application is None or not (is_safe(uri) and application.redirect_uri_allowed(uri)):
            return self._show_error("invalid_request", "There is no such client, or it has another address.")
        told = _invalid_target(self.request, answered["resource"].split(), answered["state"])
        if told is not None:
            error = OAuthToolkitError(error=told, redirect_uri=answered["redirect_uri"])
            return self.error_response(error, application)  # type: ignore[no-any-return]
        return super().form_valid(form)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponseBase:
        return self._show_error("invalid_request", "The form was sent without what it held.")

    def _show_error(self, error: str, description: str) -> HttpResponseBase:
        # To the user: there is no address that the client could be told at.
        return self.render_to_response({"error": {"error": error, "description": description}}, status=400)  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        redirect_uri = urlsplit(context.get("redirect_uri") or "")
        client_id = urlsplit(context.get("client_id") or "")
        return {
            **context,
            "redirect_host": redirect_uri.hostname or f"{redirect_uri.scheme}:",
            "is_local": redirect_uri.hostname in LOOPBACK,
            "is_app": redirect_uri.scheme not in ("https", "http"),
            "client_host": client_id.hostname if client_id.scheme == "https" else None,
            "resources": (context.get("resource") or "").split(),
        }

    def redirect(self, redirect_to: str, application: Any) -> HttpResponseBase:
        # Refusals and errors too: who compares issuers does so with each response (RFC 9207).
        told = _add_iss_to_redirect(redirect_to, issuer(self.request))
        return super().redirect(told, application)  # type: ignore[no-any-return]


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class _ForBrowsers:
    """CORS for what a client in a browser calls: no cookies are looked at here, so any origin may."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = "GET, POST"
            response["Access-Control-Allow-Headers"] = "authorization, content-type, mcp-protocol-version"
            response["Access-Control-Max-Age"] = "3600"
        elif _holds_nul(request):
            response = _error("invalid_request", "The request has characters that no request has.")
        else:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        response["Access-Control-Allow-Origin"] = "*"
        return response


class TokenView(_ForBrowsers, views.TokenView):  # type: ignore[misc]
    """Issues tokens for resources that there are."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.POST.get("grant_type") not in GRANTS:
            return _error("unsupported_grant_type", f"The grants are {' and '.join(GRANTS)}.")
        unknown = [resource for resource in request.POST.getlist("resource") if not is_known(request, resource)]
        if unknown:
            return _error("invalid_target", f"There is no resource {unknown[0]} here.")
        response: HttpResponseBase = super().post(request, *args, **kwargs)
        # django-oauth-toolkit forgets both where what it refuses is a resource.
        response["Content-Type"], response["Cache-Control"] = "application/json", "no-store"
        return response


class RevokeView(_ForBrowsers, views.RevokeTokenView):  # type: ignore[misc]
    """Ends a token before its time (RFC 7009)."""


class _Registrations(AnonRateThrottle):
    scope = "mcp_registration"
    rate = REGISTRATIONS

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class RegisterView(_ForBrowsers, views.DynamicClientRegistrationView):  # type: ignore[misc]
    """Lets clients register themselves (RFC 7591), where that is switched on: so many an hour, and with redirects that
    nobody else can read.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = _Registrations()
        if not throttle.allow_request(request, self):  # type: ignore[arg-type]
            refusal = _error("temporarily_unavailable", "Too many clients registered from here.", status=429)
            refusal["Retry-After"] = str(round(throttle.wait() or 60))
            return refusal
        said = _said(request.body)
        name, uris = said.get("client_name", ""), said.get("redirect_uris", [])
        if not isinstance(name, str) or not name.isprintable() or len(name) > NAME_LENGTH:
            return _error("invalid_client_metadata", f"client_name is text of up to {NAME_LENGTH} characters.")
        if not isinstance(uris, list) or not all(isinstance(uri, str) and is_safe(uri) for uri in uris):
            return _error("invalid_redirect_uri", "Redirects go to https, to this machine, or to an app.")
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]


class RegistrationView(views.DynamicClientRegistrationManagementView):  # type: ignore[misc]
    """Lets a client read, change and end its own registration (RFC 7592)."""


class ServerMetadataView(_ForBrowsers, views.OAuthServerMetadataView):  # type: ignore[misc]
    """RFC 8414 metadata, whose issuer is the one that the endpoints name."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        document = json.loads(super().get(request, *args, **kwargs).content)
        scopes = sorted(get_scopes_backend().get_all_scopes())
        response = JsonResponse({**document, "issuer": issuer(request), "scopes_supported": scopes})
        response["Cache-Control"] = "public, max-age=3600"
        return response

    def _get_endpoint_url(self, request: HttpRequest, view_name: str, required: bool = False) -> str | None:
        known = view_name in ("authorize", "token", "revoke-token", "dcr-register")
        return f"{public_url(request)}{reverse(f'oauth2_provider:{view_name}')}" if known else None


def _invalid_target(request: HttpRequest, resources: list[str], state: str | None) -> CustomOAuth2Error | None:
    """What is wrong with the resources that a request names: none, or one that is no endpoint of ours (RFC 8707)."""
    unknown = [resource for resource in resources if not is_known(request, resource)]
    if resources and not unknown:
        return None
    description = f"There is no resource {unknown[0]} here." if unknown else "Name the resource that you ask for."
    return CustomOAuth2Error(error="invalid_target", description=description, state=state)


def _error(error: str, description: str, *, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


def _said(body: bytes) -> dict[str, Any]:
    """What a client says of itself; nothing of what is no registration, which the view itself refuses."""
    try:
        given = json.loads(body)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _holds_nul(request: HttpRequest) -> bool:
    """Whether a parameter has U+0000, which PostgreSQL cannot look for."""
    return any("\0" in value for form in (request.GET, request.POST) for _, values in form.lists() for value in values)
