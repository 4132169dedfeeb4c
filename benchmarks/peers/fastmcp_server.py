"""FastMCP's servers over streamable HTTP: `uvicorn fastmcp_server:app`, and `fastmcp_server:many` with a long list."""

import gc
import os

import tools
from fastmcp import Context, FastMCP

JSON = os.environ.get("RESPONSES") == "json"

server = FastMCP("bench", version="1.0")
for function in (tools.add, tools.length, tools.page):
    server.tool(function)


@server.tool
async def steps(count: int, ctx: Context) -> int:
    """Report each of so many steps."""
    for step in range(count):
        await ctx.report_progress(step + 1, count)
    return count


long = FastMCP("many", version="1.0")
for number in range(tools.MANY):
    long.tool(tools.find, name=f"tool_{number}", title=f"Tool {number}")

app = server.http_app(json_response=JSON)
many = long.http_app(json_response=JSON)

# As the example project does.
gc.collect()
gc.freeze()
