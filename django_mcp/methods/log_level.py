"""logging/setLevel."""

from django_mcp.primitives.context import LOG_LEVELS
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .effects import SetLogLevel
from .request import Request, ResultWithEffect, take_string


def set_level(request: Request) -> ResultWithEffect:
    level = take_string(request.params, "level")
    if level not in LOG_LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"Unknown log level: {level}. Levels: {', '.join(LOG_LEVELS)}")
    return ResultWithEffect({}, SetLogLevel(level))
