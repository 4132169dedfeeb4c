"""Four servers that share a database, and clients of them."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.live.client import Client
from tests.live.cluster import SECONDS, Cluster, cluster


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("live"), 4) as servers:
        yield servers


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    # A server that was killed imports the project again before its next answer, as the others may at the same time.
    async with httpx.AsyncClient(timeout=4 * SECONDS, limits=limits) as http:
        yield http


@pytest.fixture
def client(http: httpx.AsyncClient) -> Client:
    return Client(http)
