"""langchain-mcp-adapters: the tools of MultiServerMCPClient, each call of which has a session of its own."""

from contextlib import asynccontextmanager

import loop
from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from mcp.types import ElicitResult


class Calls:
    def __init__(self, client, tools, progress):
        self.client, self.progress = client, progress
        self.made = {tool.name: tool for tool in tools}

    async def tools(self):
        return list(self.made)

    async def call(self, name, arguments):
        return str(await self.made[name].ainvoke(arguments))

    async def count(self):
        await self.made["count"].ainvoke({})
        return self.progress

    async def read(self, uri):
        return (await self.client.get_resources("django", uris=uri))[0].as_string()

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt("django", name, arguments=arguments))[0].content


@asynccontextmanager
async def connect(url, heard):
    progress = []

    async def answer(mcp_context, params, context):
        return ElicitResult(action="accept", content={"name": "Ada"})

    async def hear(number, total, message, context):
        progress.append(number)

    client = MultiServerMCPClient(
        {"django": {"transport": "streamable_http", "url": url}},
        callbacks=Callbacks(on_elicitation=answer, on_progress=hear),
    )
    yield Calls(client, await client.get_tools(), progress)


loop.run(connect)
