"""The official SDK's servers over streamable HTTP: `uvicorn official_sdk:app`, and with a long list
`official_sdk:many`.

They answer with JSON when the environment says RESPONSES=json, else as they do by default, with SSE.
"""

import gc
import os

import tools
from mcp.server.mcpserver import Context, MCPServer

JSON = os.environ.get("RESPONSES") == "json"

server = MCPServer("bench", version="1.0")
for function in (tools.add, tools.length, tools.page):
    server.tool()(function)


@server.tool()
async def steps(count: int, ctx: Context) -> int:
    """Report each of so many steps."""
    for step in range(count):
        await ctx.report_progress(step + 1, count)
    return count


long = MCPServer("many", version="1.0")
for number in range(tools.MANY):
    long.tool(name=f"tool_{number}", title=f"Tool {number}")(tools.find)

app = server.streamable_http_app(json_response=JSON)
many = long.streamable_http_app(json_response=JSON)

# As the example project does.
gc.collect()
gc.freeze()
