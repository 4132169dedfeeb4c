"""What journeys run over: each lane, each era, and the clients that go there."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from django.core.asgi import get_asgi_application

from django_mcp.testing import MCPClient

LANES = ("view", "view under ASGI", "lane")
ERAS = ("handshake", "modern")

Connect: TypeAlias = Callable[..., MCPClient]
Lane: TypeAlias = dict[str, Any]


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> Lane:
    """How a client reaches the server, as arguments of `MCPClient`."""
    if request.param == "view":
        return {"lane": "view"}
    if request.param == "lane":
        return {"lane": "asgi"}
    return {"lane": "asgi", "application": get_asgi_application()}


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(lane: Lane, era: str) -> Connect:
    """Makes clients of an endpoint in this lane and era: `connect("/mcp", user=…)`. Arguments given win."""
    return lambda path="/mcp", **arguments: MCPClient(path, **{"era": era, **lane, **arguments})
