"""The streams that stand open, over a connection that a test holds the other end of: what they say, and what ends
them.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_mcp.asgi import listen as listen_module
from django_mcp.asgi import stream as streams
from django_mcp.asgi.handler import consumer_of
from django_mcp.asgi.listen import ListenConsumer, listeners
from django_mcp.asgi.standalone import MCPConsumer
from django_mcp.bus import bell
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.execution.threads import hop
from django_mcp.methods.request import Listen
from django_mcp.models import EVERYBODY, Session
from django_mcp.protocol import sse
from django_mcp.storage import changes, events, sessions, standalone
from django_mcp.storage.standalone import Held, News

pytestmark = pytest.mark.django_db

OPENED = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(name.lower().encode(), value.encode()) for name, value in sse.HEADERS],
}
CLOSED = {"type": "http.response.body", "body": b"", "more_body": False}
TOOLS_CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
NOTE = '{"jsonrpc":"2.0","method":"notifications/message"}'


@pytest.fixture(autouse=True)
def looks_often(settings):
    settings.MCP_POLL_SECONDS = 0.01
    # Each test has an event loop of its own, and a layer over Redis keeps its connections to the loop that it began in.
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.MCP_RETRY_MILLISECONDS = 7


class Connection:
    """A client's connection to a stream. It hangs up when it is told to."""

    def __init__(self, consumer):
        self.sent = []
        self.gone = asyncio.Event()
        self.failure = None
        self.unread = [{"type": "http.request", "body": b"", "more_body": False}]
        self.serving = asyncio.create_task(consumer.serve({"type": "http", "method": "GET"}, self._receive, self._send))

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


def on_a_loop(talk):
    """What a conversation on an event loop comes to; its database work is done in this thread and transaction."""
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
    return StandaloneStream(session, standalone.delivered(session.pk), holder)


def change(method=TOOLS_CHANGED, uri="", principal=EVERYBODY):
    changes.record_change("test", method, uri=uri, principal=principal)
    bell.ring([bell.server_group("test")])


def publish(session, message=NOTE):
    standalone.publish(session.pk, message)
    bell.ring([bell.session_group(session.pk)])


# A session's standalone stream


@pytest.mark.parametrize(("version", "opening"), [("2025-11-25", sse.prime("s:0.0", 7)), ("2025-06-18", sse.KEEPALIVE)])
def test_a_stream_opens_at_once(version, opening):
    session = open_session(version)

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(opening)
        await connection.hangs_up()
        return connection.sent

    assert on_a_loop(talk) == [OPENED, {"type": "http.response.body", "body": opening, "more_body": True}]


def test_what_is_published_is_told_with_its_place():
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(sse.prime("s:0.0", 7))
        await hop(publish, session)
        await connection.has(sse.encode(NOTE, "s:1.0"))
        await hop(change)
        await connection.has(sse.encode(f'{{"jsonrpc":"2.0","method":"{TOOLS_CHANGED}"}}', "s:1.1"))
        await connection.hangs_up()

    on_a_loop(talk)
    assert standalone.delivered(session.pk) == events.Position("s", 1, 1)


def test_a_stream_that_is_opened_again_goes_on_where_the_last_one_was():
    session = open_session()
    standalone.publish(session.pk, NOTE)
    standalone.release(Held(session.pk, "test", "user:1", "", events.Position("s", 1)))
    standalone.publish(session.pk, NOTE)

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(sse.prime("s:1.0", 7) + sse.encode(NOTE, "s:2.0"))
        return await connection.hangs_up()

    assert on_a_loop(talk).count(b"data: {") == 1


def test_a_silent_stream_is_kept_alive(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(sse.KEEPALIVE * 2)
        await connection.hangs_up()

    on_a_loop(talk)


def test_a_stream_ends_with_its_session():
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(b"retry")
        await hop(partial(sessions.terminate, session.session_id, server="test", principal="user:1"))
        await connection.ends()
        return connection.sent[-1]

    assert on_a_loop(talk) == CLOSED


def test_a_stream_ends_when_another_connection_takes_it():
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session, "first")))
        await connection.has(b"retry")
        await hop(standalone_stream, session, "second")
        return await connection.ends()

    assert on_a_loop(talk) == sse.prime("s:0.0", 7)
    assert Session.objects.get().stream_holder == "second"


@pytest.mark.parametrize("how", ["hangs up", "fails"])
def test_a_client_that_goes_leaves_the_stream_to_others(how):
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(b"retry")
        if how == "hangs up":
            await connection.hangs_up()
        else:
            connection.failure = OSError("gone")
            await hop(publish, session)
            await connection.ends()

    on_a_loop(talk)
    assert standalone.take(session.pk, "next", force=False)


def test_a_server_that_stops_says_when_to_come_back():
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(b"retry")
        streams.close_all()
        return await connection.ends()

    assert on_a_loop(talk) == sse.prime("s:0.0", 7) + sse.retry(7)
    assert standalone.take(session.pk, "next", force=False)


