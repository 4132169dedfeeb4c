"""A row: the odd values that a client may send become columns that every database takes."""

import json
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser

from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.rows import COLUMNS, MAX_RESULT_BYTES, in_json, values_of
from django_mcp.contrib.audit.writer import flush, losses
from django_mcp.observers import ObservedCall
from django_mcp.primitives.context import Caller, Principal
from django_mcp.testing import MCPClient
from tests import wire
from tests.tables import cases

ODD = "\x00\U0001f600" + "x" * 1000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def observed(**values):
    request = SimpleNamespace(META={"REMOTE_ADDR": "10.0.0.1"})
    usual = {"method": "tools/call", "name": "greet", "arguments": {}, "server": "s", "path": "/p", "lane": "view"}
    usual |= {"era": "modern", "protocol_version": "2026-07-28", "request_id": 1, "session": None, "meta": {}}
    usual |= {"headers": {}, "caller": Caller(Principal("", AnonymousUser()), lambda: request)}
    return ObservedCall(**{**usual, **values})


def row(**values):
    return dict(zip(COLUMNS, in_json(values_of(observed(**values))), strict=True))


@pytest.mark.django_db
@pytest.mark.urls("tests.urls")
def test_odd_values_are_stored_on_every_database(lane):
    client = MCPClient("/calls", era="handshake", **lane)
    messages = [
        wire.initialize(clientInfo={"name": ODD, "version": ODD}),
        wire.request("tools/call", {"name": "greet", "arguments": {"deep": [[[[ODD]]]], "n": 10**300, ODD: None}}),
        wire.request("tools/call", {"name": ODD, "arguments": {ODD: ODD}}),
        wire.request("resources/read", {"uri": f"x://{ODD}"}, ODD[:2]),
        wire.request("completion/complete", {"ref": 7, "argument": [ODD]}),
        wire.request("tools/call", {"name": ["odd"], "arguments": "odd"}),
    ]

    for message in messages:
        answer = client.post(json.dumps(message).encode())
        assert answer.status_code == 200, answer
        client.session_id = client.session_id or answer.headers["mcp-session-id"]

    assert (flush(), losses.total) == (5, 0)
    first = Call.objects.order_by("pk").first()
    assert first.arguments == {"deep": [[[[ODD]]]], "n": "…", ODD[:100]: None}
    assert first.client_name == "\ufffd\U0001f600" + "x" * 98
    assert {call.outcome for call in Call.objects.all()} == {"invalid", "unknown"}


def test_a_lone_surrogate_is_no_fault():
    made = row(name="\ud800", arguments={"\ud800": "\ud800"}, request_id="\ud800", path="/\ud800")

    assert made["arguments"] == r'{"\ud800":"\ud800"}'
    assert (made["name"], made["request_id"], made["path"]) == ("\ufffd", "\ufffd", "/\ufffd")


@cases(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        ("", ""),
        ("00-1-2-3", ""),
        (TRACE, ""),
    ],
)
def test_the_trace_is_that_of_the_trace_context(traceparent, trace_id):
    assert row(meta={"traceparent": traceparent})["trace_id"] == trace_id


def test_the_address_is_kept_where_it_is_wanted(settings):
    assert row()["address"] == ""
    settings.MCP_AUDIT_ADDRESS = True
    assert row()["address"] == "10.0.0.1"


def test_a_result_is_kept_where_it_is_wanted_without_secrets(settings):
    settings.MCP_AUDIT_RESULTS = ["greet"]
    body = b'{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"token":"abcd","name":"Ada"}}}'

    assert json.loads(row(body=body)["result"]) == {"structuredContent": {"token": "[redacted]", "name": "Ada"}}
    assert json.loads(row(body=b" " * (MAX_RESULT_BYTES + 1))["result"]) == f"… ({MAX_RESULT_BYTES + 1} bytes)"
    assert row(body=body, name="other")["result"] is None
