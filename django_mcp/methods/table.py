"""`METHODS`: the table of JSON-RPC methods by name.

`mcp_types` lists the methods of each revision. A method that works only if something is declared names that capability
here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django_mcp.protocol.versions import Era

from . import completion, lifecycle, lists, log_level, prompts, resources, subscriptions, tools
from .request import Call, Listen, Listing, Request, Result, ResultWithEffect

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

Handler: TypeAlias = Callable[[Request], Result | Listing | ResultWithEffect | Call | Listen]


def _never(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    return False


def _always(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its function, the server capability that it needs, and the eras that have it.

    `needs_streams`: the method works only where clients can be notified of changes. `is_inert` tells whether the
    function runs no code of the developer for these parameters (permissions, throttles, validators, `get_tools`,
    `language`), and may therefore run on an event loop; without `is_inert`, it never does. `extension` is the id of
    the extension whose method it is, which checks the parameters itself.
    """

    handler: Handler
    capability: str | None
    eras: tuple[Era, ...]
    needs_streams: bool = False
    is_inert: Callable[["MCPServer", Mapping[str, Any]], bool] = _never
    extension: str | None = None


_BOTH: Final[tuple[Era, ...]] = ("handshake", "modern")

METHODS: Final[dict[str, Method]] = {
    "initialize": Method(lifecycle.initialize, None, ("handshake",), is_inert=lifecycle.is_inert),
    "ping": Method(lifecycle.ping, None, ("handshake",), is_inert=_always),
    "server/discover": Method(lifecycle.discover, None, ("modern",), is_inert=lifecycle.is_inert),
    "tools/list": Method(tools.list_tools, "tools", _BOTH, is_inert=tools.is_list_inert),
    "tools/call": Method(tools.call_tool, "tools", _BOTH, is_inert=tools.is_call_inert),
    "resources/list": Method(resources.list_resources, "resources", _BOTH, is_inert=lists.is_inert),
    "resources/templates/list": Method(resources.list_templates, "resources", _BOTH, is_inert=lists.is_inert),
    "resources/read": Method(resources.read_resource, "resources", _BOTH),
    "resources/subscribe": Method(subscriptions.subscribe, "resources", ("handshake",), needs_streams=True),
    "resources/unsubscribe": Method(subscriptions.unsubscribe, "resources", ("handshake",), needs_streams=True),
    "subscriptions/listen": Method(subscriptions.listen, None, ("modern",), needs_streams=True),
    "prompts/list": Method(prompts.list_prompts, "prompts", _BOTH, is_inert=lists.is_inert),
    "prompts/get": Method(prompts.get_prompt, "prompts", _BOTH),
    "completion/complete": Method(completion.complete, "completions", _BOTH),
    "logging/setLevel": Method(log_level.set_level, "logging", ("handshake",)),
}
