"""Many messages from several processes to many streams that are cut and resumed at random: each client must see each of
its messages exactly once, in order.
"""

import asyncio
import contextlib
import random

import httpx

from tests.live.client import Client
from tests.live.cluster import SECONDS, Cluster


async def stress(servers: Cluster, messages: int, streams: int, seed: int) -> int:
    """Publishes so many messages, evenly, and checks what every client hears. Returns how often a stream was cut."""
    chance = random.Random(seed)
    each = messages // streams
    async with httpx.AsyncClient(timeout=SECONDS, limits=httpx.Limits(max_connections=None)) as http:
        clients = [await Client(http).open(chance.choice(servers.servers)) for _ in range(streams)]
        listening = [asyncio.create_task(_hear(one, servers, each, random.Random(chance.random()))) for one in clients]
        publishers = [_publish(servers, number, clients, each, http) for number in range(len(servers.servers))]
        await asyncio.gather(*publishers)
        heard = await asyncio.gather(*listening)
    for _, texts in heard:
        for number in range(len(servers.servers)):
            mine = [text for text in texts if text.startswith(f"{number}:")]
            assert mine == [f"{number}:{count}" for count in range(number, each, len(servers.servers))], mine
        assert len(texts) == each, len(texts)
    return sum(cuts for cuts, _ in heard)


async def _publish(servers: Cluster, number: int, clients: list[Client], each: int, http: httpx.AsyncClient) -> None:
    """Publishes every so many'th message of each client, from one process."""
    server = servers.servers[number]
    publisher = await Client(http).open(server)
    texts = [f"{number}:{count}" for count in range(number, each, len(servers.servers))]
    session_ids = [client.session_id for client in clients]
    for start in range(0, len(texts), 5):
        await publisher.call(server, "publish", session_ids=session_ids, texts=texts[start : start + 5])


async def _hear(client: Client, servers: Cluster, each: int, chance: random.Random) -> tuple[int, list[str]]:
    """How often the stream was cut, and the messages in the order in which they came."""
    texts: list[str] = []
    last_event_id, cuts = None, 0
    while len(texts) < each:
        events = client.listen(chance.choice(servers.servers), last_event_id)
        until_cut = chance.randint(1, 40)
        # A server that finds its client too slow cuts the stream as well.
        with contextlib.suppress(httpx.ReadError, httpx.RemoteProtocolError):
            async for event in events:
                last_event_id = event.id or last_event_id
                if event.message:
                    texts.append(event.message["params"]["data"])
                    until_cut -= 1
                if len(texts) >= each or not until_cut:
                    break
        await events.aclose()
        cuts += 1
    return cuts, texts
