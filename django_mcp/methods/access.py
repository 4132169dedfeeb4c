"""What of a server's primitives a caller may see and use.

Lists leave out whatever a call would not reach. What a caller may not know of is answered as what is not there, in the
same words; only a missing scope is named, because the client can ask its user for it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from django_mcp.primitives.access import Access
from django_mcp.protocol.errors import InsufficientScope

from .request import Request


class Guarded(Protocol):
    @property
    def access(self) -> Access | None: ...


Primitive = TypeVar("Primitive", bound=Guarded)


def visible(request: Request, entries: Mapping[str, Primitive]) -> Iterable[tuple[str, Primitive]]:
    """The entries that the caller may use, in their order."""
    return (
        (key, entry) for key, entry in entries.items() if entry.access is None or entry.access.admits(request.caller)
    )


def admit(request: Request, entry: Primitive | None) -> Primitive | None:
    """The entry, or `None` when there is none for this caller. Raises `InsufficientScope`."""
    if entry is None or entry.access is None:
        return entry
    if not entry.access.permits(request.caller):
        return None
    if not entry.access.grants(request.caller):
        raise InsufficientScope(entry.access.scopes)
    return entry
