"""resources/subscribe and resources/unsubscribe for handshake clients, subscriptions/listen for modern ones."""

from typing import Any

from django_mcp.conf import mcp_settings
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .effects import Subscribe, Unsubscribe
from .request import LIST_CHANGES, Listen, Request, ResultWithEffect, take_string
from .resources import find_resource


def subscribe(request: Request) -> ResultWithEffect:
    """Has the session told of a resource's changes. One that is not there is refused, as reading it would be."""
    uri = take_string(request.params, "uri")
    find_resource(request, uri)
    return ResultWithEffect({}, Subscribe(uri))


def unsubscribe(request: Request) -> ResultWithEffect:
    return ResultWithEffect({}, Unsubscribe(take_string(request.params, "uri")))


def listen(request: Request) -> Listen:
    """A stream of changes. What the server does not offer, and resources that there are not, are left out of what is
    honoured.
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
    """The URIs, each once. Raises `ProtocolError` for more than one subscription may name: they are kept for as long as
    the stream, and each is matched with every template.
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
