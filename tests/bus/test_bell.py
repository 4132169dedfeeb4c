"""The bell: who is rung, from where, and what is left when the channel layer fails."""

import asyncio
import sys
import threading
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer

from django_mcp.bus import bell
from django_mcp.execution.kept_loop import kept_loop
from django_mcp.execution.loops import serving_loop

GROUP = bell.session_group(7)


class Layer:
    """A channel layer that spans processes, as far as anybody can tell, and fails when it is told to."""

    def __init__(self):
        self.sent = []
        self.groups = []
        self.left = []
        self.failure = None
        self.channels = 0
        self.reads = 0
        self.inbox = asyncio.Queue()

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
        self.reads += 1
        return await self.inbox.get()


def ring_of(group, process=bell.PROCESS):
    return {"type": "mcp.ring", "group": group, "process": process}


def use(monkeypatch, layer):
    monkeypatch.setattr(bell, "get_channel_layer", lambda: layer)
    return layer


@pytest.fixture
def layer(monkeypatch):
    return use(monkeypatch, Layer())


@pytest.fixture
def memory(monkeypatch):
    return use(monkeypatch, InMemoryChannelLayer())


# Groups


# Ringing


def test_nobody_is_rung_without_a_layer(monkeypatch):
    use(monkeypatch, None)

    bell.ring([GROUP])


def test_code_without_a_loop_rings_for_other_processes(layer):
    bell.ring([GROUP, "other"])

    assert [(group, message) for group, message, _ in layer.sent] == [
        (GROUP, ring_of(GROUP)),
        ("other", ring_of("other")),
    ]


def test_rings_are_left_out_where_no_loop_can_send_them(layer, monkeypatch, caplog):
    monkeypatch.setattr(kept_loop, "_running", None)
    monkeypatch.setitem(sys.modules, "gevent.monkey", SimpleNamespace(is_module_patched=lambda name: True))

    bell.ring([GROUP])

    assert layer.sent == []
    assert "listeners will poll the database" in caplog.text


async def sent_something(layer):
    async with asyncio.timeout(10):
        while not layer.sent:
            await asyncio.sleep(0.001)


async def test_code_on_a_loop_rings_there(layer):
    bell.ring([GROUP])
    await sent_something(layer)

    assert layer.sent == [(GROUP, ring_of(GROUP), asyncio.get_running_loop())]


async def test_a_thread_rings_on_the_loop_that_serves(layer):
    loop = asyncio.get_running_loop()

    def work():
        serving_loop.set(loop)
        bell.ring([GROUP])

    threading.Thread(target=work).start()
    await sent_something(layer)

    assert layer.sent == [(GROUP, ring_of(GROUP), loop)]


def test_a_failing_layer_does_not_fail_what_rings(layer, caplog):
    layer.failure = OSError("gone")

    bell.ring([GROUP])

    assert "Ringing failed (OSError('gone'))" in caplog.text


def test_code_that_an_async_caller_waits_for_rings_on_its_loop(layer):
    async def serve():
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: (serving_loop.set(loop), bell.ring([GROUP])))
        await sent_something(layer)
        return loop

    loop = async_to_sync(serve)()

    assert layer.sent == [(GROUP, ring_of(GROUP), loop)]


# Listening


@pytest.fixture
def looks(monkeypatch):
    """A list of the results of the next polls, in their order. Further polls find nothing."""
    found = []

    class Poller:
        async def poll(self, groups):
            looked.append(sorted(groups))
            return found.pop(0) if found else []

    looked = []
    monkeypatch.setattr(bell, "Poller", Poller)
    return found, looked


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_bell_hears_its_groups_and_no_others(monkeypatch, looks):
    use(monkeypatch, None)
    async with bell.Wakeup([GROUP, bell.server_group("a")]) as wakeup:
        bell.ring([bell.server_group("a")])
        assert await wakeup.wait(10)

        bell.ring([bell.session_group(8)])
        assert not await wakeup.wait(0.01)


async def test_a_bell_that_is_rung_before_it_waits_has_heard_it(memory, looks):
    async with bell.Wakeup([GROUP]) as wakeup:
        bell.ring([GROUP])
        await asyncio.sleep(0)

        assert await wakeup.wait(10)


async def test_a_bell_is_rung_from_a_thread_that_knows_no_loop(memory, looks):
    async with bell.Wakeup([GROUP]) as wakeup:
        threading.Thread(target=bell.ring, args=([GROUP],)).start()

        assert await wakeup.wait(10)


