"""The page of entries that the four list methods return."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

from django_mcp.primitives.texts import Declared
from django_mcp.protocol import cursors, handshake, jsonrpc

from .access import visible
from .request import Listing, Request, in_readers_language

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

MOST_KEPT = 40
"""The texts of one entry that are kept: some revisions, in some languages."""


def list_page(request: Request, key: str, entries: Mapping[str, Any]) -> Listing:
    """A page of the entries that the caller may see, under `key`, in the order of declaration, which is the same on
    every worker.
    """
    with in_readers_language(request):
        return page_of(request, key, list(visible(request, entries)))


def page_of(request: Request, key: str, items: Sequence[tuple[str, Declared]]) -> Listing:
    """The requested page of entries by name."""
    page, next_cursor = cursors.page(key, items, request.params.get("cursor"), request.server.page_size)
    plain, translated = request.version, f"{request.version} {get_language()}"
    entries = [
        entry.written.get(place := translated if entry.is_translated else plain) or _write(entry, key, request, place)
        for entry in page
    ]
    return Listing(key, entries, {} if next_cursor is None else {"nextCursor": next_cursor})


def _write(entry: Declared, key: str, request: Request, place: str) -> bytes:
    """The JSON of an entry as the client's revision has it, in the active language; kept for the lists that follow, if
    the next reader of the language gets the same.
    """
    definition = entry.definition
    if request.era == "handshake":
        definition = handshake.shape_entry(key, definition, request.version)
    text = jsonrpc.encode(definition)
    if entry.is_kept and len(entry.written) < MOST_KEPT:
        entry.written[place] = text
    return text


def is_inert(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    """Whether a list is the same for every caller: no permission is checked, and no text is translated."""
    return not (server.registry.is_guarded or server.registry.is_translated)
