"""The official SDK's server over streamable HTTP: `uvicorn official_sdk:app`.

It answers with JSON when the environment says RESPONSES=json, else as it does by default, with SSE.
"""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("bench", version="1.0")


@server.tool()
async def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


app = server.streamable_http_app(json_response=os.environ.get("RESPONSES") == "json")