async def test_what_other_processes_ring_for_is_heard_and_the_own_ring_not_twice(layer, looks):
    async with bell.Wakeup([GROUP]) as wakeup:
        layer.inbox.put_nowait(ring_of(GROUP))
        layer.inbox.put_nowait(ring_of("other", "another process"))
        assert not await wakeup.wait(0.01)

        layer.inbox.put_nowait(ring_of(GROUP, "another process"))
        assert await wakeup.wait(10)


async def test_a_process_has_one_channel_and_is_once_in_each_group(layer, looks):
    async with bell.Wakeup([GROUP]), bell.Wakeup([GROUP, "other"]):
        assert layer.groups == [(GROUP, "channel-1"), ("other", "channel-1")]

    await until(lambda: len(layer.left) == 2)
    assert sorted(layer.left) == [(GROUP, "channel-1"), ("other", "channel-1")]


async def test_a_process_stays_in_a_group_for_the_others_that_listen(layer, looks):
    async with bell.Wakeup([GROUP]):
        async with bell.Wakeup([GROUP]):
            pass
        await asyncio.sleep(0.01)
        assert layer.left == []


async def test_a_look_rings_for_what_it_finds(monkeypatch, settings, looks):
    settings.MCP_POLL_SECONDS = 0.001
    use(monkeypatch, None)
    found, looked = looks
    found += [[], ["other"], [GROUP]]

    async with bell.Wakeup([GROUP, "third"]) as wakeup:
        assert await wakeup.wait(10)

    assert looked[:3] == [sorted([GROUP, "third"])] * 3


async def test_a_look_that_fails_is_not_the_last(monkeypatch, settings, looks, caplog):
    settings.MCP_POLL_SECONDS = 0.001
    use(monkeypatch, None)
    found, _ = looks
    found += [None, [GROUP]]

    async with bell.Wakeup([GROUP]) as wakeup:
        assert await wakeup.wait(10)

    assert "Polling the database failed" in caplog.text


@pytest.mark.parametrize("failure", [TimeoutError(), type("TimeoutError", (Exception,), {})()])
async def test_a_layer_whose_read_ends_is_not_broken(layer, looks, caplog, failure):
    """A client library's own limit on a read; its TimeoutError need not be Python's."""
    failures = iter([failure])

    async def receive(channel):
        for one in failures:
            raise one
        return await layer.inbox.get()

    layer.receive = receive
    async with bell.Wakeup([GROUP]) as wakeup:
        assert not await wakeup.wait(0.01)
        layer.inbox.put_nowait(ring_of(GROUP, "another process"))
        assert await wakeup.wait(10)

    assert caplog.text == ""


async def test_a_layer_that_fails_rings_for_everybody_and_is_joined_again(layer, looks, settings, caplog):
    """Nobody knows which groups were rung while the layer was away."""
    settings.MCP_POLL_SECONDS = 0.01

    async with bell.Wakeup([GROUP]) as wakeup:
        await until(lambda: layer.reads)
        layer.failure = OSError("gone")
        layer.inbox.put_nowait(ring_of(GROUP))
        assert await wakeup.wait(10)

        layer.failure = None
        await until(lambda: layer.channels == 2)

    assert layer.groups == [(GROUP, "channel-1"), (GROUP, "channel-2")]
    assert "The channel layer failed (OSError('gone'))" in caplog.text


async def test_a_layer_that_is_down_at_first_is_joined_when_it_is_up(layer, looks, settings):
    settings.MCP_POLL_SECONDS = 0.001
    layer.failure = OSError("down")

    async with bell.Wakeup([GROUP]):
        layer.failure = None
        await until(lambda: layer.groups == [(GROUP, "channel-1")])


async def test_groups_are_joined_again_before_a_layer_forgets_them(layer, looks, settings, monkeypatch):
    settings.MCP_POLL_SECONDS = 0.001
    monkeypatch.setattr(bell, "JOIN_AGAIN_SECONDS", 0)

    async with bell.Wakeup([GROUP]):
        await until(lambda: layer.groups[1:2] == [(GROUP, "channel-1")])


async def test_a_layer_that_fails_at_the_end_fails_nobody(layer, looks):
    async with bell.Wakeup([GROUP]):
        layer.failure = OSError("gone")
    await asyncio.sleep(0.01)

    assert layer.left == []


