"""A client's end of a request stream, for tests of both carriers."""

import asyncio
import json

from asgiref.sync import async_to_sync

from django_mcp.asgi.request_stream import ASGIRequestStream
from django_mcp.execution.threads import hop
from django_mcp.models import Event
from django_mcp.primitives.asking import Question
from django_mcp.protocol import sse
from django_mcp.protocol.replies import Reply
from django_mcp.storage import sessions
from tests import wire

LATEST = "2025-11-25"
OPENED = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(a.lower().encode(), b.encode()) for a, b in sse.HEADERS],
}
CLOSED = {"type": "http.response.body", "body": b""}
REPLY = Reply(200, json.dumps(wire.answer({})).encode())
ROOTS = Question("roots/list", {}, {"roots": {}})


def note(number):
    """A notification as it is stored and sent."""
    return f'{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":{number}}}}}'


def say(request_stream, *numbers):
    for number in numbers:
        request_stream.notify("notifications/message", {"data": number})


def open_session(version=LATEST):
    return sessions.open(
        server="test",
        principal="user:1",
        user=None,
        protocol_version=version,
        client_info={"name": "test", "version": "1"},
        client_capabilities={"roots": {}},
    )


class Client:
    """The server's end of a connection: what was sent to it, and how it fails."""

    def __init__(self):
        self.sent = []
        self.failure = None
        self.hangs = False
        self.gone = asyncio.Event()
        self.stored = []
        self.counts = False

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        if self.counts:
            self.stored.append(await hop(Event.objects.count))
        self.sent.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)


def make(client, session=None):
    request_stream = ASGIRequestStream(client.receive, client.send)
    request_stream.identify(1, "handshake" if session else "modern")
    request_stream.client = client
    if session is not None:
        request_stream.bind(session)
    request_stream.accept()
    request_stream.begin()
    return request_stream


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def until_stored(condition):
    async with asyncio.timeout(10):
        while not (found := await hop(condition)):
            await asyncio.sleep(0.001)
    return found


def on_a_loop(talk, *args):
    """The result of a conversation on an event loop. Its database work runs in this thread and transaction."""
    return async_to_sync(talk)(*args)


def stored():
    return list(Event.objects.order_by("sequence").values_list("sequence", "message", "is_last"))
