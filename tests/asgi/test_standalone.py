"""The GET of a handshake session: what its stream says, and what ends it."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from django.utils import timezone

from django_mcp.asgi import standalone as standalone_module
from django_mcp.asgi import stream as streams
from django_mcp.asgi.handler import consumer_of
from django_mcp.asgi.standalone import MCPConsumer, take_over
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.execution.threads import hop
from django_mcp.models import Session
from django_mcp.protocol import sse
from django_mcp.storage import events, sessions, standalone
from django_mcp.storage.standalone import OpenStream, StreamUpdate
from tests.asgi.connections import (
    CLOSED,
    NOTE,
    OPENED,
    TOOLS_CHANGED,
    UPDATED,
    Connection,
    change,
    on_a_loop,
    open_session,
    publish,
    standalone_stream,
)

pytestmark = pytest.mark.django_db


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
    assert standalone.last_position(session.pk) == events.Position("s", 1, 1)


def test_a_stream_that_is_opened_again_goes_on_where_the_last_one_was():
    session = open_session()
    standalone.publish(session.pk, NOTE)
    standalone.release(OpenStream(session.pk, "test", "user:1", "", events.Position("s", 1)))
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


def test_a_stream_whose_holder_lives_is_left_to_it():
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(b"retry")
        another = StandaloneStream(session, events.Position("s", 0), "another", is_taken=False)
        assert await take_over(another) is None
        await hop(publish, session)
        await connection.has(sse.encode(NOTE, "s:2.0"))
        await connection.hangs_up()
        return await take_over(another)

    taken = on_a_loop(talk)
    assert (taken.position, taken.holder, taken.is_taken) == (events.Position("s", 2), "another", True)


def test_a_stream_that_its_holder_leaves_meanwhile_goes_on_after_what_the_holder_sent():
    """The client hung up and came back before the server had noticed it."""
    session = open_session()

    async def talk():
        first = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await first.has(b"retry")
        await hop(publish, session)
        await first.has(sse.encode(NOTE, "s:1.0"))
        another = StandaloneStream(session, events.Position("s", 0), "another", is_taken=False)
        await first.hangs_up()
        second = Connection(consumer_of(await take_over(another)))
        await second.has(b"retry")
        await hop(publish, session)
        await second.has(sse.encode(NOTE, "s:3.0"))
        return await second.hangs_up()

    assert on_a_loop(talk) == sse.prime("s:1.0", 7) + sse.encode(NOTE, "s:3.0")


def test_a_stream_whose_holder_does_not_answer_is_taken_over(monkeypatch):
    """Its process was killed, and its lease runs on."""
    monkeypatch.setattr(standalone_module, "ANSWER_SECONDS", 0.05)
    session = open_session()

    async def talk():
        await hop(standalone_stream, session, "dead")
        return await take_over(StandaloneStream(session, events.Position("s", 0), "living", is_taken=False))

    assert on_a_loop(talk)
    assert Session.objects.get().stream_holder == "living"


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


def test_a_stream_ends_with_the_credential_that_opened_it_and_the_client_may_come_back():
    session = open_session()

    async def talk():
        stream = await hop(standalone_stream, session)
        return await Connection(MCPConsumer(replace(stream, expires_at=timezone.now()))).ends()

    assert on_a_loop(talk).endswith(sse.retry(7))
    assert Session.objects.get().stream_holder == ""
    assert sessions.resume(session.session_id, server="test", principal="user:1") is not None


def test_an_end_that_is_said_again_does_not_begin_anew():
    """Otherwise each repetition would give a client that does not read more time."""
    session = open_session()

    async def talk():
        consumer = MCPConsumer(await hop(standalone_stream, session))
        connection = Connection(consumer)
        await connection.has(b"retry")
        consumer.deliver(StreamUpdate(consumer.open_stream.position, is_over=True))
        first = consumer._writing
        consumer.deliver(StreamUpdate(consumer.open_stream.position, is_over=True))
        consumer.close()
        assert consumer._writing is first
        await connection.ends()

    on_a_loop(talk)


def test_a_stream_that_hears_only_what_it_does_not_want_is_kept_alive(settings):
    """The time since the last byte counts, and not that since the last change."""
    settings.MCP_KEEPALIVE_SECONDS = 0.1
    session = open_session()

    async def talk():
        connection = Connection(MCPConsumer(await hop(standalone_stream, session)))
        await connection.has(b"retry")
        heard = 0
        async with asyncio.timeout(10):
            while heard < 3 or sse.KEEPALIVE * 2 not in connection.body:
                await hop(change, UPDATED, "note://1")
                heard += 1
                await asyncio.sleep(0.001)
        await connection.hangs_up()

    on_a_loop(talk)
