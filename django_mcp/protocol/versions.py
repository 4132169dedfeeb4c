"""The protocol revisions, the two eras that they fall into, and which one a handshake settles on."""

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
"""Reached by `initialize`, oldest first; such a client has a session."""

MODERN_VERSIONS: Final = MODERN_PROTOCOL_VERSIONS
"""Named by each request in its own envelope. Feeds `supportedVersions` and every `-32022` alike, so that the two always
agree.
"""

LATEST_HANDSHAKE: Final = LATEST_HANDSHAKE_VERSION
LATEST_MODERN: Final = LATEST_MODERN_VERSION

BATCH_VERSION: Final = "2025-03-26"
"""The one revision whose clients may send several messages in an array."""

_ORDER: Final = {version: index for index, version in enumerate(KNOWN_PROTOCOL_VERSIONS)}


def negotiate(requested: str) -> str:
    """The revision that an `initialize` settles on: the requested one, or the newest that a handshake can reach.

    Never a modern revision: no handshake leads there (spec 2025-11-25 basic/lifecycle).
    """
    return requested if requested in HANDSHAKE_VERSIONS else LATEST_HANDSHAKE


def is_at_least(version: str, minimum: str) -> bool:
    """Whether a known `version` is `minimum` or newer."""
    return _ORDER[version] >= _ORDER[minimum]
