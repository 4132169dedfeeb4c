"""mcp-use for Python: a session of its MCPClient."""

from contextlib import asynccontextmanager

import loop
from mcp import types
from mcp_use import MCPClient


class Calls:
    def __init__(self, session):
        self.session = session

    async def listens(self):
        return True

    async def tools(self):
        return [tool.name for tool in await self.session.list_tools()]

    async def call(self, name, arguments):
        return (await self.session.call_tool(name, arguments)).content[0].text

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text


@asynccontextmanager
async def connect(url, heard):
    async def answer(context, params):
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def listen(message):
        if isinstance(getattr(message, "root", None), types.ToolListChangedNotification):
            heard()

    servers = {"mcpServers": {"django": {"url": url}}}
    client = MCPClient(servers, elicitation_callback=answer, message_handler=listen)
    try:
        yield Calls(await client.create_session("django"))
    finally:
        await client.close_all_sessions()


loop.run(connect)
