"""Access: the primitives of a server that a caller may see and use.

Lists contain only primitives that a call would reach. A primitive that the caller may not see gets the same error as
one that does not exist; only a missing scope is named, because the client can ask its user to grant it. A primitive
that a gate has closed is missing in lists, and says why when it is called.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from django_mcp import gates
from django_mcp.gates import Kind
from django_mcp.primitives.access import Access
from django_mcp.protocol.errors import Closed, InsufficientScope

from .request import Request


class Guarded(Protocol):
    @property
    def kind(self) -> Kind: ...

    @property
    def key(self) -> str: ...

    @property
    def access(self) -> Access | None: ...


Primitive = TypeVar("Primitive", bound=Guarded)


def visible(request: Request, entries: Mapping[str, Primitive]) -> Iterable[tuple[str, Primitive]]:
    """The entries that the caller may use, in their order."""
    server = request.server
    closes = gates.may_close()
    if not (closes or server.registry.is_guarded or server.chooses_tools):
        return entries.items()
    return (
        (key, entry)
        for key, entry in entries.items()
        if (entry.access is None or entry.access.admits(request.caller))
        and not (closes and any(gates.reason_of(server.name, entry.kind, key) for key in _keys(entry)))
    )


def admit(request: Request, entry: Primitive | None) -> Primitive | None:
    """The entry, or `None` when it does not exist for this caller. Raises `InsufficientScope` and `Closed`."""
    if entry is None:
        request.note("unknown")
        return None
    if entry.access is not None and not entry.access.permits(request.caller):
        request.note("forbidden")
        return None
    if entry.access is not None and not entry.access.grants(request.caller):
        raise InsufficientScope(entry.access.scopes)
    if gates.gates:
        for key in _keys(entry):
            check_open(request, entry.kind, key)
    return entry


def check_open(request: Request, kind: Kind, key: str) -> None:
    """Raises `Closed` when a gate has closed a primitive, which the caller may know of."""
    if (reason := gates.reason_of(request.server.name, kind, key)) is not None:
        raise Closed(reason)


def _keys(entry: Guarded) -> tuple[str, ...]:
    """The keys by which gates close an entry: its own, and those of the resources that it is a part of."""
    return (entry.key, *getattr(entry, "part_of", ()))
