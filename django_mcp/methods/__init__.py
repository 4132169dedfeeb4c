"""What a server answers: one function for each JSON-RPC method, and `METHODS`, the table of them by era.

Which method a revision has is for `mcp_types` to say; a method that works only where something is declared names that
capability here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from django_mcp.protocol.versions import Era

from . import completion, lifecycle, log_level, prompts, resources, subscriptions, tools
from .request import Call, Listen, Request, Result, ResultWithEffect

Handler: TypeAlias = Callable[[Request], Result | ResultWithEffect | Call | Listen]


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its function, the server capability that it stands behind, and the eras that have it.

    One that `needs_streams` is of no use where nobody can be told of changes.
    """

    handler: Handler
    capability: str | None
    eras: tuple[Era, ...]
    needs_streams: bool = False


_BOTH: Final[tuple[Era, ...]] = ("handshake", "modern")

METHODS: Final[dict[str, Method]] = {
    "initialize": Method(lifecycle.initialize, None, ("handshake",)),
    "ping": Method(lifecycle.ping, None, ("handshake",)),
    "server/discover": Method(lifecycle.discover, None, ("modern",)),
    "tools/list": Method(tools.list_tools, "tools", _BOTH),
    "tools/call": Method(tools.call_tool, "tools", _BOTH),
    "resources/list": Method(resources.list_resources, "resources", _BOTH),
    "resources/templates/list": Method(resources.list_templates, "resources", _BOTH),
    "resources/read": Method(resources.read_resource, "resources", _BOTH),
    "resources/subscribe": Method(subscriptions.subscribe, "resources", ("handshake",), needs_streams=True),
    "resources/unsubscribe": Method(subscriptions.unsubscribe, "resources", ("handshake",), needs_streams=True),
    "subscriptions/listen": Method(subscriptions.listen, None, ("modern",), needs_streams=True),
    "prompts/list": Method(prompts.list_prompts, "prompts", _BOTH),
    "prompts/get": Method(prompts.get_prompt, "prompts", _BOTH),
    "completion/complete": Method(completion.complete, "completions", _BOTH),
    "logging/setLevel": Method(log_level.set_level, "logging", ("handshake",)),
}
