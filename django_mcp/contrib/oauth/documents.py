"""Client ID metadata documents: for which users they are fetched, from which URLs, and which ones are accepted."""

from typing import Any, Final
from urllib.parse import urlsplit

from oauth2_provider.cimd import CIMDError, SafeMetadataFetcher
from rest_framework.throttling import SimpleRateThrottle

from django_mcp.conf import mcp_settings

from .clients import fault_of

ASKED_BY: Final = "django_mcp.oauth.asked_by"
"""The key in a request's META for the user of the consent page. No HTTP header has such a key."""

CLIENT_ID_LENGTH: Final = 200
"""The client id and the user's id are parts of the principal, which has at most 255 characters."""


class DocumentFetcher(SafeMetadataFetcher):  # type: ignore[misc]
    """Accepts in a document only what a registration may contain."""

    def fetch(self, client_id: str) -> tuple[dict[str, Any], int]:
        document, seconds = super().fetch(client_id)
        if (fault := fault_of(document)) is not None:
            raise CIMDError(fault[1])
        return document, seconds


class DocumentPermission:
    """Allows documents only for the consent page of a signed-in user, up to a rate limit, and only from port 443:
    anonymous callers of the token endpoint cannot make the server send requests.
    """

    def has_permission(self, request: Any, client_id: str) -> bool:
        user = request.headers.get(ASKED_BY)
        return bool(user) and is_document_url(client_id) and _allows(user)


def is_document_url(client_id: str) -> bool:
    """Whether a client id is an unambiguous URL: in ASCII, short, and without a port."""
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
