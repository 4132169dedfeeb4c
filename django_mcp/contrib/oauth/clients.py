"""Client metadata, from a registration (RFC 7591, 7592) or a document: the rules for accepting it."""

from collections.abc import Mapping
from typing import Any, Final

from .redirects import is_safe

GRANTS: Final = ("authorization_code", "refresh_token")
"""The allowed grants: no password grant, and no implicit grant, which puts tokens in the browser's address bar."""

NAME_LENGTH: Final = 100
MAX_REDIRECTS: Final = 10
"""The maximum number of redirect URIs. Known clients have up to four."""

REDIRECT_LENGTH: Final = 2000


def fault_of(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first fault in client metadata: an error code of RFC 7591, and its description."""
    if not is_name(metadata.get("client_name", "")):
        return "invalid_client_metadata", f"client_name is text of up to {NAME_LENGTH} characters."
    uris = metadata.get("redirect_uris", [])
    if not isinstance(uris, list) or len(uris) > MAX_REDIRECTS:
        return "invalid_redirect_uri", f"redirect_uris is a list of up to {MAX_REDIRECTS}."
    if not all(isinstance(uri, str) and len(uri) <= REDIRECT_LENGTH and is_safe(uri) for uri in uris):
        return "invalid_redirect_uri", "Redirects go to https, to this machine, or to an app."
    grants = metadata.get("grant_types", [])
    if not isinstance(grants, list) or not all(grant in GRANTS for grant in grants):
        return "invalid_client_metadata", f"grant_types is a list of {' and '.join(GRANTS)}."
    return None


def is_name(name: Any) -> bool:
    """Whether a name is safe to show to a user: short, and without characters that reorder or hide text."""
    return isinstance(name, str) and name.isprintable() and len(name) <= NAME_LENGTH
