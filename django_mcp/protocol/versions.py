"""The protocol revisions, their two eras, and the negotiation of the handshake."""

from typing import Final, Literal

from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    KNOWN_PROTOCOL_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION,
    MODERN_PROTOCOL_VERSIONS,
)

Era = Literal["handshake", "modern"]

HANDSHAKE_VERSIONS: Final = HANDSHAKE_PROTOCOL_VERSIONS
"""Negotiated by `initialize`, oldest first; these clients have sessions."""

MODERN_VERSIONS: Final = MODERN_PROTOCOL_VERSIONS
"""Named by each request in its own envelope. Both `supportedVersions` and error -32022 list these, so that they always
agree.
"""

LATEST_HANDSHAKE: Final = LATEST_HANDSHAKE_VERSION
LATEST_MODERN: Final = LATEST_MODERN_VERSION

BATCH_VERSION: Final = "2025-03-26"
"""The one revision whose clients may send several messages in an array."""

KNOWN_VERSIONS: Final = frozenset(KNOWN_PROTOCOL_VERSIONS)
"""The revisions of both eras."""

_ORDER: Final = {version: index for index, version in enumerate(KNOWN_PROTOCOL_VERSIONS)}


def negotiate(requested: str) -> str:
    """The revision that `initialize` negotiates: the requested one, or the newest of the handshake era.

    Never a modern revision: those have no handshake (spec 2025-11-25 basic/lifecycle).
    """
    return requested if requested in HANDSHAKE_VERSIONS else LATEST_HANDSHAKE


def is_at_least(version: str, minimum: str) -> bool:
    """Whether a known `version` is `minimum` or newer."""
    return _ORDER[version] >= _ORDER[minimum]
