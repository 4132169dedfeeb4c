"""Sessions of an endpoint under each policy, and the steps of one exchange."""

import json

import pytest
from django.test import RequestFactory

from django_mcp.authentication import anonymous_caller
from django_mcp.endpoint.exchange import Exchange
from django_mcp.endpoint.request_stream import RequestStream
from django_mcp.methods.request import Call, Outcome
from django_mcp.models import Session
from django_mcp.protocol import inbound
from django_mcp.protocol.inbound import Batch, Inbound, Limits
from django_mcp.protocol.replies import Reply
from django_mcp.storage import events, sessions, standalone
from django_mcp.testing import MCPClient
from tests import wire
from tests.servers import plain
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

ANSWERED = {"content": [{"type": "text", "text": "Hello, Ada"}], "isError": False}


def greeting():
    return wire.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})


def describe(client, **headers):
    response = client.post(wire.request("tools/call", {"name": "describe_caller"}), headers)
    return response.json()["result"]["structuredContent"]


SUBSCRIBE = wire.request("resources/subscribe", {"uri": "note://motto"})


# Sessions optional: for clients that lose the header


@pytest.fixture
def optional(lane):
    return MCPClient("/optional", era="handshake", **lane)


def test_where_sessions_are_optional_a_client_without_one_is_served(optional):
    assert optional.post(greeting()).json()["result"] == ANSWERED
    assert optional.post(wire.notification()).status_code == 202
    assert optional.post(wire.answer({})).status_code == 202
    assert describe(optional)["session"] is False
    assert not Session.objects.exists()


def test_where_sessions_are_optional_a_client_without_one_speaks_the_revision_of_its_header(optional):
    assert describe(optional, **{"mcp-protocol-version": "2025-06-18"})["version"] == "2025-06-18"
    message = wire.request("tools/call", {"name": "describe_caller"})
    text = optional.post(message, {"mcp-protocol-version": ""}).json()["result"]
    assert "structuredContent" not in text  # 2025-03-26, which came before the header.
    assert '"version":"2025-03-26"' in text["content"][0]["text"]


def test_where_sessions_are_optional_those_that_are_opened_are_whole(optional):
    optional.initialize()

    assert [optional.call_tool("count").text for _ in range(2)] == ["1", "2"]
    assert optional.send("GET").status_code in (200, 405)
    assert optional.close().status_code == 200
    assert optional.post(greeting()).content == wire.SESSION_NOT_FOUND


def test_where_sessions_are_optional_an_id_that_is_dead_is_404_all_the_same(optional):
    optional.session_id = "A" * 43

    for message in (greeting(), wire.notification(), wire.initialize()):
        assert optional.post(message).content == wire.SESSION_NOT_FOUND


def test_where_sessions_are_optional_get_and_delete_still_need_one(optional):
    assert optional.send("GET").content == wire.MISSING_SESSION_ID
    assert optional.send("DELETE").content == wire.MISSING_SESSION_ID


def test_a_tool_that_needs_a_session_fails_in_band_without_one(optional):
    result = optional.post(wire.request("tools/call", {"name": "count"})).json()["result"]

    assert result["isError"]


# Streams to GET, which the lane has


@pytest.fixture
def streaming():
    client = MCPClient("/plain", era="handshake", lane="asgi")
    client.initialize()
    return client


def test_a_session_has_one_stream_at_a_time(streaming, monkeypatch):
    session = Session.objects.get()
    assert standalone.take(session.pk, "somebody", force=False)
    # Somebody lives, and answers.
    renewed = iter([standalone.lease_of(session.pk)])
    monkeypatch.setattr(standalone, "lease_of", lambda pk: next(renewed, standalone.Lease("somebody")))

    response = streaming.send("GET")

    assert response.status_code == 409
    assert response.json() == wire.error(-32600, "Conflict: Only one SSE stream is allowed per session")
    assert streaming.request("ping") == {}


def test_a_subscription_too_many_is_refused_in_words_that_help(streaming, settings):
    settings.MCP_MAX_SUBSCRIPTIONS_PER_SESSION = 0

    refused = streaming.post(SUBSCRIBE)

    message = "This session has subscribed to 0 resources, the most that it may: end one first."
    assert (refused.status_code, refused.json()) == (200, wire.error(-32600, message, SUBSCRIBE["id"]))


