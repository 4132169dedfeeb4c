"""What `manage.py check` says of an authorization server whose settings were written by hand: each gap, and its
remedy.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from oauth2_provider.settings import oauth2_settings

from . import DAY, GATES, HOUR

HELPER = "OAUTH2_PROVIDER = django_mcp.contrib.oauth.provider_settings(…) sets it."


@register("mcp")
def check_provider(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Settings of django-oauth-toolkit that MCP clients, or attackers, would stumble over."""
    found = oauth2_settings
    gaps = [
        (found.DEFAULT_SCOPES == ["__all__"], "A request without scopes gets all: DEFAULT_SCOPES is __all__", "W011"),
        (
            "none" not in found.OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED,
            "Public clients are not told that they may come: OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED lacks 'none'",
            "W012",
        ),
        (not found.PKCE_REQUIRED, "Codes can be used by whoever catches them: PKCE_REQUIRED is off", "E013"),
        (
            found.ACCESS_TOKEN_EXPIRE_SECONDS > HOUR,
            "Access tokens live for more than an hour: ACCESS_TOKEN_EXPIRE_SECONDS",
            "W014",
        ),
        (
            not found.REFRESH_TOKEN_EXPIRE_SECONDS or found.REFRESH_TOKEN_EXPIRE_SECONDS > 365 * DAY,
            "Refresh tokens live for ever: REFRESH_TOKEN_EXPIRE_SECONDS",
            "W015",
        ),
        (
            not (found.ROTATE_REFRESH_TOKEN and found.REFRESH_TOKEN_REUSE_PROTECTION),
            "A stolen refresh token is not noticed: ROTATE_REFRESH_TOKEN and REFRESH_TOKEN_REUSE_PROTECTION",
            "W016",
        ),
        (found.ALLOW_URI_WILDCARDS, "Redirects may have wildcards: ALLOW_URI_WILDCARDS", "E017"),
        (
            found.REQUEST_APPROVAL_PROMPT != "force",
            "Users are not asked each time: REQUEST_APPROVAL_PROMPT is not 'force'",
            "W018",
        ),
    ]
    messages = [_message(text, number) for is_open, text, number in gaps if is_open]
    off = [gate for gate in GATES if not getattr(found, gate)]
    if off:
        messages.append(_message(f"Not as RFC 9700 says: {', '.join(off)}", "W019"))
    if not _issues_bound_tokens():
        messages.append(_message("Tokens are issued for no resource: OAUTH2_VALIDATOR_CLASS", "E020"))
    return messages


@register("mcp", deploy=True)
def check_issuer(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """In production the issuer is https, and says so."""
    issuer = str(oauth2_settings.OIDC_ISS_ENDPOINT) or str(getattr(settings, "MCP_PUBLIC_URL", ""))
    if issuer.startswith("https://"):
        return []
    hint = 'Set provider_settings(issuer="https://…") or MCP_PUBLIC_URL: what proxies and hosts say can be wrong.'
    return [Warning("The authorization server does not know its own https address.", hint=hint, id="django_mcp.W021")]


def _issues_bound_tokens() -> bool:
    from .validators import Validator

    return issubclass(oauth2_settings.OAUTH2_VALIDATOR_CLASS, Validator)


def _message(text: str, number: str) -> CheckMessage:
    return (Error if number.startswith("E") else Warning)(f"{text}.", hint=HELPER, id=f"django_mcp.{number}")
