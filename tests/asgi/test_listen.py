"""A modern client's `subscriptions/listen`: what it hears, and what ends it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from django_mcp.asgi import listen as listen_module
from django_mcp.asgi import stream as streams
from django_mcp.asgi.listen import listeners
from django_mcp.asgi.standalone import MCPConsumer
from django_mcp.bus import bell
from django_mcp.execution.threads import hop
from django_mcp.protocol import sse
from django_mcp.storage import changes
from tests.asgi.connections import (
    TAG,
    TOOLS_CHANGED,
    UPDATED,
    Admitted,
    Connection,
    acknowledged,
    change,
    listen,
    on_a_loop,
    open_session,
    said,
    standalone_stream,
    wait_until,
)

pytestmark = pytest.mark.django_db


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


def test_notifications_of_extensions_are_made_when_they_are_delivered_and_for_who_may_have_them():
    loans, all_loans = "notifications/loans", "notifications/loans/all"

    async def talk():
        wishes = {loans: ["Emma", "Hidden"], all_loans: True}
        connection = Connection(listen(extended=wishes, admission=Admitted(hidden=["Hidden"])))
        await connection.has(b"acknowledged")

        def happen():
            changes.record_change("test", loans, uri="Persuasion")
            changes.record_change("test", loans, uri="Hidden")
            changes.record_change("test", loans, uri="Emma", principal="user:2")
            changes.record_change("test", loans, uri="Emma", principal="user:1")
            change(all_loans)

        await hop(happen)
        await connection.has(all_loans.encode())
        return await connection.hangs_up()

    body = on_a_loop(talk).partition(b"\n\n")[2]
    assert body == said(loans, '"of":"Emma",') + said(all_loans, '"of":"",')


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


def test_a_subscription_of_one_who_would_be_admitted_no_more_is_closed(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    answers = [True, True, False]

    async def talk():
        return await Connection(listen(admission=Admitted(lambda: answers.pop(0)))).ends()

    body = on_a_loop(talk)
    assert body.startswith(acknowledged("{}") + sse.KEEPALIVE)
    assert body.removeprefix(acknowledged("{}")).replace(sse.KEEPALIVE, b"") == b""
    assert answers == []


def test_a_subscription_with_news_without_a_pause_is_closed_as_well(settings):
    """A stream that is never silent sends no keep-alive, at which it would notice that the server stops."""
    settings.MCP_KEEPALIVE_SECONDS = 0.05
    answers = [True, False]

    async def talk():
        connection = Connection(listen(toolsListChanged=True, admission=Admitted(lambda: answers.pop(0))))
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


def test_a_stream_that_hears_only_what_it_does_not_want_is_kept_alive(settings):
    """The time since the last byte counts, and not that since the last change."""
    settings.MCP_KEEPALIVE_SECONDS = 0.1

    async def talk():
        connection = Connection(listen(promptsListChanged=True))
        await connection.has(b"acknowledged")
        heard = 0
        async with asyncio.timeout(10):
            while heard < 3 or sse.KEEPALIVE * 2 not in connection.body:
                await hop(change)
                heard += 1
                await asyncio.sleep(0.001)
        await connection.hangs_up()

    on_a_loop(talk)


def test_a_subscription_goes_on_after_the_database_was_away(monkeypatch, caplog):
    access = Admitted()
    unreadable, failures = access.unreadable, iter([OperationalError("away")])

    def fail_once(uris):
        for failure in failures:
            raise failure
        return unreadable(uris)

    access.unreadable = fail_once

    async def talk():
        connection = Connection(listen(admission=access, resourceSubscriptions=["a://1"]))
        await connection.has(b"acknowledged")
        await hop(change, UPDATED, "a://1")
        await wait_until(lambda: "away" in caplog.text)
        await hop(bell.ring, [bell.server_group("test")])
        await connection.has(said(UPDATED, '"uri":"a://1",'))
        return await connection.hangs_up()

    heard = acknowledged('{"resourceSubscriptions":["a://1"]}') + said(UPDATED, '"uri":"a://1",')
    assert on_a_loop(talk) == heard
