"""fastmcp: `drive_fastmcp.py legacy` or `auto`."""

import sys
from contextlib import asynccontextmanager

import loop
import mcp_types as types
from fastmcp import Client
from sessions import SessionCalls

MODE = sys.argv[1]


class Calls(SessionCalls):
    async def tools(self):
        return [tool.name for tool in await self.session.list_tools()]

    async def count(self):
        heard = []

        async def hear(progress, total, message):
            heard.append(progress)

        await self.session.call_tool("count", {}, progress_handler=hear)
        return heard

    async def read(self, uri):
        return (await self.session.read_resource(uri))[0].text


@asynccontextmanager
async def connect(url, heard):
    async def answer(message, response_type, params, context):
        return {"name": "Ada"}

    async def listen(message):
        if isinstance(message, types.ToolListChangedNotification):
            heard()

    async with Client(url, mode=MODE, elicitation_handler=answer, message_handler=listen) as client:
        yield Calls(client)


loop.run(connect)
