"""The attributes of calls that the journeys of test_telemetry.py do not make."""

import pytest

from django_mcp.contrib.otel.attributes import at_end, at_start, of_metric
from django_mcp.observers import ObservedCall
from django_mcp.primitives.context import Caller, Principal
from tests.tables import cases


def observed(**members):
    caller = Caller(Principal("user:1", None), lambda: None)
    fields = {
        "method": "tools/call",
        "name": "greet",
        "arguments": {},
        "server": "calls",
        "path": "/calls",
        "lane": "asgi",
        "era": "modern",
        "protocol_version": "2026-07-28",
        "request_id": 1,
        "caller": caller,
        "session": None,
        "meta": {},
        "headers": {},
    }
    return ObservedCall(**fields | members)


@pytest.mark.parametrize(
    ("lane", "expected"),
    [
        ("stdio", {"network.transport": "pipe"}),
        ("view", {"network.transport": "tcp", "network.protocol.name": "http"}),
    ],
)
def test_the_transport_is_that_of_the_lane(lane, expected):
    call = observed(lane=lane)

    for found in (at_start(call), of_metric(call)):
        assert {key: value for key, value in found.items() if key.startswith("network.")} == expected


@cases(
    ("members", "expected"),
    [
        ({"outcome": "cancelled"}, "cancelled"),
        ({"outcome": "failed", "method": "resources/read", "body": b"{}"}, "failed"),
        ({"outcome": "over_budget", "body": b"{}"}, "tool_error"),
        ({"outcome": "unknown", "error_code": -32602, "body": b"{}"}, "-32602"),
        ({"outcome": "input_required", "body": b"{}"}, None),
        ({"outcome": "dry_run", "body": b"{}"}, None),
    ],
)
def test_the_error_is_the_code_or_that_of_the_tool_or_the_outcome(members, expected):
    call = observed(**members)

    assert at_end(call).get("error.type") == of_metric(call).get("error.type") == expected


def test_numbers_of_the_meter_are_there_where_it_has_counted():
    assert not {"django_mcp.queries", "django_mcp.rows"} & at_end(observed()).keys()
    assert at_end(observed(queries=2, rows=30)).items() >= {"django_mcp.queries": 2, "django_mcp.rows": 30}.items()


def test_a_version_that_a_client_makes_up_is_left_out():
    assert "mcp.protocol.version" not in at_start(observed(protocol_version="1999-01-01"))
