"""The operations toolset: each tool with the permission of the page that shows the same, and none without."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from django_mcp.contrib.operations.models import MissingCapability, Process, RunningCall
from django_mcp.contrib.operations.switches import find_target, stop
from django_mcp.contrib.operations.tools import Operations
from django_mcp.testing import MCPClient
from tests.contrib.operations.calls import record
from tests.servers import other

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

TOOLS = {
    "server_health": {"view_rollup"},
    "tool_usage": {"view_rollup"},
    "busiest_callers": {"view_rollup"},
    "recent_failures": {"view_rollup", "view_call"},
    "running_calls": {"view_runningcall"},
    "stopped_targets": {"view_switch"},
    "missing_capabilities": {"view_missingcapability"},
}


@pytest.fixture(autouse=True)
def operations():
    registry = other.registry
    tools, is_guarded = dict(registry.tools), registry.is_guarded
    other.toolset(Operations)
    yield
    registry.tools.clear()
    registry.tools.update(tools)
    registry.is_guarded = is_guarded


def client_of(*permissions, lane=None):
    user = User.objects.create_user("staff")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return MCPClient("/other", user=User.objects.get(pk=user.pk), **(lane or {}))


def offered(client):
    return {tool["name"] for tool in client.list_tools()} & TOOLS.keys()


@pytest.mark.parametrize("permission", ["", *sorted({name for names in TOOLS.values() for name in names})])
def test_each_tool_is_there_for_its_permission(permission):
    assert offered(client_of(permission)) == {name for name, needs in TOOLS.items() if needs == {permission}}


def test_a_model_is_told_which_tools_fail(lane):
    record(8, seconds=0.3)
    record(2, outcome="failed", message="ValueError in route()", seconds=0.3)
    record(name="route")
    client = client_of("view_rollup", "view_call", lane=lane)

    health = client.call_tool("server_health").data
    assert (health["calls"], health["errors"], health["uncounted"]) == (11, 2, 0)
    used = client.call_tool("tool_usage", {"failing_only": True}).data
    assert [(one["name"], one["calls"], one["errors"]) for one in used] == [("distance", 10, 2)]
    assert 200 < used[0]["p50_ms"] <= 500
    (failure,) = client.call_tool("recent_failures", {"name": "distance"}).data
    assert (failure["message"], failure["count"], failure["users"]) == ("ValueError in route()", 2, 1)
    assert client.call_tool("recent_failures", {"name": "route"}).data == []
    (user,) = client.call_tool("busiest_callers").data
    assert (user["name"], user["calls"]) == ("ada", 11)


def test_calls_that_began_at_one_time_are_listed_as_they_were_written():
    process, began = Process.objects.create(name="a"), timezone.now() - timedelta(seconds=5)
    first, *_ = [
        RunningCall.objects.create(process=process, number=number, started_at=began, name=str(number))
        for number in range(3)
    ]
    first.save()  # PostgreSQL writes the row once more, behind the others.

    running = client_of("view_runningcall").call_tool("running_calls").data
    assert [call["name"] for call in running] == ["0", "1", "2"]


def test_a_model_is_told_what_runs_what_is_stopped_and_what_is_missing(lane):
    process = Process.objects.create(name="a")
    began = timezone.now() - timedelta(seconds=5)
    RunningCall.objects.create(process=process, number=1, started_at=began, name="slow", server="plain")
    stop(find_target("tool", "distance"), reason="Wrong")
    MissingCapability.objects.create(wanted="Cancel a booking", server="plain")
    client = client_of(*{name for names in TOOLS.values() for name in names}, lane=lane)

    (call,) = client.call_tool("running_calls").data
    assert (call["name"], call["server"], call["seconds"] >= 5) == ("slow", "plain", True)
    (stopped,) = client.call_tool("stopped_targets").data
    assert stopped == {"target": "tool distance", "reason": "Wrong", "until": None, "by": ""}
    (wanted,) = client.call_tool("missing_capabilities").data
    assert wanted["wanted"] == "Cancel a booking"
