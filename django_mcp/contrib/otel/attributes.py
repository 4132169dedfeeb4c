"""The attributes of a call's span and of its metrics, by the semantic conventions for MCP
(https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md).

Values of arguments and results are not among them. Metrics have only values that are few, and none that a client makes
up.
"""

from typing import Any, Final, TypeAlias

from django_mcp.models import SHORT_ID_LENGTH, label
from django_mcp.observers import ObservedCall
from django_mcp.protocol.versions import KNOWN_VERSIONS

Attributes: TypeAlias = dict[str, str | int]

MAX_CHARACTERS: Final = 256
"""A longer name or request id is cut."""

_NAMES: Final = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}
_NO_FAILURES: Final = frozenset({"ok", "dry_run", "input_required"})


def transport_of(lane: str) -> Attributes:
    if lane == "task":
        return {}  # A worker runs it, without a connection.
    if lane == "stdio":
        return {"network.transport": "pipe"}
    return {"network.transport": "tcp", "network.protocol.name": "http"}


def at_start(call: ObservedCall) -> Attributes:
    """The attributes of a span that are known when the call starts, for samplers."""
    attributes: Attributes = {
        "mcp.method.name": call.method,
        **transport_of(call.lane),
        **_operation_of(call),
        "django_mcp.server": call.server,
    }
    if call.name and (key := _name_key(call)):
        attributes[key] = label(call.name, MAX_CHARACTERS)
    if call.request_id is not None:
        attributes["jsonrpc.request.id"] = label(str(call.request_id), MAX_CHARACTERS)
    if call.session is not None:
        # The whole id would let its reader use the session.
        attributes["mcp.session.id"] = call.session.session_id[:SHORT_ID_LENGTH]
    return attributes | _version_of(call)


def at_end(call: ObservedCall) -> Attributes:
    """The attributes of a span that are known when the call has ended."""
    attributes: Attributes = {"django_mcp.outcome": call.outcome, "django_mcp.call": call.key, **_failure_of(call)}
    if call.error_class:
        attributes["django_mcp.error_class"] = call.error_class
    if call.method == "resources/read" and call.primitive is not None:
        # Of a template, the template: its variables are a client's arguments.
        attributes["mcp.resource.uri"] = call.primitive.key
    for name in ("queries", "rows"):
        if (number := getattr(call, name)) is not None:
            attributes[f"django_mcp.{name}"] = number
    return attributes


def of_metric(call: ObservedCall) -> Attributes:
    attributes = {"mcp.method.name": call.method, **transport_of(call.lane), **_operation_of(call), **_failure_of(call)}
    if name := known_name(call):
        attributes[_NAMES[call.method]] = name
    return attributes | _version_of(call)


def known_name(call: ObservedCall) -> str:
    """The name of a call's tool or prompt; "" where there is none of that name, since clients could make up many."""
    return call.name if call.primitive is not None and call.method in _NAMES else ""


def _name_key(call: ObservedCall) -> str:
    """The attribute for the name of a tool or prompt; that of a completion is the name of a prompt, or a URI."""
    reference: Any = call.name if call.method == "completion/complete" and "://" not in call.name else None
    return _NAMES.get("prompts/get" if reference else call.method, "")


def _operation_of(call: ObservedCall) -> Attributes:
    return {"gen_ai.operation.name": "execute_tool"} if call.method == "tools/call" else {}


def _version_of(call: ObservedCall) -> Attributes:
    known = call.protocol_version in KNOWN_VERSIONS
    return {"mcp.protocol.version": call.protocol_version} if known else {}


def _failure_of(call: ObservedCall) -> Attributes:
    """`error.type`: the code of a JSON-RPC error, `tool_error` for an error in a tool's result, else the outcome."""
    if call.error_code is not None:
        return {"error.type": str(call.error_code), "rpc.response.status_code": str(call.error_code)}
    if call.outcome in _NO_FAILURES:
        return {}
    return {"error.type": "tool_error" if call.method == "tools/call" and call.body else call.outcome}
