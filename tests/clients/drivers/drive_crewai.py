"""crewai-tools: the tools of its MCPServerAdapter, which are called without a loop."""

import asyncio
from contextlib import asynccontextmanager

import loop
from crewai_tools import MCPServerAdapter


class Calls:
    def __init__(self, tools):
        self.made = {tool.name: tool for tool in tools}

    async def tools(self):
        return list(self.made)

    async def call(self, name, arguments):
        return str(await asyncio.to_thread(lambda: self.made[name].run(**arguments)))


@asynccontextmanager
async def connect(url, heard):
    adapter = await asyncio.to_thread(MCPServerAdapter, {"url": url, "transport": "streamable-http"})
    try:
        yield Calls(adapter.tools)
    finally:
        await asyncio.to_thread(adapter.stop)


loop.run(connect)
