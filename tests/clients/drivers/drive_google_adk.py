"""google-adk: the tools of its McpToolset."""

from contextlib import asynccontextmanager
from unittest.mock import MagicMock

import loop
from google.adk.tools.mcp_tool.mcp_session_manager import StreamableHTTPConnectionParams
from google.adk.tools.mcp_tool.mcp_toolset import McpToolset
from mcp import types


class Calls:
    def __init__(self, toolset, progress):
        self.toolset, self.progress, self.made = toolset, progress, {}

    async def tools(self):
        self.made = {tool.name: tool for tool in await self.toolset.get_tools()}
        return list(self.made)

    async def call(self, name, arguments):
        if not self.made:
            await self.tools()
        # The context of an agent's run, of which these tools ask nothing.
        return str(await self.made[name].run_async(args=arguments, tool_context=MagicMock()))

    async def count(self):
        await self.call("count", {})
        return self.progress

    async def read(self, uri):
        listed = await self.toolset.list_resources()
        return str([await self.toolset.read_resource(name) for name in listed])


@asynccontextmanager
async def connect(url, heard):
    progress = []

    async def answer(context, params):
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def hear(number, total, message):
        progress.append(number)

    toolset = McpToolset(
        connection_params=StreamableHTTPConnectionParams(url=url),
        progress_callback=hear,
        elicitation_callback=answer,
    )
    try:
        yield Calls(toolset, progress)
    finally:
        await toolset.close()


loop.run(connect)
