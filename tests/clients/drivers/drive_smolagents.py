"""smolagents: the tools of its MCPClient, which are called without a loop."""

import asyncio
from contextlib import asynccontextmanager

import loop
from smolagents import MCPClient


class Calls:
    def __init__(self, tools):
        self.made = {tool.name: tool for tool in tools}

    async def tools(self):
        return list(self.made)

    async def call(self, name, arguments):
        return str(await asyncio.to_thread(lambda: self.made[name](**arguments)))


@asynccontextmanager
async def connect(url, heard):
    client = await asyncio.to_thread(MCPClient, {"url": url, "transport": "streamable-http"}, structured_output=False)
    try:
        yield Calls(client.get_tools())
    finally:
        await asyncio.to_thread(client.disconnect)


loop.run(connect)
