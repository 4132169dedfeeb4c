"""System checks (`manage.py check`) of an authorization server with hand-written settings: each gap, and its remedy."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils.translation import gettext, gettext_lazy
from oauth2_provider.settings import oauth2_settings

from . import DAY, GATES, HOUR

HELPER = gettext_lazy("OAUTH2_PROVIDER = django_mcp.contrib.oauth.provider_settings(…) sets it.")


@register("mcp")
def check_provider(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports settings of django-oauth-toolkit that break MCP clients, or are unsafe."""
    provider = oauth2_settings
    gaps = [
        (
            provider.DEFAULT_SCOPES == ["__all__"],
            gettext("A request without scopes gets all: DEFAULT_SCOPES is __all__."),
            "W011",
        ),
        (
            "none" not in provider.OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED,
            gettext(
                "Public clients are not offered a method: OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED lacks 'none'."
            ),
            "W012",
        ),
        (not provider.PKCE_REQUIRED, gettext("A stolen code can be used: PKCE_REQUIRED is off."), "E013"),
        (
            provider.ACCESS_TOKEN_EXPIRE_SECONDS > HOUR,
            gettext("Access tokens live for more than an hour: ACCESS_TOKEN_EXPIRE_SECONDS."),
            "W014",
        ),
        (
            not provider.REFRESH_TOKEN_EXPIRE_SECONDS or provider.REFRESH_TOKEN_EXPIRE_SECONDS > 365 * DAY,
            gettext("Refresh tokens live for ever: REFRESH_TOKEN_EXPIRE_SECONDS."),
            "W015",
        ),
        (
            not (provider.ROTATE_REFRESH_TOKEN and provider.REFRESH_TOKEN_REUSE_PROTECTION),
            gettext("A stolen refresh token is not noticed: ROTATE_REFRESH_TOKEN and REFRESH_TOKEN_REUSE_PROTECTION."),
            "W016",
        ),
        (provider.ALLOW_URI_WILDCARDS, gettext("Redirects may have wildcards: ALLOW_URI_WILDCARDS."), "E017"),
        (
            provider.REQUEST_APPROVAL_PROMPT != "force",
            gettext("Users are not asked each time: REQUEST_APPROVAL_PROMPT is not 'force'."),
            "W018",
        ),
    ]
    messages = [_message(text, number) for is_open, text, number in gaps if is_open]
    off = [gate for gate in GATES if not getattr(provider, gate)]
    if off:
        messages.append(_message(gettext("Not as RFC 9700 says: %(names)s.") % {"names": ", ".join(off)}, "W019"))
    if provider.CIMD_ENABLED and not _fetches_with_care():
        text = gettext("Anybody can trigger document fetches: %(names)s.")
        names = "CIMD_METADATA_FETCHER, CIMD_REGISTRATION_PERMISSION_CLASSES"
        messages.append(_message(text % {"names": names}, "W023"))
    if not _issues_bound_tokens():
        messages.append(_message(gettext("Tokens are issued for no resource: OAUTH2_VALIDATOR_CLASS."), "E020"))
    return messages


@register("mcp")
def check_login(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports a missing login page: users sign in before they authorize a client."""
    if not _is_mounted():
        return []
    try:
        parts = urlsplit(resolve_url(settings.LOGIN_URL))
        if not parts.netloc:
            resolve(f"/{parts.path.removeprefix(get_script_prefix()).lstrip('/')}")
    except (NoReverseMatch, Resolver404):
        hint = gettext(
            'Mount a login view, such as path("accounts/login/", LoginView.as_view(template_name=…)), or set '
            'LOGIN_URL to the one that you have: "admin:login" is one for staff.'
        )
        text = gettext("Users have nowhere to sign in: no URL pattern is at LOGIN_URL, %(url)r.")
        return [Warning(text % {"url": settings.LOGIN_URL}, hint=hint, id="django_mcp.W022")]
    return []


@register("mcp", deploy=True)
def check_issuer(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports an issuer that is missing or not https, in production."""
    issuer = str(oauth2_settings.OIDC_ISS_ENDPOINT) or str(getattr(settings, "MCP_PUBLIC_URL", ""))
    if issuer.startswith("https://"):
        return []
    text = gettext("The authorization server does not know its own https address.")
    hint = gettext(
        'Set provider_settings(issuer="https://…") or MCP_PUBLIC_URL: what proxies and hosts say can be wrong.'
    )
    return [Warning(text, hint=hint, id="django_mcp.W021")]


def _issues_bound_tokens() -> bool:
    from .validators import Validator

    return issubclass(oauth2_settings.OAUTH2_VALIDATOR_CLASS, Validator)


def _is_mounted() -> bool:
    try:
        return bool(reverse("oauth2_provider:authorize"))
    except NoReverseMatch:
        return False


def _fetches_with_care() -> bool:
    from .documents import DocumentFetcher, DocumentPermission

    permissions = oauth2_settings.CIMD_REGISTRATION_PERMISSION_CLASSES
    is_asked = any(issubclass(permission, DocumentPermission) for permission in permissions)
    return is_asked and issubclass(oauth2_settings.CIMD_METADATA_FETCHER, DocumentFetcher)


def _message(text: str, number: str) -> CheckMessage:
    return (Error if number.startswith("E") else Warning)(text, hint=str(HELPER), id=f"django_mcp.{number}")
