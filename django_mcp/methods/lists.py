"""The page of definitions that the four list methods return."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django_mcp.protocol import cursors

from .access import Guarded, visible
from .request import Request, Result, in_readers_language

if TYPE_CHECKING:
    from django_mcp.server import MCPServer


class Listed(Guarded, Protocol):
    @property
    def definition(self) -> dict[str, Any]: ...


def list_page(request: Request, key: str, entries: Mapping[str, Listed]) -> Result:
    """A page of the definitions that the caller may see, under `key`, in the order of declaration, which is the same on
    every worker.
    """
    with in_readers_language(request):
        return page_of(request, key, [(name, entry.definition) for name, entry in visible(request, entries)])


def page_of(request: Request, key: str, items: Sequence[tuple[str, dict[str, Any]]]) -> Result:
    """The requested page of definitions by name."""
    page, next_cursor = cursors.page(key, items, request.params.get("cursor"), request.server.page_size)
    result: dict[str, Any] = {key: page}
    if next_cursor is not None:
        result["nextCursor"] = next_cursor
    return result


def is_inert(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    """Whether a list is the same for every caller: no permission is checked, and no text is translated."""
    return not (server.registry.is_guarded or server.registry.is_translated)
