"""semantic-kernel: MCPStreamableHttpPlugin."""

from contextlib import asynccontextmanager

import loop
from semantic_kernel.connectors.mcp import MCPStreamableHttpPlugin


class Calls:
    def __init__(self, plugin):
        self.plugin = plugin

    async def tools(self):
        return [name for name in dir(self.plugin) if hasattr(getattr(self.plugin, name), "__kernel_function__")]

    async def call(self, name, arguments):
        return str([content.text for content in await self.plugin.call_tool(name, **arguments)])

    async def prompt(self, name, arguments):
        return str([message.content for message in await self.plugin.get_prompt(name, **arguments)])


@asynccontextmanager
async def connect(url, heard):
    async with MCPStreamableHttpPlugin(name="django", url=url) as plugin:
        yield Calls(plugin)


loop.run(connect)
