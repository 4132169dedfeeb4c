"""Arrays of messages, which the sessions of one revision, 2025-03-26, may send (its basic and basic/transports)."""

import json

import pytest
from django.contrib.auth.models import Group

from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests import policies, wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

SINGLE_OBJECT = wire.error(-32600, "Invalid Request: JSON-RPC body must be a single request object")


@pytest.fixture
def client(lane):
    client = MCPClient("/plain", version="2025-03-26", **lane)
    client.initialize()
    return client


def post(client, *messages, **headers):
    return client.post(json.dumps(messages).encode(), headers)


def call(tool, request_id, /, **arguments):
    return wire.request("tools/call", {"name": tool, "arguments": arguments}, request_id)


def test_a_batch_is_answered_with_an_array_in_its_order_without_its_notifications(client):
    response = post(
        client,
        wire.request("ping", request_id="a"),
        wire.notification(),
        call("greet_async", 2, name="Ada"),
        call("greet", 3, name="Bob"),
        wire.request("nothing", request_id=4),
    )

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == [
        {"jsonrpc": "2.0", "id": "a", "result": {}},
        {"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": "Hello, Ada"}], "isError": False}},
        {"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": "Hello, Bob"}], "isError": False}},
        wire.error(-32601, "Method not found: nothing", 4),
    ]


@pytest.mark.parametrize(
    "messages",
    [[wire.notification(), wire.notification()], [wire.answer({}), wire.answer({}, 2)]],
)
def test_a_batch_that_asks_nothing_is_202_without_a_body(client, messages):
    response = post(client, *messages)

    assert (response.status_code, response.content) == (202, b"")


def test_one_call_of_a_batch_that_fails_takes_nothing_from_the_others(client):
    answers = post(
        client,
        call("save_group", 1, name="kept"),
        call("save_group_and_fail", 2, name="lost"),
        call("save_group_and_fail_async", 3, name="lost too"),
        call("save_group_async", 4, name="kept too"),
    ).json()

    assert [answer["result"]["isError"] for answer in answers] == [False, True, True, False]
    assert sorted(Group.objects.values_list("name", flat=True)) == ["kept", "kept too"]


def test_the_calls_of_a_batch_share_their_sessions_state(client):
    answers = post(client, call("count", 1), call("count_async", 2), call("count_and_fail", 3), call("count", 4)).json()

    assert [answer["result"]["content"][0]["text"] for answer in answers] == ["1", "2", "Counted 3, and gave up", "3"]
    assert Session.objects.get().state == {"count": 3}


@cases(
    "messages",
    [
        [],
        [1],
        [None],
        [[]],
        [wire.request("ping"), "x"],
        [{"jsonrpc": "1.0", "id": 1, "method": "ping"}],
        [{"jsonrpc": "2.0", "id": None, "method": "ping"}],
        [wire.request("ping"), wire.answer({})],
        [wire.initialize()],
        [wire.request("ping"), wire.initialize()],
        [wire.modern_request("tools/list")],
    ],
)
def test_a_batch_with_what_may_not_be_in_it_is_refused_whole(client, messages):
    response = post(client, *messages)

    assert response.status_code == 400
    assert response.json()["error"]["code"] == -32600
    assert response.json()["id"] is None


@cases("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
@cases("header", ["2025-03-26", ""], undone=True)
def test_what_counts_is_the_revision_of_the_session_and_not_the_header(lane, version, header):
    """2025-06-18 took batches out of the protocol; 2024-11-05 had none over this transport."""
    client = MCPClient("/plain", version=version, **lane)
    client.initialize()

    response = post(client, wire.request("ping"), **{"mcp-protocol-version": header})

    assert (response.status_code, response.json()) == (400, SINGLE_OBJECT)


@cases("path", ["/plain", "/optional", "/off", "/handshake", "/modern"])
def test_an_array_outside_a_session_is_refused_before_the_session_is_missed(lane, path):
    response = post(MCPClient(path, version="2025-03-26", **lane), wire.request("ping"))

    assert (response.status_code, response.json()) == (400, SINGLE_OBJECT)


def test_an_array_under_a_version_header_of_the_modern_era_is_refused(client):
    response = post(client, wire.request("ping"), **{"mcp-protocol-version": "2026-07-28"})

    assert response.status_code == 400
    assert response.json()["error"] == SINGLE_OBJECT["error"]


def test_a_batch_has_a_limit_of_messages(client):
    response = post(client, *[wire.request("ping", request_id=number) for number in range(51)])

    limit = wire.error(-32600, "Invalid Request: a batch holds at most 50 messages")
    assert (response.status_code, response.json()) == (400, limit)


def test_the_answers_to_a_batch_stop_at_a_total_of_bytes(client, settings):
    settings.MCP_MAX_BATCH_BYTES = 100
    names = ["a", "b" * 100, "c"]

    response = post(client, *[call("greet", name[0], name=name) for name in names])

    assert [answer["id"] for answer in response.json()] == ["a", "b", "c"]
    assert ["result" in answer for answer in response.json()] == [True, True, False]
    assert response.json()[2] == wire.error(-32603, "The answers to a batch exceed 100 bytes", "c")


def test_each_message_of_a_batch_counts_against_the_throttles(lane):
    policies.FiveRequests.calls = 0
    client = MCPClient("/five", version="2025-03-26", **lane)
    client.initialize()
    before = policies.FiveRequests.calls

    response = post(client, *[wire.request("ping", request_id=number) for number in range(4)])

    left = 5 - before
    answers = response.json()
    assert ["result" in answer for answer in answers] == [True] * left + [False] * (4 - left)
    assert answers[-1] == wire.error(-32600, "Too many requests", 3)
