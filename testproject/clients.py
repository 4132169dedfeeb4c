"""Texts to paste that call a server: a curl line, and the JSON in which each MCP client keeps its servers."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from django_mcp.page.clients import CLIENTS, Http

MODERN = "2026-07-28"

# A tool of the airports server, and arguments that find something.
EXAMPLE_CALL: tuple[str, dict[str, Any]] = ("search_airports", {"query": "Reykjavik"})


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """One client's name, the file that it reads in a project, and what to write there."""

    client: str
    file: str
    text: str


def client_configurations(name: str, url: str) -> list[ClientConfiguration]:
    """The entries of Claude Code, Cursor and VS Code for the server at `url`, each in its own spelling."""
    shown = [CLIENTS[client] for client in ("claude-code", "cursor", "vscode")]
    return [
        ClientConfiguration(client.title, str(client.file()), client.text(name, Http(url)).rstrip()) for client in shown
    ]


def curl_tool_call(url: str, tool: str, arguments: dict[str, Any]) -> str:
    """A shell line that calls one tool: the modern era needs one request, and no session before it."""
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    options = [part for header, value in headers.items() for part in ("-H", f"{header}: {value}")]
    return shlex.join(["curl", "-s", url, *options, "-d", json.dumps(message)])
