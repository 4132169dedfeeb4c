"""A connection to an open stream whose other end a test holds, and what its client hears."""

import asyncio
from types import SimpleNamespace

from asgiref.sync import async_to_sync

from django_mcp.asgi.listen import ListenConsumer
from django_mcp.bus import bell
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.methods.request import Listen
from django_mcp.models import EVERYBODY
from django_mcp.protocol import sse
from django_mcp.storage import changes, sessions, standalone

OPENED = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(name.lower().encode(), value.encode()) for name, value in sse.HEADERS],
}
CLOSED = {"type": "http.response.body", "body": b"", "more_body": False}
TOOLS_CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
NOTE = '{"jsonrpc":"2.0","method":"notifications/message"}'


class Connection:
    """A client's connection to a stream. It hangs up when it is told to."""

    def __init__(self, consumer=None, *, application=None, scope=None, body=b""):
        """Served by a consumer, or by an application to which a request was sent."""
        self.sent = []
        self.gone = asyncio.Event()
        self.failure = None
        self.unread = [{"type": "http.request", "body": body, "more_body": False}]
        serve = application or consumer.serve
        scope = scope or {"type": "http", "method": "GET"}
        self.serving = asyncio.create_task(serve(scope, self._receive, self._send))

    async def _receive(self):
        if self.unread:
            return self.unread.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)

    async def has(self, chunk):
        async with asyncio.timeout(10):
            while chunk not in self.body:
                assert not self.serving.done()
                await asyncio.sleep(0.001)

    async def ends(self):
        await asyncio.wait_for(self.serving, 10)
        return self.body

    async def hangs_up(self):
        self.gone.set()
        return await self.ends()


async def wait_until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def on_a_loop(talk):
    """The result of a conversation on an event loop. Its database work runs in this thread and transaction."""
    return async_to_sync(talk)()


def open_session(version="2025-11-25"):
    return sessions.open(
        server="test",
        principal="user:1",
        user=None,
        protocol_version=version,
        client_info={"name": "test", "version": "1"},
        client_capabilities={},
    )


def standalone_stream(session, holder="h"):
    assert standalone.take(session.pk, holder, force=True)
    return StandaloneStream(session, standalone.last_position(session.pk), holder)


def change(method=TOOLS_CHANGED, uri="", principal=EVERYBODY):
    changes.record_change("test", method, uri=uri, principal=principal)
    bell.ring([bell.server_group("test")])


def publish(session, message=NOTE):
    standalone.publish(session.pk, message)
    bell.ring([bell.session_group(session.pk)])


TAG = '"_meta":{"io.modelcontextprotocol/subscriptionId":5}'


class Admitted:
    """The client of a stream, admitted for as long as `holds` says so, who may not read what is `hidden`."""

    def __init__(self, holds=lambda: True, hidden=()):
        self.holds = holds
        self.hidden = set(hidden)

    def unreadable(self, uris):
        return self.hidden.intersection(uris)

    def payload(self, notification, value):
        return None if value in self.hidden else {"of": value}


def listen(*, expires_at=None, admission=None, extended=None, **honoured):
    caller = SimpleNamespace(principal=SimpleNamespace(key="user:1", expires_at=expires_at))
    request = SimpleNamespace(id=5, server=SimpleNamespace(name="test"), caller=caller)
    subscribed = frozenset(honoured.get("resourceSubscriptions", ()))
    return ListenConsumer(Listen(request, honoured, subscribed, extended or {}), admission)


def said(method, params=""):
    return sse.encode(f'{{"jsonrpc":"2.0","method":"{method}","params":{{{params}{TAG}}}}}')


def acknowledged(honoured):
    return said("notifications/subscriptions/acknowledged", f'"notifications":{honoured},')
