"""django-oauth-toolkit's views with the additions for MCP: consent, tokens, metadata."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from oauth2_provider import views
from oauth2_provider.exceptions import OAuthToolkitError
from oauth2_provider.models import get_access_token_model, get_application_model, get_refresh_token_model
from oauth2_provider.oauth2_backends import _add_iss_to_redirect
from oauth2_provider.scopes import get_scopes_backend
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error

from django_mcp.endpoint.protected_resource import public_url

from .browsers import ForBrowsers, error_response, holds_nul
from .clients import GRANTS, is_name
from .documents import ASKED_BY
from .redirects import LOOPBACK, is_safe
from .resources import fault_of, issuer, only_one


@method_decorator([never_cache, xframe_options_deny, login_not_required], name="dispatch")
class AuthorizeView(views.AuthorizationView):  # type: ignore[misc]
    """The consent page. It shows the client's host, the resource and each scope, and is never skipped."""

    template_name = "django_mcp/oauth/authorize.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if holds_nul(request):
            self.request = request
            response = self._show_error("invalid_request", _("The request has characters that no request has."))
        else:
            response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = "frame-ancestors 'none'"
        # With "no-referrer", browsers send "null" as the form's Origin, and CSRF protection refuses it.
        response["Referrer-Policy"] = "same-origin"
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Documents are fetched only for a signed-in user; others do not reach this line.
        request.META[ASKED_BY] = str(request.user.pk)
        asked = request.GET.copy()
        # The client must not decide whether its user is asked.
        asked.pop("approval_prompt", None)
        if not asked.getlist("resource") and (resource := only_one(request)):
            asked["resource"] = resource
        request.GET = asked  # type: ignore[assignment]
        if fault_of(request, asked.getlist("resource")) is None:
            return super().get(request, *args, **kwargs)  # type: ignore[no-any-return]
        # Only a known client is redirected with the error, to its registered address.
        try:
            _scopes, credentials = self.validate_authorization_request(request)
        except OAuthToolkitError as error:
            return self.error_response(error, application=None)  # type: ignore[no-any-return]
        invalid = _invalid_target(request, asked.getlist("resource"), credentials.get("state"))
        refusal = OAuthToolkitError(error=invalid, redirect_uri=credentials["redirect_uri"])
        return self.error_response(refusal, application=None)  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponseBase:
        # The fields are hidden, but the user can still change them.
        answered = form.cleaned_data
        application = get_application_model().objects.filter(client_id=answered["client_id"]).first()
        uri = answered["redirect_uri"]
        if application is None or not (is_safe(uri) and application.redirect_uri_allowed(uri)):
            return self._show_error("invalid_request", _("There is no such client, or it has another address."))
        invalid = _invalid_target(self.request, answered["resource"].split(), answered["state"])
        if invalid is not None:
            error = OAuthToolkitError(error=invalid, redirect_uri=answered["redirect_uri"])
            return self.error_response(error, application)  # type: ignore[no-any-return]
        return super().form_valid(form)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponseBase:
        return self._show_error("invalid_request", _("The form was sent without what it held."))

    def _show_error(self, error: str, description: str, **context: Any) -> HttpResponseBase:
        # Shown to the user, because there is no address to redirect the client to.
        shown = {"error": {"error": error, "description": description}, **context}
        return self.render_to_response(shown, status=400)  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        redirect_uri = urlsplit(context.get("redirect_uri") or "")
        client_id = urlsplit(context.get("client_id") or "")
        name = getattr(context.get("application"), "name", "")
        return {
            **context,
            # A name may have been stored without this check.
            "client_name": name if name and is_name(name) else context.get("client_id"),
            "redirect_host": _host(redirect_uri),
            "is_local": redirect_uri.hostname in LOOPBACK,
            "is_app": redirect_uri.scheme not in ("https", "http"),
            "client_host": client_id.hostname if client_id.scheme == "https" else None,
            "resources": (context.get("resource") or "").split(),
        }

    def redirect(self, redirect_to: str, application: Any) -> HttpResponseBase:
        # Also for refusals and errors: clients compare the issuer of every response (RFC 9207).
        with_issuer = _add_iss_to_redirect(redirect_to, issuer(self.request))
        if self.request.method == "POST" or _is_trusted(self.request):
            return super().redirect(with_issuer, application)  # type: ignore[no-any-return]
        return self._show_way_back(with_issuer)

    def _show_way_back(self, redirect_to: str) -> HttpResponseBase:
        """Shows the redirect as a link instead of following it, for a client that this user has not authorized: anybody
        can register an address, and send people there by a link to this site (RFC 9700 section 4.11.2).
        """
        parts = urlsplit(redirect_to)
        parameters = parse_qs(parts.query)
        context = {}
        if parts.scheme in oauth2_settings.ALLOWED_REDIRECT_URI_SCHEMES:
            context = {"way_back": redirect_to, "redirect_host": _host(parts)}
        error = parameters.get("error", ["invalid_request"])[-1]
        return self._show_error(error, parameters.get("error_description", [error])[-1], **context)


class TokenView(ForBrowsers, views.TokenView):  # type: ignore[misc]
    """Issues tokens for known resources only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Refuses other grants first: the password grant would check the password before anything else.
        if request.POST.get("grant_type") not in GRANTS:
            return error_response("unsupported_grant_type", f"The grants are {' and '.join(GRANTS)}.")
        resources = request.POST.getlist("resource")
        if resources and (fault := fault_of(request, resources)) is not None:
            return error_response("invalid_target", fault)
        try:
            response: HttpResponseBase = super().post(request, *args, **kwargs)
        except ObjectDoesNotExist:
            # Another request with the same code or refresh token has deleted its rows.
            response = error_response("invalid_grant", "It was used before.")
        # django-oauth-toolkit does not set these headers when it refuses a resource.
        response["Content-Type"], response["Cache-Control"] = "application/json", "no-store"
        return response


class RevokeView(ForBrowsers, views.RevokeTokenView):  # type: ignore[misc]
    """Revokes a token (RFC 7009)."""


class ServerMetadataView(ForBrowsers, views.OAuthServerMetadataView):  # type: ignore[misc]
    """RFC 8414 metadata with the same issuer as in the endpoints' metadata."""

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
    """The error for a request with no resource, several, or one that is not an endpoint of this project (RFC 8707)."""
    fault = fault_of(request, resources)
    return CustomOAuth2Error(error="invalid_target", description=fault, state=state) if fault is not None else None


def _is_trusted(request: HttpRequest) -> bool:
    """Whether the requested client was registered by the project, or authorized by this user before."""
    application = get_application_model().objects.filter(client_id=request.GET.get("client_id", "")).first()
    if application is None:
        return False
    if application.skip_authorization or application.registration_source == application.RegistrationSource.MANUAL:
        return True
    of_both = {"application": application, "user": request.user.pk}
    return any(
        model.objects.filter(**of_both).exists() for model in (get_access_token_model(), get_refresh_token_model())
    )


def _host(parts: Any) -> str:
    return parts.hostname or f"{parts.scheme}:"
