"""Streams of one event loop are read for together: each gets its own news, once, and a busy one waits its turn."""

import asyncio

import pytest

from django_mcp.asgi import reader as reader_module
from django_mcp.asgi.reader import Reader
from django_mcp.bus import bell
from django_mcp.execution.threads import hop
from django_mcp.storage import standalone
from django_mcp.storage.events import STANDALONE, Position, Stored
from django_mcp.storage.standalone import OpenStream, StreamUpdate


class Stream:
    """A stream that hears, and is busy when it is told to be."""

    def __init__(self, number):
        self.open_stream = OpenStream(number, "test", "user:1", "holder", Position(STANDALONE, 0))
        self.heard = []
        self.is_busy = False
        self.signs = 0
        self.is_over = False
        self.rights = True

    def is_admitted(self):
        return self.rights

    def only_readable(self, news):
        return news

    def deliver(self, news):
        self.is_over = self.is_over or news.is_over
        self.heard += [stored.message for stored in news.stored]
        self.open_stream = OpenStream(self.open_stream.session_pk, "test", "user:1", "holder", news.position)

    def keep_alive(self):
        self.signs += 1


@pytest.fixture
def store(monkeypatch, settings):
    """Messages by session, and the portions in which they were asked for."""
    messages, portions = {}, []

    def read(streams):
        portions.append([stream.session_pk for stream in streams])
        return [news(stream) for stream in streams]

    def news(stream):
        after = stream.position.event
        said = messages.get(stream.session_pk, [])[after : after + 2]
        stored = [Stored(Position(STANDALONE, after + number), text) for number, text in enumerate(said, 1)]
        return StreamUpdate(Position(STANDALONE, after + len(said)), stored, has_more=len(said) == 2)

    monkeypatch.setattr(standalone, "read", read)
    monkeypatch.setattr(standalone, "renew", lambda streams: [news(stream) for stream in streams])
    monkeypatch.setattr(bell, "get_channel_layer", lambda: None)
    settings.MCP_POLL_SECONDS = 600
    settings.MCP_KEEPALIVE_SECONDS = 600
    return messages, portions


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_each_stream_hears_its_own_from_where_it_is(store):
    messages, _ = store
    messages |= {1: ["a", "b", "c", "d", "e"], 2: ["x"]}
    reader, one, two = Reader(), Stream(1), Stream(2)
    await reader.add(one)
    await reader.add(two)
    await until(lambda: len(one.heard) == 5 and two.heard)

    messages[2].append("y")
    bell.ring([bell.session_group(2)])
    await until(lambda: len(two.heard) == 2)

    assert (one.heard, two.heard) == (["a", "b", "c", "d", "e"], ["x", "y"])
    for stream in (one, two):
        reader.remove(stream)


async def test_a_change_of_a_server_is_one_read_for_all_of_its_streams(store):
    _, portions = store
    reader, streams = Reader(), [Stream(number) for number in range(5)]
    for stream in streams:
        await reader.add(stream)
    await until(lambda: portions and not reader._rung)
    portions.clear()

    bell.ring([bell.server_group("test")])
    await until(lambda: portions)

    assert [sorted(portion) for portion in portions] == [[0, 1, 2, 3, 4]]
    for stream in streams:
        reader.remove(stream)


async def test_a_stream_that_still_writes_is_read_for_when_it_has_written(store):
    messages, _ = store
    reader, stream = Reader(), Stream(1)
    stream.is_busy = True
    await reader.add(stream)
    messages[1] = ["a"]
    bell.ring([bell.session_group(1)])
    await asyncio.sleep(0.01)
    assert stream.heard == []

    stream.is_busy = False
    reader.wake()
    await until(lambda: stream.heard == ["a"])
    reader.remove(stream)


async def test_streams_are_renewed_and_give_a_sign_of_life(store, settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.002
    messages, _ = store
    reader, stream = Reader(), Stream(1)
    await reader.add(stream)
    await until(lambda: stream.signs)

    # Nobody rings: what a renewal finds is heard too.
    messages[1] = ["a"]
    await until(lambda: stream.heard == ["a"])
    reader.remove(stream)


async def test_a_session_that_expires_sooner_than_a_keep_alive_is_renewed_in_time(store, settings):
    settings.MCP_SESSION_TTL_SECONDS = 0.004
    reader, stream = Reader(), Stream(1)
    await reader.add(stream)

    await until(lambda: stream.signs > 2)
    reader.remove(stream)


async def test_the_stream_of_one_who_lost_the_rights_ends_and_is_not_renewed(store, settings, monkeypatch):
    settings.MCP_KEEPALIVE_SECONDS = 0.002
    reader, stays, goes = Reader(), Stream(1), Stream(2)
    goes.rights = False
    renew, renewed = standalone.renew, []
    monkeypatch.setattr(standalone, "renew", lambda streams: renewed.append(streams) or renew(streams))
    await reader.add(stays)
    await reader.add(goes)

    await until(lambda: goes.is_over)

    assert not stays.is_over
    await until(lambda: renewed)
    assert [held.session_pk for held in renewed[0]] == [1]
    reader.remove(stays)
    reader.remove(goes)


async def test_what_was_written_during_a_renewal_is_not_heard_again(store, settings, monkeypatch):
    """The stream was busy when the renewal read its position, and is free when the news arrive."""
    settings.MCP_KEEPALIVE_SECONDS = 0.002
    messages, _ = store
    reader, stream = Reader(), Stream(1)
    renew, once = standalone.renew, iter([True])

    def renew_late(streams):
        news = renew(streams)
        for _ in once:
            stream.deliver(news[0])
            stream.is_busy = False
        return news

    monkeypatch.setattr(standalone, "renew", renew_late)
    stream.is_busy = True
    await reader.add(stream)
    messages[1] = ["a"]
    await until(lambda: stream.signs > 3)

    assert stream.heard == ["a"]
    reader.remove(stream)


async def test_a_read_that_fails_is_tried_again(store, settings, monkeypatch, caplog):
    settings.MCP_POLL_SECONDS = 0.001
    messages, _ = store
    messages[1] = ["a"]
    read, failures = standalone.read, iter([OSError("away")])

    def fail_once(streams):
        for failure in failures:
            raise failure
        return read(streams)

    monkeypatch.setattr(standalone, "read", fail_once)
    monkeypatch.setattr(bell.Poller, "poll", lambda self, groups: asyncio.sleep(0, []))
    reader, stream = Reader(), Stream(1)
    await reader.add(stream)
    await until(lambda: stream.heard == ["a"])

    assert "Reading for 1 streams failed: OSError('away')" in caplog.text
    reader.remove(stream)


async def test_a_database_that_is_away_is_asked_once_in_an_interval(store, monkeypatch, caplog):
    reads = []

    def fail(streams):
        reads.append(len(streams))
        raise OSError("away")

    monkeypatch.setattr(standalone, "read", fail)
    monkeypatch.setattr(bell.Poller, "poll", lambda self, groups: asyncio.sleep(0, []))
    reader, stream = Reader(), Stream(1)
    await reader.add(stream)
    await until(lambda: "Reading for 1 streams failed" in caplog.text)
    for _ in range(5):
        await hop(lambda: None)

    assert reads == [1]
    reader.remove(stream)


async def test_who_was_removed_hears_no_more(store):
    reader, stream = Reader(), Stream(1)
    await reader.add(stream)
    reader.remove(stream)

    bell.ring([bell.session_group(1)])
    await asyncio.sleep(0.01)

    assert (stream.heard, reader._tasks) == ([], [])


async def test_an_event_loop_has_one_reader():
    assert reader_module.reader() is reader_module.reader()
