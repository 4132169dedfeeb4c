"""openai-agents: MCPServerStreamableHttp, whose calls an agent makes. It has no handler of questions or of progress."""

from contextlib import asynccontextmanager

import loop
from agents.mcp import MCPServerStreamableHttp


class Calls:
    def __init__(self, server):
        self.server = server

    async def listens(self):
        return True

    async def tools(self):
        return [tool.name for tool in await self.server.list_tools()]

    async def call(self, name, arguments):
        return (await self.server.call_tool(name, arguments)).content[0].text

    async def read(self, uri):
        return (await self.server.read_resource(uri)).contents[0].text

    async def prompt(self, name, arguments):
        return (await self.server.get_prompt(name, arguments)).messages[0].content.text


@asynccontextmanager
async def connect(url, heard):
    async def listen(message):
        if "list_changed" in str(getattr(message, "method", "")):
            heard()

    async with MCPServerStreamableHttp({"url": url}, message_handler=listen) as server:
        yield Calls(server)


loop.run(connect)
