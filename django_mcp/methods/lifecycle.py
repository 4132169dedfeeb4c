"""initialize, ping and server/discover: the start of a connection."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django_mcp.protocol import versions

from .effects import OpenSession
from .request import Request, Result, ResultWithEffect

if TYPE_CHECKING:
    from django_mcp.server import MCPServer


def is_inert(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    """Whether no extension is asked for its settings."""
    return not server.tables.extensions


def initialize(request: Request) -> ResultWithEffect:
    """The handshake: negotiates the revision, and opens a session that stores it."""
    params = request.params
    version = versions.negotiate(params["protocolVersion"])
    result: dict[str, Any] = {
        "protocolVersion": version,
        "capabilities": request.server.capabilities(streams=request.streams, era="handshake"),
        "serverInfo": request.server.implementation(),
    }
    if instructions := request.server.instructions:
        result["instructions"] = instructions
    return ResultWithEffect(result, OpenSession(version, params["clientInfo"], params["capabilities"]))


def ping(request: Request) -> Result:
    return {}


def discover(request: Request) -> Result:
    """The server's description for a modern client, before its first call: the supported revisions and the
    capabilities.
    """
    result: dict[str, Any] = {
        "supportedVersions": list(versions.MODERN_VERSIONS),
        "capabilities": request.server.capabilities(streams=request.streams),
    }
    if instructions := request.server.instructions:
        result["instructions"] = instructions
    return result
