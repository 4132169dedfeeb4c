"""bolt-mcp, served by django-bolt's own server in Rust. Its sessions are in the memory of one process."""

import tools
from bolt_mcp import MCP
from django_bolt import BoltAPI

mcp = MCP("bench", "1.0", json_response=True)
for function in (tools.add, tools.add_sync, tools.length, tools.page):
    mcp.tool(function)

api = BoltAPI()
api.mount_mcp(mcp)

urlpatterns: list[object] = []
