"""A client at the other end of a stdio connection, without the pipes, and a server that it calls.

Its async tools are not atomic: all database work of a test is in one thread and one connection.
"""

import asyncio
import json
from contextlib import asynccontextmanager

from asgiref.sync import async_to_sync

from django_mcp import Context, MCPServer, ToolError
from django_mcp.stdio.connection import Connection
from django_mcp.stdio.endpoint import LocalEndpoint
from django_mcp.stdio.lines import read_line
from django_mcp.views import MCPView
from tests import wire

FORM = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}

server = MCPServer("piped", version="1.0")
begun = []


@server.tool(read_only=True)
def greet(name: str, ctx: Context) -> str:
    """Greet somebody, and say how far that is."""
    ctx.progress(1, 2, "Half way")
    return f"Hello, {name}, from {ctx.user.get_username() or 'nobody'}"


@server.tool(atomic=False)
async def order(dish: str, ctx: Context) -> str:
    """Order as much of a dish as the user wants."""
    answer = await ctx.aelicit(f"How many {dish}?", FORM)
    return f"{answer.data['count']} {dish}" if answer.data else answer.action


@server.tool(atomic=False)
async def ask_all(ctx: Context) -> list[str]:
    """Ask the client's model, and for its directories."""
    text = (await ctx.asample("Write a poem", max_tokens=10, key="poem")).text
    return [text, *(root["uri"] for root in await ctx.alist_roots(key="roots"))]


@server.tool(atomic=False)
async def stay(ctx: Context) -> str:
    """Never end."""
    ctx.info("begun")
    begun.append(ctx.request_id)
    try:
        await asyncio.Event().wait()
    finally:
        begun.remove(ctx.request_id)
    return "never"


@server.tool(atomic=False)
async def leave(ctx: Context) -> str:
    """Close the connection, and answer afterwards."""
    ctx.info("before")
    ctx.close_stream()
    await asyncio.sleep(0)
    ctx.info("after")
    return "left"


@server.tool
def count(ctx: Context) -> int:
    """Count the calls of the session."""
    ctx.session.state["count"] = ctx.session.state.get("count", 0) + 1
    return ctx.session.state["count"]


@server.tool
def fail() -> None:
    """Fail."""
    raise ToolError("No luck")


@server.resource("note://motto")
def motto() -> str:
    """A motto."""
    return "Festina lente"


class Client:
    """`send()` takes a message of the client; `heard` has those that it was sent."""

    def __init__(self, endpoint=None, version="2025-11-25"):
        self.heard = []
        self.version = version
        self.connection = Connection(endpoint or local_endpoint(), self._hear)
        self._news = asyncio.Event()

    async def _hear(self, data):
        assert b"\n" not in data
        self.heard.append(json.loads(data))
        self._news.set()

    async def send(self, message):
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.connection.receive(read_line(raw, self.connection.endpoint.limits))

    async def hears(self, fits):
        """The first message that fits, once it is there."""
        async with asyncio.timeout(10):
            while not (found := [message for message in self.heard if fits(message)]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def result(self, request_id):
        return await self.hears(lambda message: message.get("id") == request_id and "method" not in message)

    async def call(self, name, request_id, /, **arguments):
        await self.send(wire.request("tools/call", {"name": name, "arguments": arguments}, request_id))

    async def initialize(self, **params):
        await self.send(wire.initialize(self.version, **params))
        await self.send(wire.notification())
        return self.heard[0]


def local_endpoint(user=None, **options):
    options = {"server": server, "public": True, **options}
    return LocalEndpoint(MCPView, options, "/mcp", {}, None if user is None else user.pk)


def talk(conversation, endpoint=None, version="2025-11-25"):
    """The result of a conversation. Its database work runs in this thread and transaction."""

    @asynccontextmanager
    async def connected():
        client = Client(endpoint, version)
        try:
            yield client
        finally:
            await client.connection.end(0)

    async def run():
        async with connected() as client:
            return await conversation(client)

    return async_to_sync(run)()
