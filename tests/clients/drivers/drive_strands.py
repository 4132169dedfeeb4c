"""strands-agents: MCPClient, which runs a session in a thread of its own."""

import asyncio
from contextlib import asynccontextmanager

import loop
import mcp_types as types
from strands.tools.mcp import MCPClient


class Calls:
    def __init__(self, client, progress):
        self.client, self.progress = client, progress

    async def listens(self):
        # Its handler looks at the tools again when these have been loaded.
        await self.client.load_tools()
        return True

    async def tools(self):
        return [tool.tool_name for tool in await asyncio.to_thread(self.client.list_tools_sync)]

    async def call(self, name, arguments):
        result = await self.client.call_tool_async(name, name, arguments)
        return f"{result['status']}: {result['content']}"

    async def count(self):
        await self.call("count", {})
        return self.progress

    async def read(self, uri):
        return (await asyncio.to_thread(self.client.read_resource_sync, uri)).contents[0].text

    async def prompt(self, name, arguments):
        result = await asyncio.to_thread(self.client.get_prompt_sync, name, arguments)
        return result.messages[0].content.text


@asynccontextmanager
async def connect(url, heard):
    progress, running = [], asyncio.get_running_loop()

    async def answer(context, params):
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def hear(number, total, message):
        progress.append(number)

    def listen(*_):
        running.call_soon_threadsafe(heard)

    client = MCPClient(url=url, elicitation_callback=answer, progress_callback=hear, on_tools_changed=listen)
    await asyncio.to_thread(client.start)
    try:
        yield Calls(client, progress)
    finally:
        await asyncio.to_thread(client.stop, None, None, None)


loop.run(connect)
