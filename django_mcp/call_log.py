"""Log records of calls: one on the logger `django_mcp.calls` for each call that ends, where `MCP_LOG_CALLS` is on.

A record has its values as attributes too, for formatters that write JSON. Arguments and results are not among them.
"""

import logging
from typing import Any, Final

from django_mcp.models import SHORT_ID_LENGTH, label
from django_mcp.observers import ObservedCall, Observer

logger = logging.getLogger("django_mcp.calls")

MAX_CHARACTERS: Final = 256

_FAILURES: Final = frozenset({"failed", "over_budget"})
"""Outcomes that are logged as warnings."""


class CallLog(Observer):
    """Writes the records."""

    def finished(self, call: ObservedCall) -> None:
        level = logging.WARNING if call.outcome in _FAILURES else logging.INFO
        if logger.isEnabledFor(level):
            values = values_of(call)
            text = "%s %s: %s in %.1f ms"
            logger.log(
                level, text, call.method, values["mcp_name"], call.outcome, call.seconds * 1000, extra=dict(values)
            )


def values_of(call: ObservedCall) -> dict[str, Any]:
    """The values of a call's record, by the names of its attributes. Text from clients is one line, and is cut."""
    client, session = call.client_info, call.session
    return {
        "mcp_method": call.method,
        "mcp_name": label(_name_of(call), MAX_CHARACTERS),
        "mcp_outcome": call.outcome,
        "mcp_seconds": round(call.seconds, 6),
        "mcp_server": call.server,
        "mcp_path": call.path,
        "mcp_lane": call.lane,
        "mcp_protocol_version": label(call.protocol_version, 32),
        "mcp_session": session.session_id[:SHORT_ID_LENGTH] if session is not None else "",
        "mcp_principal": call.principal.key,
        "mcp_token": call.principal.token_id,
        "mcp_client": label(client.get("name"), MAX_CHARACTERS),
        "mcp_client_version": label(client.get("version"), MAX_CHARACTERS),
        "mcp_request_id": label(str(call.request_id), MAX_CHARACTERS),
        "mcp_call": call.key,
        "mcp_error_class": call.error_class,
        "mcp_error_code": call.error_code,
        "mcp_bytes": len(call.body),
        "mcp_traceparent": label(call.traceparent, 64),
    }


def _name_of(call: ObservedCall) -> str:
    """The name of a tool or prompt, or the URI of a resource without values: that of its template, or its scheme."""
    if call.method != "resources/read":
        return call.name
    return str(call.primitive.key) if call.primitive is not None else f"{call.name.partition('://')[0]}://…"
