"""The official SDK, 2.x: `drive_mcp2.py legacy` or `auto`; with a command after it, that command over stdio."""

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import loop
import mcp_types as types
from mcp import Client, StdioServerParameters
from sessions import SessionCalls

MODE, *COMMAND = sys.argv[1:]


class Calls(SessionCalls):
    """In the modern era, a client hears of a change when it has asked to."""

    def __init__(self, client, stack, heard):
        super().__init__(client)
        self.stack, self.heard, self.is_listening = stack, heard, False

    async def listens(self):
        if MODE == "auto" and not self.is_listening:
            self.is_listening = True
            subscription = await self.stack.enter_async_context(self.session.listen(tools_list_changed=True))
            self.stack.callback(asyncio.create_task(self._hear(subscription)).cancel)
        return True

    async def _hear(self, subscription):
        async for _ in subscription:
            self.heard()


@asynccontextmanager
async def connect(url, heard):
    async def answer(context, params):
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def listen(message):
        if isinstance(message, types.ToolListChangedNotification):
            heard()

    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], url]) if COMMAND else url
    async with (
        Client(server, mode=MODE, elicitation_callback=answer, message_handler=listen) as client,
        AsyncExitStack() as stack,
    ):
        yield Calls(client, stack, heard)


loop.run(connect)
