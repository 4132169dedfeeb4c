"""An authorization server for MCP endpoints in the project itself: django-oauth-toolkit, and additions for MCP.

"oauth2_provider" and "django_mcp.contrib.oauth" in INSTALLED_APPS, `OAUTH2_PROVIDER = provider_settings(…)`,
`path("", include("django_mcp.contrib.oauth.urls"))` at the root, and `OAuthAuthentication` on the endpoints.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

APP_SCHEMES: Final = ("cursor", "vscode", "vscode-insiders")
"""URL schemes of clients that are desktop apps: their redirects do not go to a website."""

HOUR: Final = 60 * 60
DAY: Final = 24 * HOUR


def provider_settings(
    *,
    scopes: Mapping[str, str],
    default_scopes: Sequence[str] = (),
    issuer: str = "",
    dynamic_registration: bool = False,
    client_metadata_documents: bool = False,
    client_hosts: Sequence[str] = (),
    app_schemes: Sequence[str] = APP_SCHEMES,
    access_token_seconds: int = HOUR,
    refresh_token_seconds: int = 30 * DAY,
    **others: Any,
) -> dict[str, Any]:
    """The value of OAUTH2_PROVIDER. Reads no settings and imports no models.

    `scopes` are all scopes, with their descriptions for the consent page; a client that requests none gets
    `default_scopes`. `issuer` is the origin of the authorization server, if requests do not have the right one.
    `dynamic_registration` lets clients register themselves. `client_metadata_documents` lets clients use the URL of a
    metadata document as their id, only from `client_hosts` if any are named. All other clients are registered in the
    admin. `others` are settings of django-oauth-toolkit, which override these.
    """
    unknown = set(default_scopes) - set(scopes)
    if unknown:
        raise ValueError(f"default_scopes names {', '.join(sorted(unknown))}, which scopes does not.")
    hosts = ("oauth2_provider.cimd.HostAllowlistCIMDPermission",) if client_hosts else ()
    return {
        "SCOPES": dict(scopes),
        "DEFAULT_SCOPES": list(default_scopes),
        "OIDC_ISS_ENDPOINT": issuer.rstrip("/"),
        "OAUTH2_VALIDATOR_CLASS": "django_mcp.contrib.oauth.validators.Validator",
        "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "refresh_token"],
        "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["none", "client_secret_post", "client_secret_basic"],
        "PKCE_REQUIRED": True,
        "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
        "ACCESS_TOKEN_EXPIRE_SECONDS": access_token_seconds,
        "REFRESH_TOKEN_EXPIRE_SECONDS": refresh_token_seconds,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REQUEST_APPROVAL_PROMPT": "force",
        "ALLOWED_REDIRECT_URI_SCHEMES": ["https", "http", *app_schemes],
        "ALLOW_URI_WILDCARDS": False,
        "ALLOW_LOCALHOST_LOOPBACK": True,
        "DCR_ENABLED": dynamic_registration,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        "DCR_REGISTRATION_TOKEN_EXPIRE_SECONDS": 30 * DAY,
        "CIMD_ENABLED": client_metadata_documents,
        # DocumentPermission counts requests, so it is checked last.
        "CIMD_REGISTRATION_PERMISSION_CLASSES": (*hosts, "django_mcp.contrib.oauth.documents.DocumentPermission"),
        "CIMD_METADATA_FETCHER": "django_mcp.contrib.oauth.documents.DocumentFetcher",
        "CIMD_ALLOWED_HOSTS": list(client_hosts),
        **dict.fromkeys(GATES, True),
        **others,
    }


GATES: Final = (
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT",
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT",
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD",
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT",
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS",
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE",
)
"""django-oauth-toolkit's switches for RFC 9700; they are off by default before its version 4."""
