"""A switch that is thrown in one place is obeyed in four processes within two seconds."""

import asyncio
import time
from contextlib import aclosing

import httpx
import pytest

from tests.live.client import Client, answer_of, until
from tests.live.cluster import SECONDS, Cluster

OBEYED_SECONDS = 10
LIST_CHANGED = "notifications/tools/list_changed"


@pytest.fixture(scope="session")
def token(four: Cluster) -> str:
    """Of a user of one's own. The only superuser is the operator."""
    for name in ("amelia", "grace"):
        four.manage("createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.com")
    return four.manage("drf_create_token", "amelia").split()[-4]  # "… Generated token … for user amelia"


async def throw(four: Cluster, *arguments: str) -> float:
    """Throws a switch by command, and returns when it was thrown."""
    await asyncio.to_thread(four.manage, "mcp_switch", *arguments, "--by", "grace")
    return time.monotonic()


async def tools(client: Client, server: object) -> list[str]:
    response = await client.request(server, "tools/list")  # type: ignore[arg-type]
    return [tool["name"] for tool in answer_of(response)["result"]["tools"]]


async def everywhere(four: Cluster, thrown: float, holds: object) -> float:
    """The seconds until a condition holds at every server."""
    for server in four.servers:
        while not await holds(server):  # type: ignore[operator]
            assert time.monotonic() - thrown < SECONDS
            await asyncio.sleep(0.05)
    return time.monotonic() - thrown


async def test_a_stopped_tool_leaves_four_processes_and_comes_back(four: Cluster, http: httpx.AsyncClient, token: str):
    client = await Client(http).open(four.servers[0])
    for server in four.servers:
        assert "whose" in await tools(client, server)

    async with aclosing(client.listen(four.servers[1])) as standing:
        await anext(standing)
        thrown = await throw(four, "off", "tool", "whose", "--server", "watched", "--reason", "Repairs")

        async def is_gone(server: object) -> bool:
            return "whose" not in await tools(client, server)

        assert await everywhere(four, thrown, is_gone) < OBEYED_SECONDS
        assert (await until(standing, LIST_CHANGED))[-1].message == {"jsonrpc": "2.0", "method": LIST_CHANGED}
        for server in four.servers:
            response = await client.request(server, "tools/call", {"name": "whose", "arguments": {}})
            text = "The tool whose is stopped by an operator: Repairs."
            assert answer_of(response)["result"]["content"] == [{"type": "text", "text": text}]
        # Again, when each process has read it.
        await until(standing, LIST_CHANGED)

        thrown = await throw(four, "on", "tool", "whose", "--server", "watched")

        async def is_back(server: object) -> bool:
            return "whose" in await tools(client, server)

        assert await everywhere(four, thrown, is_back) < OBEYED_SECONDS


async def test_a_stopped_user_is_refused_at_four_processes_and_the_stream_closes(
    four: Cluster, http: httpx.AsyncClient, token: str
):
    stranger = await Client(http).open(four.servers[0])
    client = await Client(http, headers={"Authorization": f"Token {token}"}).open(four.servers[0])
    standing = client.listen(four.servers[2])
    await anext(standing)
    thrown = await throw(four, "off", "user", "amelia", "--reason", "Stolen laptop")

    async def is_refused(server: object) -> bool:
        return (await client.request(server, "ping")).status_code == 403  # type: ignore[arg-type]

    assert await everywhere(four, thrown, is_refused) < OBEYED_SECONDS
    async with asyncio.timeout(SECONDS):
        assert [event async for event in standing]  # The retry, and its end.
    for server in four.servers:
        headers = {"Authorization": f"Token {token}", "Mcp-Session-Id": client.session_id}
        for verb in ("GET", "DELETE"):
            refused = await http.request(verb, server.url, headers={**headers, "Accept": "text/event-stream"})
            assert refused.status_code == 403
            assert answer_of(refused)["error"]["message"] == "Your access is stopped by an operator: Stolen laptop."
        assert (await stranger.request(server, "ping")).status_code == 200

    await throw(four, "on", "user", "amelia")