async def test_who_comes_while_the_process_leaves_a_group_is_in_it(layer, looks):
    left = asyncio.Event()

    async def group_discard(group, channel):
        layer.left.append((group, channel))
        await left.wait()

    layer.group_discard = group_discard
    async with bell.Wakeup(["other"]):
        async with bell.Wakeup([GROUP]):
            pass
        await until(lambda: layer.left)
        async with bell.Wakeup([GROUP]):
            left.set()
            await until(lambda: len(layer.groups) == 4)

    assert layer.groups == [("other", "channel-1"), *[(GROUP, "channel-1")] * 3]


async def test_a_layer_that_hangs_keeps_no_listener_waiting(layer, looks, settings, monkeypatch):
    monkeypatch.setattr(bell, "JOIN_SECONDS", 0.01)
    settings.MCP_POLL_SECONDS = 0.01
    found, _ = looks
    goes_on = asyncio.Event()
    layer.group_add = lambda group, channel: goes_on.wait()

    async with bell.Wakeup([GROUP]) as first, bell.Wakeup([GROUP, "other"]) as second:
        found.append([GROUP])
        assert await first.wait(10)
        assert await second.wait(10)


async def test_rings_that_a_layer_is_slow_to_send_are_few_at_once_and_each_group_waits_once(layer, monkeypatch):
    monkeypatch.setattr(bell, "SENDS_LIMIT", 2)
    goes_on, begun = asyncio.Event(), []
    group_send = layer.group_send

    async def send_late(group, message):
        begun.append(group)
        await goes_on.wait()
        await group_send(group, message)

    layer.group_send = send_late
    for _ in range(2):
        for number in range(5):
            bell.ring([f"group-{number}"])
            for _ in range(5):
                await asyncio.sleep(0)
    assert begun == ["group-0", "group-1"]

    goes_on.set()
    # The first two were rung again after their sends had begun.
    await until(lambda: len(layer.sent) == 7)
    assert sorted(group for group, _, _ in layer.sent) == [f"group-{number}" for number in (0, 0, 1, 1, 2, 3, 4)]


def test_code_without_a_loop_waits_for_a_layer_that_hangs_for_a_short_time_only(layer, monkeypatch, caplog):
    monkeypatch.setattr(bell, "SEND_SECONDS", 0.01)
    layer.group_send = lambda group, message: asyncio.Event().wait()

    bell.ring([GROUP])

    assert "Ringing failed (TimeoutError())" in caplog.text


async def test_a_layer_that_hangs_and_then_fails_is_joined_again(layer, looks, settings, monkeypatch, caplog):
    monkeypatch.setattr(bell, "JOIN_SECONDS", 0.01)
    settings.MCP_POLL_SECONDS = 0.01
    group_add = layer.group_add
    layer.group_add = lambda group, channel: asyncio.Event().wait()

    async with bell.Wakeup([GROUP]):
        await until(lambda: layer.reads)
        layer.failure = OSError("gone")
        layer.inbox.put_nowait(ring_of(GROUP))
        await until(lambda: "gone" in caplog.text)
        layer.group_add = group_add
        layer.failure = None
        await until(lambda: layer.groups == [(GROUP, "channel-2")])


async def test_a_listener_that_is_cancelled_before_it_has_joined_is_forgotten(layer, looks):
    layer.group_add = lambda group, channel: asyncio.Event().wait()
    listening = asyncio.create_task(bell.listen([GROUP], print))
    await until(lambda: layer.channels)

    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening

    assert bell._listeners_of_loops[asyncio.get_running_loop()]._listeners == {}


async def test_listeners_that_come_at_once_share_one_channel(layer, looks):
    opened = asyncio.Event()
    new_channel = layer.new_channel

    async def open_slowly():
        await opened.wait()
        return await new_channel()

    layer.new_channel = open_slowly
    wakeups = [bell.Wakeup([f"group-{number}"]) for number in range(5)]
    entering = asyncio.gather(*(wakeup.__aenter__() for wakeup in wakeups))
    await asyncio.sleep(0)
    opened.set()
    await entering

    assert sorted(layer.groups) == [(f"group-{number}", "channel-1") for number in range(5)]
    layer.inbox.put_nowait(ring_of("group-0", "another process"))
    assert await wakeups[0].wait(10)
    for wakeup in wakeups:
        await wakeup.__aexit__(None, None, None)


async def test_a_process_that_listens_again_has_a_new_channel(layer, looks):
    """A layer may forget a channel that nobody reads."""
    for _ in range(2):
        async with bell.Wakeup([GROUP]):
            pass

    assert layer.groups == [(GROUP, "channel-1"), (GROUP, "channel-2")]
