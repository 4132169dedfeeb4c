"""Clients' own documents (client ID metadata documents): for whom they are fetched, from where, and which are taken."""

from typing import Any, Final
from urllib.parse import urlsplit

from oauth2_provider.cimd import CIMDError, SafeMetadataFetcher
from rest_framework.throttling import SimpleRateThrottle

from django_mcp.conf import mcp_settings

from .clients import fault_of

ASKED_BY: Final = "django_mcp.oauth.asked_by"
"""The key in a request's META under which the consent page names its user. No header of a request has such a key."""

CLIENT_ID_LENGTH: Final = 200
"""With the user's id it is part of the principal, which has 255 characters."""


class DocumentFetcher(SafeMetadataFetcher):  # type: ignore[misc]
    """Takes of a document what a registration may say, and no more."""

    def fetch(self, client_id: str) -> tuple[dict[str, Any], int]:
        document, seconds = super().fetch(client_id)
        if (fault := fault_of(document)) is not None:
            raise CIMDError(fault[1])
        return document, seconds


class DocumentPermission:
    """Has documents fetched for the consent page of a signed-in user alone, so many an hour, and from port 443: a
    stranger at the token endpoint sends the server nowhere.
    """

    def has_permission(self, request: Any, client_id: str) -> bool:
        user = request.headers.get(ASKED_BY)
        return bool(user) and is_document_url(client_id) and _allows(user)


def is_document_url(client_id: str) -> bool:
    """Whether a client id is a URL that reads the same to everybody: in ASCII, short, and with no port of its own."""
    if not (client_id.isascii() and client_id.isprintable()) or len(client_id) > CLIENT_ID_LENGTH or "\\" in client_id:
        return False
    try:
        parts = urlsplit(client_id)
        return parts.port in (None, 443) and "@" not in parts.netloc
    except ValueError:
        return False


def _allows(user: str) -> bool:
    limit = mcp_settings.OAUTH_DOCUMENTS_PER_USER
    return limit is None or _Documents(user, limit).allow_request(None, None)  # type: ignore[arg-type]


class _Documents(SimpleRateThrottle):
    scope = "mcp_documents"

    def __init__(self, user: str, limit: int) -> None:
        self.user, self.rate = user, f"{limit}/hour"
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        return str(self.cache_format % {"scope": self.scope, "ident": self.user})
