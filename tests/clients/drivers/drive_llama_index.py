"""llama-index-tools-mcp: BasicMCPClient, each call of which has a session of its own."""

from contextlib import asynccontextmanager

import loop
from llama_index.tools.mcp import BasicMCPClient
from sessions import SessionCalls


class Calls(SessionCalls):
    listens = None

    async def prompt(self, name, arguments):
        return str(await self.session.get_prompt(name, arguments))


@asynccontextmanager
async def connect(url, heard):
    yield Calls(BasicMCPClient(url))


loop.run(connect)
