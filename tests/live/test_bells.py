"""Channel layers between processes: with one, nobody has to look; and it may go away and come back."""

import os
from collections.abc import Iterator
from contextlib import aclosing

import httpx
import pytest

from tests.live.client import Client, until
from tests.live.cluster import Cluster, Redis, cluster
from tests.live_site import skip_without

MESSAGE = "notifications/message"


@pytest.fixture(params=["redis", "redis-pubsub"])
def belled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Redis]]:
    if not Redis.is_installed():
        skip_without("redis-server is not installed")
    redis = Redis()
    try:
        folder = tmp_path_factory.mktemp("bells")
        with cluster(folder, 2, REDIS_URL=redis.url, CHANNEL_LAYER=request.param) as servers:
            yield servers, redis
    finally:
        redis.stop()


async def test_what_is_said_while_redis_is_away_comes_late_and_comes(
    belled: tuple[Cluster, Redis], http: httpx.AsyncClient
):
    servers, redis = belled
    here, there = servers.servers
    listening, speaking = await Client(http).open(here), await Client(http).open(there)
    standing = listening.listen(here)
    await anext(standing)

    async def say(text: str) -> None:
        await speaking.call(there, "publish", session_ids=[listening.session_id], texts=[text])
        [*_, heard] = await until(standing, MESSAGE)
        assert heard.message["params"]["data"] == text

    await say("with the bell")
    redis.stop()
    await say("without it")
    await say("and again")
    redis.start()
    await say("with the bell again")
    await standing.aclose()


@pytest.fixture(params=["redis", "redis-pubsub", "postgres"])
def without_looks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two servers that hear of each other by the bell alone."""
    layer = request.param
    redis = os.environ.get("REDIS_URL", "")
    on_postgres = os.environ.get("DATABASE_URL", "").startswith("postgres")
    if not (on_postgres if layer == "postgres" else redis):
        pytest.skip(f"no service for the {layer} layer is named")
    folder = tmp_path_factory.mktemp("layers")
    with cluster(folder, 2, REDIS_URL=redis or "-", CHANNEL_LAYER=layer, LIVE_POLL_SECONDS="600") as servers:
        yield servers


async def test_a_ring_reaches_another_process(without_looks: Cluster, http: httpx.AsyncClient):
    here, there = without_looks.servers
    listening, speaking = await Client(http).open(here), await Client(http).open(there)
    async with aclosing(listening.listen(here)) as standing:
        await anext(standing)
        for text in "abc":
            await speaking.call(there, "publish", session_ids=[listening.session_id], texts=[text])
            [*_, heard] = await until(standing, MESSAGE)
            assert heard.message["params"]["data"] == text
