"""resources/subscribe and resources/unsubscribe for handshake clients, subscriptions/listen for modern ones."""

from typing import Any

from django_mcp.conf import mcp_settings
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .effects import Subscribe, Unsubscribe
from .request import LIST_CHANGES, Listen, Request, ResultWithEffect, take_string
from .resources import find_resource


def subscribe(request: Request) -> ResultWithEffect:
    """Subscribes the session to a resource's changes. Refuses a URI that could not be read."""
    uri = take_string(request.params, "uri")
    find_resource(request, uri)
    return ResultWithEffect({}, Subscribe(uri))


def unsubscribe(request: Request) -> ResultWithEffect:
    return ResultWithEffect({}, Unsubscribe(take_string(request.params, "uri")))


def listen(request: Request) -> Listen:
    """A stream of changes. `honoured` leaves out notifications that the server does not offer, and resources that do
    not exist.
    """
    wishes = request.params["notifications"]
    offered = request.server.capabilities()
    honoured: dict[str, Any] = {
        wish: True
        for method, wish in LIST_CHANGES.items()
        if wishes.get(wish) and offered.get(method.split("/")[1], {}).get("listChanged")
    }
    known = [uri for uri in _distinct(wishes.get("resourceSubscriptions", [])) if _is_there(request, uri)]
    if known:
        honoured["resourceSubscriptions"] = known
    return Listen(request, honoured, frozenset(known))


def _distinct(uris: list[str]) -> list[str]:
    """The URIs without duplicates. Raises `ProtocolError` when there are too many: the process keeps them as long as
    the stream, and matches each with every template.
    """
    if len(uris) > mcp_settings.MAX_LISTEN_URIS:
        raise _too_much(f"at most {mcp_settings.MAX_LISTEN_URIS} resourceSubscriptions in one subscriptions/listen")
    if sum(map(len, uris)) > mcp_settings.MAX_LISTEN_CHARACTERS:
        raise _too_much(f"resourceSubscriptions have at most {mcp_settings.MAX_LISTEN_CHARACTERS} characters together")
    return list(dict.fromkeys(uris))


def _too_much(bound: str) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, f"Invalid params: {bound}", status=400)


def _is_there(request: Request, uri: str) -> bool:
    try:
        find_resource(request, uri)
    except ProtocolError:
        return False
    return True
