"""The servers that a project may have: each is started, called, and told to stop while a call runs and a stream
is open.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live.client import Client, rest
from tests.live.cluster import SECONDS, Server, cluster
from tests.live_site import skip_without

GUNICORN = "gunicorn --config python:tests.live.gunicorn --bind fd://{fd} --graceful-timeout 20"

SERVERS = {
    "uvicorn": "uvicorn tests.live.asgi:application --fd {fd} --timeout-graceful-shutdown 20",
    # In one process. With workers, hypercorn stops them by an event of its own and without a signal, so their streams
    # are cut when its graceful timeout is over; clients resume all the same.
    "hypercorn": "hypercorn tests.live.asgi:application --workers 0 --bind fd://{fd} --graceful-timeout 20",
    "daphne": "daphne tests.live.asgi:application --fd {fd}",
    # It takes no socket that listens already.
    "granian": "granian tests.live.asgi:application --interface asgi --host 127.0.0.1 --port {port}",
    "uvicorn_worker": f"{GUNICORN} tests.live.asgi:application --worker-class uvicorn_worker.UvicornWorker",
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_that_is_told_to_stop_ends_its_streams_and_finishes_its_calls(
    name: str, tmp_path: Path, client: Client
):
    if find_spec(name) is None:
        skip_without(f"{name} is not installed")
    with cluster(tmp_path, 1, SERVERS[name]) as servers:
        [server] = servers.servers
        await client.open(server)
        standing = client.listen(server)
        assert (await anext(standing)).retry == 10
        call = await held(server, client, tmp_path)

        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        [farewell] = await rest(standing)
        assert (farewell.id, farewell.message, farewell.retry) == ("", {}, 10)
        (tmp_path / "go").touch()
        if name == "daphne":
            # It closes its connections at once, and waits for nothing.
            with pytest.raises(httpx.RemoteProtocolError):
                await call
        else:
            assert isinstance(await call, int)
        await stopping


@pytest.mark.parametrize(("application", "tool"), [("application", "hold"), ("lane", "hold_async")])
async def test_a_wsgi_server_that_is_told_to_stop_finishes_its_calls(
    tmp_path: Path, client: Client, application: str, tool: str
):
    if find_spec("gunicorn") is None:
        skip_without("gunicorn is not installed")
    with cluster(tmp_path, 1, f"{GUNICORN} tests.live.wsgi:{application} --threads 4") as servers:
        [server] = servers.servers
        await client.open(server)
        call = await held(server, client, tmp_path, tool)

        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await seen(lambda: "Handling signal: term" in server.log)
        (tmp_path / "go").touch()
        assert isinstance(await call, int)
        await stopping


async def held(server: Server, client: Client, folder: Path, tool: str = "hold") -> "asyncio.Task[Any]":
    """A call that has begun, and ends when there is a file `go` in the folder."""
    call = asyncio.create_task(client.call(server, tool, folder=str(folder)))
    await seen((folder / "begun").exists)
    return call


async def seen(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_true():
            await asyncio.sleep(0.01)