def twice_at_once(request_id):
    """Two messages straight to an endpoint, the second while the first runs: what each is answered, and a third."""
    session = Session.objects.get()
    headers = {**wire.POST_HEADERS, "mcp-session-id": session.session_id, "mcp-protocol-version": "2025-11-25"}
    call = {**greeting(), "id": request_id}

    def exchange():
        stream = RequestStream(request_id, "handshake")
        return Exchange(plain, "required", anonymous_caller(RequestFactory().post("/")), stream=stream)

    def read():
        message = inbound.read(headers, json.dumps(call).encode(), Limits(10**6, 64, 10**4, 10**3), ("handshake",))
        assert isinstance(message, Inbound)
        return message

    def carry(first, call):
        answers.append(exchange().answer(read()))
        return first.run(call)

    answers: list = []
    answers.append(exchange().answer(read(), carry))
    answers.append(exchange().answer(read()))
    return [(answer.status, json.loads(answer.body)) for answer in answers]


@pytest.mark.parametrize("request_id", [7, "7"])
def test_an_id_is_of_one_running_request_at_a_time(streaming, request_id):
    """JSON-RPC and spec basic: the requestor must not use an id again within the session."""
    refused, first, later = twice_at_once(request_id)

    message = "Invalid Request: a request with this id still runs in the session"
    assert refused == (400, wire.error(-32600, message, request_id))
    assert first == later == (200, {"jsonrpc": "2.0", "id": request_id, "result": first[1]["result"]})


def test_an_id_of_a_request_that_runs_in_another_process_is_refused(streaming):
    """The request runs long enough for its stream to be stored."""
    session = Session.objects.get()
    events.open_stream(session.pk, "key", 7)

    refused = streaming.post({**greeting(), "id": 7})
    another = streaming.post({**greeting(), "id": "7"})
    events.end_stream(session.pk, "key")
    later = streaming.post({**greeting(), "id": 7})

    assert [answer.status_code for answer in (refused, another, later)] == [400, 200, 200]


def test_a_stream_that_is_let_go_of_while_it_is_opened_goes_on_after_what_was_sent(streaming, monkeypatch):
    session, take = Session.objects.get(), standalone.take
    sent = events.Position(events.STANDALONE, 1)
    take(session.pk, "first", force=True)

    def take_late(*args, **kwargs):
        standalone.release(standalone.OpenStream(session.pk, session.server, "", "first", sent))
        return take(*args, **kwargs)

    monkeypatch.setattr(standalone, "take", take_late)
    exchange = Exchange(plain, "required", anonymous_caller(RequestFactory().get("/")))
    opened = exchange.open_stream({"accept": "text/event-stream", "mcp-session-id": session.session_id})

    assert (opened.position, opened.is_taken) == (sent, True)


def test_a_stream_that_was_left_can_be_opened_again(streaming):
    assert [streaming.send("GET").status_code for _ in range(2)] == [200, 200]


@cases("last_event_id", ["nothing", "0", "s:", "s:x.y", "\x00", "\x00:1", "é:1", "x" * 1000, "s:0.0,s:0.0"])
def test_an_event_that_the_session_does_not_have_is_400(streaming, last_event_id):
    response = streaming.send("GET", headers={"last-event-id": last_event_id})

    assert response.status_code == 400
    assert response.json() == wire.error(-32600, "Unknown Last-Event-ID: open a stream without one")


@cases(
    ("headers", "status"),
    [
        ({"accept": "text/html"}, 406),
        ({"accept": "text/html", "mcp-session-id": ""}, 406),
        ({"accept": "text/html", "mcp-protocol-version": "1900-01-01"}, 400),
        ({"mcp-session-id": ""}, 400),
        ({"mcp-session-id": "A" * 43}, 404),
        ({"mcp-session-id": "A" * 43, "last-event-id": "nothing"}, 404),
    ],
)
def test_a_get_is_refused_for_the_first_rule_that_it_breaks(streaming, headers, status):
    """In the Ruby SDK's order: what is accepted, then the session."""
    assert streaming.send("GET", headers=headers).status_code == status


# Sessions off: nothing is kept


@pytest.fixture
def off(lane):
    return MCPClient("/off", era="handshake", **lane)


def test_where_sessions_are_off_initialize_gives_no_id_however_often(off):
    for _ in range(2):
        response = off.post(wire.initialize())

        assert (response.status_code, response.json()["result"]["protocolVersion"]) == (200, "2025-11-25")
        assert "mcp-session-id" not in response.headers
    assert not Session.objects.exists()


