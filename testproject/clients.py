"""Texts to paste that call a server: a curl line, and the JSON in which each MCP client keeps its servers."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

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
    """How Claude Code, Cursor and VS Code are told of the server at `url`, each in its own spelling."""
    return [
        ClientConfiguration(client, file, json.dumps(content, indent=2))
        for client, file, content in (
            ("Claude Code", ".mcp.json", {"mcpServers": {name: {"type": "http", "url": url}}}),
            ("Cursor", ".cursor/mcp.json", {"mcpServers": {name: {"url": url}}}),
            ("VS Code", ".vscode/mcp.json", {"servers": {name: {"type": "http", "url": url}}}),
        )
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
