"""Every message arrives once, in order, however streams are cut, and whether or not a client reads."""

import asyncio
import json
import socket
from urllib.parse import urlsplit

from tests import wire
from tests.live.client import Client, Event, rest
from tests.live.cluster import SECONDS, Cluster, Server
from tests.live.stress import stress


async def test_streams_that_are_cut_at_random_miss_nothing(four: Cluster):
    assert await stress(four, messages=600, streams=12, seed=7) > 12


async def test_a_client_that_does_not_read_is_closed_and_finds_everything_later(four: Cluster, client: Client):
    """Far more is said than sockets buffer."""
    server, other, *_ = four.servers
    await client.open(server)
    count = 1500
    events = await pour_unread(server, other, client, count, size=20_000)

    numbers = [event.message["params"]["data"]["number"] for event in events if "method" in event.message]
    assert numbers == list(range(count))
    assert events[-1].message["result"]["content"] == [{"type": "text", "text": "poured"}]


async def pour_unread(server: Server, other: Server, client: Client, count: int, size: int) -> list[Event]:
    """The events of a call whose own connection is not read beyond the first of them."""
    with await asyncio.to_thread(open_unread, server, client, count, size) as unread:
        received = ""
        while "\nid: " not in received or not received.endswith("\n"):
            received += (await asyncio.to_thread(unread.recv, 1)).decode()
        first_id = received.partition("\nid: ")[2].partition("\n")[0]
        return await rest(client.listen(other, first_id))


def open_unread(server: Server, client: Client, count: int, size: int) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    connection = socket.create_connection((address.hostname, address.port), timeout=SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    body = json.dumps(wire.request("tools/call", {"name": "pour", "arguments": {"count": count, "size": size}}, 5))
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: {address.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in client._headers().items()),
    ]
    connection.sendall("\r\n".join([*lines, "", body]).encode())
    return connection