@cases("session_id", [None, "A" * 43, "x", "é"])
def test_where_sessions_are_off_an_id_means_nothing(off, session_id, django_assert_num_queries):
    off.session_id = session_id

    with django_assert_num_queries(0):
        assert off.post(wire.initialize()).status_code == 200
        assert off.post(greeting()).json()["result"] == ANSWERED
        assert off.post(wire.notification()).status_code == 202
        assert off.post(wire.answer({})).status_code == 202
        assert off.post(wire.request("logging/setLevel", {"level": "info"})).json() == wire.answer({})


@cases("method", ["GET", "DELETE"])
@cases("session_id", [None, "A" * 43])
def test_where_sessions_are_off_there_is_nothing_to_get_or_delete(off, method, session_id):
    """To DELETE the Ruby SDK answers 200; the specification has 405 for a server whose sessions clients cannot end
    (2025-11-25 basic/transports).
    """
    off.session_id = session_id

    response = off.send(method)

    assert (response.status_code, response.content) == (405, wire.METHOD_NOT_ALLOWED)
    assert response.headers["allow"] == "POST"
    assert off.send(method, headers={"accept": "text/html"}).status_code == 405


def test_without_a_session_nothing_is_promised_that_would_have_to_be_said_later(lane):
    """Changes are told on the stream of a session, or to a modern client that listens."""
    for path, messages in (("/off", [wire.initialize(), SUBSCRIBE]), ("/optional", [SUBSCRIBE])):
        for message in messages:
            answer = MCPClient(path, era="handshake", **lane).post(message).json()
            if "result" in answer:
                capabilities = answer["result"]["capabilities"]
                assert capabilities == {
                    "tools": {},
                    "resources": {},
                    "prompts": {},
                    "completions": {},
                    "logging": {},
                }
            else:
                assert answer == wire.error(-32601, "Method not found: resources/subscribe", 1)


def test_where_sessions_are_off_the_client_is_known_by_nothing(off):
    off.post(wire.initialize(capabilities={"roots": {}}))

    caller = describe(off)

    assert (caller["client"], caller["capabilities"], caller["session"]) == ({}, {}, False)


# The steps


def read(message, **headers):
    import json

    found = inbound.read(
        {**wire.POST_HEADERS, **headers},
        json.dumps(message).encode(),
        Limits(10_000, 64),
        ("handshake", "modern"),
    )
    assert isinstance(found, Inbound | Batch)
    return found


def exchange(policy="required"):
    return Exchange(plain, policy, anonymous_caller(RequestFactory().post))


@pytest.fixture
def session_id():
    return sessions.open(
        server="plain",
        principal="",
        user=None,
        protocol_version="2025-11-25",
        client_info={},
        client_capabilities={},
    ).session_id


MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}


@cases(
    ("policy", "message", "headers", "inert"),
    [
        ("required", wire.request("ping"), {}, False),
        ("required", wire.initialize(), {}, False),
        ("optional", wire.notification(), {}, False),
        ("off", wire.initialize(), {}, True),
        ("required", wire.modern_request("tools/call", {"name": "greet"}), {**MODERN, "mcp-name": "greet"}, True),
        ("required", [wire.request("ping")], {"mcp-session-id": "A" * 43}, False),
    ],
)
def test_an_exchange_knows_beforehand_whether_it_asks_the_database(policy, message, headers, inert):
    """An exchange that does not query the database is answered on the event loop."""
    assert exchange(policy).is_inert(read(message, **headers)) is inert


def test_a_synchronous_call_is_made_at_once_and_an_asynchronous_one_handed_back(session_id):
    call = {"name": "greet", "arguments": {"name": "Ada"}}

    reply = exchange().begin(read(wire.request("tools/call", call), **{"mcp-session-id": session_id}))
    step = exchange().begin(
        read(wire.request("tools/call", {**call, "name": "greet_async"}), **{"mcp-session-id": session_id})
    )

    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert isinstance(step, Call)
    assert step.is_async


def test_a_state_that_is_no_json_fails_the_call_and_is_not_kept(session_id):
    opened = exchange()
    step = opened.begin(read(wire.request("tools/call", {"name": "count_async"}), **{"mcp-session-id": session_id}))
    assert isinstance(step, Call)
    assert not opened.session.has_loaded_state

    (context,) = step.kwargs.values()
    context.session.state["count"] = object()
    assert opened.session.has_loaded_state

    reply = opened._end(step, Outcome(result={"content": []}))
    assert b"failed unexpectedly" in reply.body
    assert not opened.session.has_loaded_state
