"""The official SDK's server over streamable HTTP: `uvicorn official_sdk:app`. RESPONSES=json for JSON, else its default,
SSE.
"""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("bench", version="1.0")


@server.tool()
async def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


app = server.streamable_http_app(json_response=os.environ.get("RESPONSES") == "json")