def test_a_stream_that_opens_while_its_server_stops_is_closed_as_well():
    """Its client was quick to come back: the server still accepts connections, and would wait for this one."""
    session = open_session()

    async def talk():
        streams.close_all()
        return await Connection(MCPConsumer(await hop(standalone_stream, session))).ends()

    assert on_a_loop(talk) == sse.retry(7)
    assert standalone.take(session.pk, "next", force=False)


# The rest of a POST's stream


def post_stream(session):
    events.open_stream(session.pk, "key", 1)
    events.append(session.pk, "key", 0, ["", NOTE])
    return StandaloneStream(session, events.Position("key", 0), "")


def test_the_rest_of_a_posts_stream_ends_with_its_last_event():
    session = open_session()
    reply = '{"jsonrpc":"2.0","id":1,"result":{}}'

    async def talk():
        connection = Connection(consumer_of(await hop(post_stream, session)))
        await connection.has(sse.encode(NOTE, "key:1"))
        await hop(partial(events.append, session.pk, "key", 2, [reply], is_last=True))
        return await connection.ends()

    assert on_a_loop(talk) == b"".join([sse.prime("key:0", 7), sse.encode(NOTE, "key:1"), sse.encode(reply, "key:2")])


def test_a_client_that_reads_the_rest_of_a_stream_is_noted_as_there():
    session = open_session()
    long_ago = timezone.now() - timedelta(minutes=30)
    Session.objects.update(last_seen_at=long_ago)

    async def talk():
        connection = Connection(consumer_of(await hop(post_stream, session)))
        await connection.has(sse.encode(NOTE, "key:1"))
        await connection.hangs_up()

    on_a_loop(talk)
    assert Session.objects.get().last_seen_at > long_ago + timedelta(minutes=29)


def test_a_request_whose_process_died_is_answered(settings):
    settings.MCP_STREAM_LEASE_SECONDS = -1
    session = open_session()

    async def talk():
        return await Connection(consumer_of(await hop(post_stream, session))).ends()

    last = json.loads(on_a_loop(talk).decode().split("data: ")[-1])
    assert last == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32603, "message": "The server process that ran this request has stopped"},
    }


# A modern client's subscriptions

TAG = '"_meta":{"io.modelcontextprotocol/subscriptionId":5}'


def listen(*, expires_at=None, is_admitted=None, **honoured):
    caller = SimpleNamespace(principal=SimpleNamespace(key="user:1", expires_at=expires_at))
    request = SimpleNamespace(id=5, server=SimpleNamespace(name="test"), caller=caller)
    return ListenConsumer(Listen(request, honoured, frozenset(honoured.get("resourceSubscriptions", ()))), is_admitted)


def said(method, params=""):
    return sse.encode(f'{{"jsonrpc":"2.0","method":"{method}","params":{{{params}{TAG}}}}}')


def acknowledged(honoured):
    return said("notifications/subscriptions/acknowledged", f'"notifications":{honoured},')


def test_a_subscription_is_acknowledged_first_and_nothing_is_replayed():
    change()

    async def talk():
        connection = Connection(listen(toolsListChanged=True))
        await connection.has(acknowledged('{"toolsListChanged":true}'))
        await hop(change)
        await connection.has(said(TOOLS_CHANGED))
        return await connection.hangs_up()

    assert on_a_loop(talk) == acknowledged('{"toolsListChanged":true}') + said(TOOLS_CHANGED)


def test_a_client_hears_what_it_asked_for_and_may_know():
    async def talk():
        connection = Connection(listen(toolsListChanged=True, resourceSubscriptions=["a://1", "a://2"]))
        await connection.has(b"acknowledged")

        def happen():
            changes.record_change("test", "notifications/prompts/list_changed")
            changes.record_change("other", TOOLS_CHANGED)
            changes.record_change("test", TOOLS_CHANGED, principal="user:2")
            changes.record_change("test", UPDATED, uri="a://3")
            changes.record_change("test", UPDATED, uri="a://1")
            changes.record_change("test", TOOLS_CHANGED, principal="user:1")
            change(UPDATED, "a://2")

        await hop(happen)
        await connection.has(b'a://2",')
        return await connection.hangs_up()

    body = on_a_loop(talk).partition(b"\n\n")[2]
    assert body == said(UPDATED, '"uri":"a://1",') + said(TOOLS_CHANGED) + said(UPDATED, '"uri":"a://2",')


def test_a_server_that_stops_ends_a_subscription_with_its_result():
    """The result says that the end is no accident."""

    async def talk():
        connection = Connection(listen(toolsListChanged=True))
        await connection.has(b"acknowledged")
        streams.close_all()
        return await connection.ends()

    result = f'{{"jsonrpc":"2.0","id":5,"result":{{"resultType":"complete",{TAG}}}}}'
    assert on_a_loop(talk) == acknowledged('{"toolsListChanged":true}') + sse.encode(result)


