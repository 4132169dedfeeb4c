"""A GET that resumes the stream of a POST."""

import asyncio
import json
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError
from django.utils import timezone

from django_mcp.asgi.handler import consumer_of
from django_mcp.bus import bell
from django_mcp.endpoint.exchange import StandaloneStream
from django_mcp.execution.threads import hop
from django_mcp.models import Session
from django_mcp.protocol import sse
from django_mcp.storage import events
from tests.asgi.connections import (
    NOTE,
    Connection,
    on_a_loop,
    open_session,
    wait_until,
)

pytestmark = pytest.mark.django_db


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


def test_a_stream_that_hears_only_what_it_does_not_want_is_kept_alive(settings):
    """The time since the last byte counts, and not that since the last change."""
    settings.MCP_KEEPALIVE_SECONDS = 0.3
    session = open_session()

    async def talk():
        connection = Connection(consumer_of(await hop(post_stream, session)))
        await connection.has(NOTE.encode())
        heard = 0
        async with asyncio.timeout(10):
            while heard < 3 or sse.KEEPALIVE * 2 not in connection.body:
                await hop(bell.ring, [bell.session_group(session.pk)])
                heard += 1
                await asyncio.sleep(0.001)
        await connection.hangs_up()

    on_a_loop(talk)


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


def test_a_replay_goes_on_after_the_database_was_away(monkeypatch, caplog):
    session = open_session()
    reply = '{"jsonrpc":"2.0","id":1,"result":{}}'
    read_after, failures = events.read_after, iter([OperationalError("away")])

    def fail_once(*args):
        for failure in failures:
            raise failure
        return read_after(*args)

    monkeypatch.setattr(events, "read_after", fail_once)

    async def talk():
        connection = Connection(consumer_of(await hop(post_stream, session)))
        await wait_until(lambda: "away" in caplog.text)
        await hop(partial(events.append, session.pk, "key", 2, [reply], is_last=True))
        await hop(bell.ring, [bell.session_group(session.pk)])
        return await connection.ends()

    assert on_a_loop(talk) == b"".join([sse.prime("key:0", 7), sse.encode(NOTE, "key:1"), sse.encode(reply, "key:2")])


def test_a_replay_ends_when_its_client_resumes_the_stream_on_another_connection():
    session = open_session()

    async def talk():
        stream = await hop(post_stream, session)
        first = Connection(consumer_of(stream))
        await first.has(sse.encode(NOTE, "key:1"))
        second = Connection(consumer_of(stream))
        await second.has(sse.encode(NOTE, "key:1"))
        return await first.ends(), await second.hangs_up()

    lines = sse.prime("key:0", 7) + sse.encode(NOTE, "key:1")
    assert on_a_loop(talk) == (lines + sse.retry(7), lines)


def test_replays_of_two_streams_stay_open_together():
    session = open_session()

    def another_stream():
        events.open_stream(session.pk, "another", 2)
        events.append(session.pk, "another", 0, ["", NOTE])
        return StandaloneStream(session, events.Position("another", 0), "")

    async def talk():
        first = Connection(consumer_of(await hop(post_stream, session)))
        await first.has(sse.encode(NOTE, "key:1"))
        second = Connection(consumer_of(await hop(another_stream)))
        await second.has(sse.encode(NOTE, "another:1"))
        await hop(partial(events.append, session.pk, "key", 2, [NOTE]))
        await hop(bell.ring, [bell.session_group(session.pk)])
        await first.has(sse.encode(NOTE, "key:2"))
        return await first.hangs_up(), await second.hangs_up()

    assert on_a_loop(talk) == (
        sse.prime("key:0", 7) + sse.encode(NOTE, "key:1") + sse.encode(NOTE, "key:2"),
        sse.prime("another:0", 7) + sse.encode(NOTE, "another:1"),
    )
