"""The bell: who is rung, from where, and what is left when the channel layer fails."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, InMemoryChannelLayer

from django_mcp import bus
from django_mcp.loops import serving_loop

GROUP = bus.session_group(7)


class Layer:
    """A channel layer that spans processes, as far as anybody can tell, and fails when it is told to."""

    def __init__(self):
        self.sent = []
        self.groups = []
        self.left = []
        self.failure = None
        self.channels = 0

    def _fail(self):
        if self.failure is not None:
            raise self.failure

    async def new_channel(self):
        self._fail()
        self.channels += 1
        return f"channel-{self.channels}"

    async def group_add(self, group, channel):
        self.groups.append((group, channel))

    async def group_discard(self, group, channel):
        self._fail()
        self.left.append((group, channel))

    async def group_send(self, group, message):
        self._fail()
        self.sent.append((group, message, asyncio.get_running_loop()))

    async def receive(self, channel):
        self._fail()
        await asyncio.Event().wait()


def use(monkeypatch, layer):
    monkeypatch.setattr(bus, "get_channel_layer", lambda: layer)
    return layer


@pytest.fixture
def layer(monkeypatch):
    return use(monkeypatch, Layer())


@pytest.fixture
def memory(monkeypatch):
    return use(monkeypatch, InMemoryChannelLayer())


# Groups


@pytest.mark.parametrize("name", ["airports", "Airports of the world", "plans/ä:🛫", "x" * 500, ""])
def test_a_servers_group_is_legal_whatever_its_name(name):
    assert BaseChannelLayer().require_valid_group_name(bus.server_group(name))


def test_groups_are_told_apart():
    names = [bus.server_group("a"), bus.server_group("b"), bus.session_group(1), bus.session_group(2**63 - 1)]

    assert len(set(names)) == 4
    assert all(BaseChannelLayer().require_valid_group_name(name) for name in names)


# How often to look


@pytest.mark.parametrize(
    ("kind", "spans", "seconds"), [(lambda: None, False, 3), (InMemoryChannelLayer, False, 3), (Layer, True, 9)]
)
def test_a_listener_looks_often_where_no_ring_comes_from_other_processes(monkeypatch, settings, kind, spans, seconds):
    settings.MCP_POLL_SECONDS, settings.MCP_KEEPALIVE_SECONDS = 3, 9
    use(monkeypatch, kind())

    assert (bus.spans_processes(), bus.look_interval()) == (spans, seconds)


# Ringing


def test_nobody_is_rung_without_a_layer(monkeypatch):
    use(monkeypatch, None)

    bus.ring([GROUP])


def test_nobody_is_rung_where_no_loop_could_listen(memory, monkeypatch):
    async def fail(group, message):
        raise AssertionError("rung")

    monkeypatch.setattr(memory, "group_send", fail)

    bus.ring([GROUP])


def test_code_without_a_loop_rings_for_other_processes(layer):
    bus.ring([GROUP, "other"])

    assert [(group, message) for group, message, _ in layer.sent] == [(GROUP, bus.RING), ("other", bus.RING)]


async def sent_something(layer):
    async with asyncio.timeout(10):
        while not layer.sent:
            await asyncio.sleep(0.001)


async def test_code_on_a_loop_rings_there(layer):
    bus.ring([GROUP])
    await sent_something(layer)

    assert layer.sent == [(GROUP, bus.RING, asyncio.get_running_loop())]


async def test_a_thread_rings_on_the_loop_that_serves(layer):
    loop = asyncio.get_running_loop()

    def work():
        serving_loop.set(loop)
        bus.ring([GROUP])

    threading.Thread(target=work).start()
    await sent_something(layer)

    assert layer.sent == [(GROUP, bus.RING, loop)]


def test_a_failing_layer_does_not_fail_what_rings(layer, caplog):
    layer.failure = OSError("gone")

    bus.ring([GROUP])

    assert "Ringing failed (OSError('gone'))" in caplog.text


def test_code_that_an_async_caller_waits_for_rings_on_its_loop(layer):
    async def serve():
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: (serving_loop.set(loop), bus.ring([GROUP])))
        await sent_something(layer)
        return loop

    loop = async_to_sync(serve)()

    assert layer.sent == [(GROUP, bus.RING, loop)]


# Listening


async def test_a_bell_hears_its_groups_and_no_others(memory):
    async with bus.Bell([GROUP, bus.server_group("a")]) as bell:
        bus.ring([bus.server_group("a")])
        assert await bell.wait(10)

        bus.ring([bus.session_group(8)])
        assert not await bell.wait(0.01)


async def test_a_bell_that_is_rung_before_it_waits_has_heard_it(memory):
    async with bus.Bell([GROUP]) as bell:
        await memory.group_send(GROUP, bus.RING)

        assert await bell.wait(10)


async def test_a_bell_leaves_its_groups(memory):
    async with bus.Bell([GROUP]):
        assert list(memory.groups) == [GROUP]

    assert dict(memory.groups) == {}


async def test_without_a_layer_a_bell_lets_its_listener_look(monkeypatch, settings):
    settings.MCP_POLL_SECONDS = 0
    use(monkeypatch, None)

    async with bus.Bell([GROUP]) as bell:
        assert await bell.wait(600)


@pytest.mark.parametrize("failure", [TimeoutError(), type("TimeoutError", (Exception,), {})()])
async def test_a_layer_whose_read_ends_is_not_broken(layer, caplog, failure):
    """A client library's own limit on a read; its TimeoutError need not be Python's."""
    async with bus.Bell([GROUP]) as bell:
        layer.failure = failure
        assert not await bell.wait(600)
        layer.failure = None

    assert (caplog.text, layer.left) == ("", [(GROUP, "channel-1")])


async def test_a_layer_that_fails_lets_its_listener_look_and_is_joined_again(layer, settings, caplog):
    settings.MCP_POLL_SECONDS = 0

    async with bus.Bell([GROUP]) as bell:
        layer.failure = OSError("gone")
        assert await bell.wait(600)
        assert await bell.wait(600)
        assert layer.channels == 1

        layer.failure = None
        assert await bell.wait(600)
        assert not await bell.wait(0.01)

    assert layer.groups == [(GROUP, "channel-1"), (GROUP, "channel-2")]
    assert layer.left == [(GROUP, "channel-2")]
    assert "The channel layer failed (OSError('gone'))" in caplog.text


async def test_a_layer_that_is_down_at_first_is_joined_when_it_is_up(layer, settings):
    settings.MCP_POLL_SECONDS = 0
    layer.failure = OSError("down")

    async with bus.Bell([GROUP]) as bell:
        layer.failure = None
        assert await bell.wait(600)

        assert layer.groups == [(GROUP, "channel-1")]


async def test_a_layer_that_fails_at_the_end_fails_nobody(layer):
    async with bus.Bell([GROUP]):
        layer.failure = OSError("gone")

    assert layer.left == []
