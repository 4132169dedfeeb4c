"""The official SDK, 1.x."""

from contextlib import asynccontextmanager

import loop
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from sessions import SessionCalls


@asynccontextmanager
async def connect(url, heard):
    async def answer(context, params):
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def listen(message):
        if isinstance(getattr(message, "root", None), types.ToolListChangedNotification):
            heard()

    async with (
        streamable_http_client(url) as (read, write, _),
        ClientSession(read, write, elicitation_callback=answer, message_handler=listen) as session,
    ):
        await session.initialize()
        yield SessionCalls(session)


loop.run(connect)
