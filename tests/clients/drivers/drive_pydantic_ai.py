"""pydantic-ai: MCPToolset, as an agent's code calls it."""

from contextlib import asynccontextmanager

import loop
import mcp_types as types
from pydantic_ai.mcp import MCPToolset


class Calls:
    def __init__(self, toolset, progress):
        self.toolset, self.progress = toolset, progress

    async def listens(self):
        return True

    async def tools(self):
        return [tool.name for tool in await self.toolset.list_tools()]

    async def call(self, name, arguments):
        return str(await self.toolset.direct_call_tool(name, arguments))

    async def count(self):
        self.progress.clear()
        await self.toolset.direct_call_tool("count", {})
        return self.progress

    async def read(self, uri):
        return await self.toolset.read_resource(uri)

    async def prompt(self, name, arguments):
        return str(await self.toolset.get_prompt(name, arguments))


@asynccontextmanager
async def connect(url, heard):
    progress = []

    async def answer(message, response_type, params, context):
        return {"name": "Ada"}

    async def listen(message):
        if isinstance(message, types.ToolListChangedNotification):
            heard()

    async def hear(number, total, message):
        progress.append(number)

    toolset = MCPToolset(url, elicitation_handler=answer, message_handler=listen, progress_handler=hear)
    async with toolset:
        yield Calls(toolset, progress)


loop.run(connect)
