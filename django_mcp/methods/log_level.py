"""logging/setLevel."""

from typing import Final

from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .requests import Answer, Request, SetLogLevel, take_string

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""From the least to the most severe (RFC 5424)."""


def set_level(request: Request) -> Answer:
    level = take_string(request.params, "level")
    if level not in LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"Unknown log level: {level}. Levels: {', '.join(LEVELS)}")
    return Answer({}, SetLogLevel(level))
