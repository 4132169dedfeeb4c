"""Access: the primitives of a server that a caller may see and use.

Lists contain only primitives that a call would reach. A primitive that the caller may not see gets the same error as
one that does not exist; only a missing scope is named, because the client can ask its user to grant it.
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
    """The entry, or `None` when it does not exist for this caller. Raises `InsufficientScope`."""
    if entry is None or entry.access is None:
        return entry
    if not entry.access.permits(request.caller):
        return None
    if not entry.access.grants(request.caller):
        raise InsufficientScope(entry.access.scopes)
    return entry
