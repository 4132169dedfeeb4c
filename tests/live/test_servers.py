"""The other ASGI servers that a project may have: each is started, called, and told to stop while a stream is open."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.live.client import Client, rest
from tests.live.cluster import SECONDS, cluster
from tests.live_site import skip_without

SERVERS = {
    # In one process. With workers, hypercorn stops them by an event of its own and without a signal, so their streams
    # are cut when its graceful timeout is over; clients resume all the same.
    "hypercorn": "hypercorn tests.live.asgi:application --workers 0 --bind fd://{fd}",
    "daphne": "daphne tests.live.asgi:application --fd {fd}",
    # It takes no socket that listens already.
    "granian": "granian tests.live.asgi:application --interface asgi --host 127.0.0.1 --port {port}",
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_answers_a_call_and_ends_its_streams_when_it_is_told_to_stop(
    name: str, tmp_path: Path, client: Client
):
    if find_spec(name) is None:
        skip_without(f"{name} is not installed")
    with cluster(tmp_path, 1, SERVERS[name]) as servers:
        [server] = servers.servers
        await client.open(server)
        assert isinstance(await client.call(server, "whose"), int)
        standing = client.listen(server)
        assert (await anext(standing)).retry == 10

        goodbye = asyncio.create_task(rest(standing))
        async with asyncio.timeout(SECONDS):
            await asyncio.to_thread(server.stop)
            [farewell] = await goodbye

    assert (farewell.id, farewell.message, farewell.retry) == ("", {}, 10)