def test_a_subscription_that_is_made_while_its_server_stops_ends_with_its_result():
    async def talk():
        streams.close_all()
        return await Connection(listen(toolsListChanged=True)).ends()

    result = f'{{"jsonrpc":"2.0","id":5,"result":{{"resultType":"complete",{TAG}}}}}'
    assert on_a_loop(talk) == acknowledged('{"toolsListChanged":true}') + sse.encode(result)


def test_a_silent_subscription_is_kept_alive(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01

    async def talk():
        connection = Connection(listen())
        await connection.has(sse.KEEPALIVE)
        await connection.hangs_up()

    on_a_loop(talk)


def test_open_subscriptions_are_counted_and_no_other_streams(monkeypatch):
    monkeypatch.setattr(streams, "open_streams", opened := set())
    monkeypatch.setattr(listen_module, "open_streams", opened)
    session = open_session()

    async def talk():
        subscription, stream = listen(), MCPConsumer(await hop(standalone_stream, session))
        connections = [Connection(subscription), Connection(stream)]
        await connections[0].has(b"acknowledged")
        await connections[1].has(b"retry")
        count = listeners()
        assert count == [subscription]
        for connection in connections:
            await connection.hangs_up()
        return listeners()

    assert on_a_loop(talk) == []


@pytest.mark.parametrize("left", [timedelta(milliseconds=10), -timedelta(seconds=1)])
def test_a_subscription_ends_with_the_credential_that_opened_it(left):
    async def talk():
        return await Connection(listen(toolsListChanged=True, expires_at=timezone.now() + left)).ends()

    assert b'"resultType":"complete"' in on_a_loop(talk)


def test_a_stream_ends_with_the_credential_that_opened_it_and_the_client_may_come_back():
    session = open_session()

    async def talk():
        stream = await hop(standalone_stream, session)
        return await Connection(MCPConsumer(replace(stream, expires_at=timezone.now()))).ends()

    assert on_a_loop(talk).endswith(sse.retry(7))
    assert Session.objects.get().stream_holder == ""
    assert sessions.resume(session.session_id, server="test", principal="user:1") is not None


def test_a_subscription_of_one_who_would_be_admitted_no_more_is_closed(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    answers = [True, True, False]

    async def talk():
        return await Connection(listen(is_admitted=lambda: answers.pop(0))).ends()

    body = on_a_loop(talk)
    assert body.startswith(acknowledged("{}") + sse.KEEPALIVE)
    assert body.removeprefix(acknowledged("{}")).replace(sse.KEEPALIVE, b"") == b""
    assert answers == []


def test_a_subscription_with_news_without_a_pause_is_closed_as_well(settings):
    """It is never silent, so that no keep-alive would come."""
    settings.MCP_KEEPALIVE_SECONDS = 0.05
    answers = [True, False]

    async def talk():
        connection = Connection(listen(toolsListChanged=True, is_admitted=lambda: answers.pop(0)))
        async with asyncio.timeout(10):
            while not connection.serving.done():
                await hop(change)
                await asyncio.sleep(0.001)
        return connection.body

    assert said(TOOLS_CHANGED) in on_a_loop(talk)
    assert answers == []


@pytest.mark.parametrize(
    "moment", [datetime(2000, 1, 1), datetime(2000, 1, 1, tzinfo=UTC), timezone.now() - timedelta(hours=1)]
)
def test_a_credential_says_its_end_with_a_time_zone_or_without(moment):
    async def talk():
        return await Connection(listen(expires_at=moment)).ends()

    assert b'"resultType":"complete"' in on_a_loop(talk)


def test_what_is_no_time_is_no_end():
    async def talk():
        connection = Connection(listen(expires_at="never"))
        await connection.has(acknowledged("{}"))
        return await connection.hangs_up()

    assert on_a_loop(talk) == acknowledged("{}")


def test_a_stream_that_fails_is_logged_and_ended(monkeypatch, caplog):
    monkeypatch.setattr(changes, "last_change", lambda server: 1 / 0)

    async def talk():
        return await Connection(listen()).ends()

    assert on_a_loop(talk) == b""
    assert "ZeroDivisionError" in caplog.text


def test_an_end_that_is_said_again_does_not_begin_anew():
    """Else a client that does not read would keep the stream for as long as it is told that it is over."""
    session = open_session()

    async def talk():
        consumer = MCPConsumer(await hop(standalone_stream, session))
        connection = Connection(consumer)
        await connection.has(b"retry")
        consumer.hear(News(consumer.held.position, is_over=True))
        first = consumer._writing
        consumer.hear(News(consumer.held.position, is_over=True))
        consumer.close()
        assert consumer._writing is first
        await connection.ends()

    on_a_loop(talk)
