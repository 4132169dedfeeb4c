"""How often one caller may call a tool."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from django.urls import path
from rest_framework.throttling import BaseThrottle

from django_mcp import MCPServer, Principal
from django_mcp.drf.throttles import throttle_of
from django_mcp.primitives.context import Caller
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = pytest.mark.django_db


class Never(BaseThrottle):
    def allow_request(self, request, view):
        return request.user.is_authenticated

    def wait(self):
        return 12.4


server = MCPServer("throttled", version="1")


@server.tool(read_only=True, throttle="2/hour")
def twice() -> str:
    """Twice."""
    return "done"


@server.tool(read_only=True, throttle="2/hour")
async def twice_async() -> str:
    """Twice, in a coroutine."""
    return "done"


@server.tool(read_only=True, throttle=Never)
def never() -> str:
    """Never."""
    return "done"


class urls:
    urlpatterns = [path("mcp", endpoint(server, public=True))]


@pytest.fixture(autouse=True)
def fresh(settings):
    settings.ROOT_URLCONF = urls
    cache.clear()
    yield
    cache.clear()


def refusal(client, tool):
    with pytest.raises(MCPError) as refused:
        client.call_tool(tool)
    return refused.value.status, int(refused.value.headers["retry-after"]), refused.value.code


@pytest.mark.parametrize("tool", ["twice", "twice_async"])
def test_a_call_too_many_is_429_with_the_time_to_wait(connect, tool):
    ada, bob = User.objects.create_user("ada"), User.objects.create_user("bob")
    client = connect("/mcp", user=ada)
    assert [client.call_tool(tool).text for _ in range(2)] == ["done", "done"]

    status, wait, code = refusal(client, tool)
    assert (status, code) == (429, -32600)
    assert 0 < wait <= 3600
    # Another caller, and another tool, have their own.
    assert connect("/mcp", user=bob).call_tool(tool).text == "done"
    assert connect("/mcp").call_tool(tool).text == "done"


def test_a_user_has_one_share_with_all_clients_and_a_row_of_another_kind_has_its_own():
    wait = throttle_of("1/hour", "shared")

    def is_free(key):
        return wait(Caller(Principal(key, User(pk=7)), lambda: RequestFactory().post("/mcp"))) is None

    keys = ["user:7", "user:7:client:c1", "devices.device:7", "devices.device:7:client:c1", "client:c1", "client:c 2"]
    assert [is_free(key) for key in keys] == [True, False, True, False, True, True]


def test_a_class_of_drfs_decides_by_the_user(connect):
    assert refusal(connect("/mcp"), "never") == (429, 12, -32600)
    assert connect("/mcp", user=User.objects.create_user("ada")).call_tool("never").text == "done"


def test_a_stranger_is_counted_by_an_address_that_a_header_cannot_change(lane, settings):
    def call(forwarded):
        client = MCPClient("/mcp", headers={"X-Forwarded-For": forwarded}, **lane)
        return client.post(wire.modern_request("tools/call", {"name": "twice", "arguments": {}})).status_code

    assert [call(f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
    # A proxy of the project's own is believed, for what it has written itself: the last address.
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
    assert [call(f"192.0.2.{number}, 192.0.2.9") for number in range(3)] == [200, 200, 429]


@cases("given", ["often", "10", "x/minute", "10/fortnight", 5, object])
def test_what_is_no_rate_is_refused_at_start_up(given):
    with pytest.raises(ImproperlyConfigured, match="Tool 'x'"):
        throttle_of(given, "x")
