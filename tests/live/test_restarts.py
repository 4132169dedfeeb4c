"""Processes come and go; a session stays, and its client misses nothing."""

import asyncio
import signal
from contextlib import aclosing

import pytest

from tests import wire
from tests.live.client import Client, answer_of, rest, until
from tests.live.cluster import Cluster

UPDATED = "notifications/resources/updated"
DIED = "The server process that ran this request has stopped"


def updates(events):
    return [event.message["params"]["uri"] for event in events if event.message.get("method") == UPDATED]


async def test_a_session_and_its_streams_outlive_the_restart_of_all_servers(four: Cluster, client: Client):
    first, second, third, fourth = four.servers
    await client.open(first)
    for number in range(3):
        subscribed = await client.request(second, "resources/subscribe", {"uri": f"note://{number}"})
        assert answer_of(subscribed)["result"] == {}
    standing = client.listen(third)
    assert (await anext(standing)).retry == 10
    running = client.call_streamed(fourth, "begin")
    [*_, begun] = await until(running, "notifications/message")
    await client.call(first, "touch", uri="note://0")
    heard = await until(standing, UPDATED)

    for server in four.servers:
        server.stop(signal.SIGKILL)
    for server in four.servers:
        server.start()

    # Another client's words, while this one is away.
    await (await Client(client.http).open(second)).call(second, "touch", uri="note://1")
    assert answer_of(await client.request(third, "ping"))["result"] == {}
    async with aclosing(client.listen(fourth, heard[-1].id)) as standing:
        heard += await until(standing, UPDATED)
        await client.call(first, "touch", uri="note://2")
        heard += await until(standing, UPDATED)
    assert updates(heard) == ["note://0", "note://1", "note://2"]
    [last] = [event.message for event in await rest(client.listen(second, begun.id)) if event.message]
    assert last == wire.error(-32603, DIED, last["id"])


async def test_a_call_whose_process_is_killed_is_answered_at_another(four: Cluster, client: Client):
    first, second, *_ = four.servers
    await client.open(first)
    running = client.call_streamed(first, "begin")
    primed = await anext(running)
    [begun] = await until(running, "notifications/message")

    first.stop(signal.SIGKILL)
    try:
        resumed = await rest(client.listen(second, primed.id))
    finally:
        first.start()

    told, last = [event.message for event in resumed if event.message]
    assert (
        told
        == begun.message
        == wire.notification("notifications/message") | {"params": {"level": "info", "data": "begun"}}
    )
    assert last == wire.error(-32603, DIED, last["id"])


async def test_the_stream_of_a_process_that_was_killed_is_taken_over_at_once(four: Cluster, client: Client):
    """Its client does not know where it was, and so cannot resume. While the process lives, nobody takes it."""
    first, second, third, _ = four.servers
    await client.open(first)
    standing = client.listen(first)
    await anext(standing)
    with pytest.raises(AssertionError, match="409"):
        await anext(client.listen(second))

    first.stop(signal.SIGKILL)
    try:
        async with aclosing(client.listen(second)) as taken:
            async with asyncio.timeout(2):
                await anext(taken)
            await client.request(third, "resources/subscribe", {"uri": "note://1"})
            await client.call(third, "touch", uri="note://1")
            assert updates(await until(taken, UPDATED)) == ["note://1"]
    finally:
        first.start()


async def test_a_server_that_stops_sends_its_clients_elsewhere(four: Cluster, client: Client):
    first, second, third, _ = four.servers
    await client.open(first)
    standing = client.listen(second)
    primed = await anext(standing)

    goodbye = asyncio.create_task(rest(standing))
    await asyncio.to_thread(second.stop)
    second.start()
    [farewell] = await goodbye
    assert (farewell.id, farewell.message, farewell.retry) == ("", {}, 10)

    await client.request(third, "resources/subscribe", {"uri": "note://1"})
    await client.call(third, "touch", uri="note://1")
    async with aclosing(client.listen(third, primed.id)) as resumed:
        assert updates(await until(resumed, UPDATED)) == ["note://1"]


async def test_a_stream_of_a_user_who_is_dismissed_is_closed(four: Cluster, client: Client):
    first, second, third, _ = four.servers
    four.manage(
        "shell",
        "-v0",
        "-c",
        "from django.contrib.auth.models import User; User.objects.create_user('ada', password='x')",
    )
    token = four.manage("drf_create_token", "ada").split()[-4]
    client.headers["Authorization"] = f"Token {token}"
    await client.open(first)
    standing = client.listen(second)
    await anext(standing)

    await (await Client(client.http).open(third)).call(third, "dismiss", username="ada")

    assert await rest(standing) == []
    assert (await client.request(first, "ping")).status_code == 401
