"""Whether a request declares an extension, in either era."""

from collections.abc import Mapping
from typing import Any

from django_mcp.primitives.context import extensions_of
from django_mcp.primitives.extension import Extension
from django_mcp.protocol import modern
from django_mcp.protocol.errors import ProtocolError


def ids_of(extension: Extension) -> tuple[str, ...]:
    """All ids of an extension, its own first."""
    return (extension.id, *extension.other_ids)


def is_declared(extension: Extension, capabilities: Mapping[str, Any]) -> bool:
    """Whether a client's capabilities declare the extension, under any of its ids."""
    declared = extensions_of(capabilities)
    return any(one in declared for one in ids_of(extension))


def require(extension: Extension, capabilities: Mapping[str, Any]) -> None:
    """Raises `ProtocolError` -32021 unless the client's capabilities declare the extension."""
    if not is_declared(extension, capabilities):
        raise not_declared(extension)


def not_declared(extension: Extension) -> ProtocolError:
    """The error -32021 that names the extension."""
    required: dict[str, Any] = {"extensions": {extension.id: {}}}
    return modern.missing_capability(required, f"This needs a client that declares the extension {extension.id}")
