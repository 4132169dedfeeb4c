"""resources/subscribe and resources/unsubscribe for handshake clients, subscriptions/listen for modern ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django_mcp.conf import mcp_settings
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .declared import require
from .effects import Subscribe, Unsubscribe
from .request import LIST_CHANGES, Listen, Request, ResultWithEffect, take_string
from .resources import find_resource

if TYPE_CHECKING:
    from .extending import OwnedKey


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
    wished = {name: owned for name, owned in request.server.tables.listen_keys.items() if name in wishes}
    extended = _of_extensions(request, wishes, wished)
    by_notification = {wished[name].key.notification: value for name, value in extended.items()}
    return Listen(request, honoured | extended, frozenset(known), by_notification)


def _of_extensions(request: Request, wishes: Mapping[str, Any], wished: Mapping[str, "OwnedKey"]) -> dict[str, Any]:
    """The honoured part of the extensions' keys. Raises `ProtocolError`, also for a key whose extension the client has
    not declared.
    """
    for owned in wished.values():
        if owned.key.requires_client:
            require(owned.extension, request.client_capabilities)
    for name in wished:
        if isinstance(wishes[name], list):
            _check_size(name, [text for text in wishes[name] if isinstance(text, str)])
    honoured = {name: owned.key.accept(wishes[name], request.context()) for name, owned in wished.items()}
    return {name: value for name, value in honoured.items() if value}


def _distinct(uris: list[str]) -> list[str]:
    """The URIs without duplicates. Raises `ProtocolError` when there are too many: the process keeps them as long as
    the stream, and matches each with every template.
    """
    _check_size("resourceSubscriptions", uris)
    return list(dict.fromkeys(uris))


def _check_size(name: str, texts: list[str]) -> None:
    if len(texts) > mcp_settings.MAX_LISTEN_URIS:
        raise _too_much(f"at most {mcp_settings.MAX_LISTEN_URIS} {name} in one subscriptions/listen")
    if sum(map(len, texts)) > mcp_settings.MAX_LISTEN_CHARACTERS:
        raise _too_much(f"{name} have at most {mcp_settings.MAX_LISTEN_CHARACTERS} characters together")


def _too_much(bound: str) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, f"Invalid params: {bound}", status=400)


def _is_there(request: Request, uri: str) -> bool:
    try:
        find_resource(request, uri)
    except ProtocolError:
        return False
    return True
