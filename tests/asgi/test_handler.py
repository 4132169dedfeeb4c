"""One request in the ASGI lane: how it is read, in which thread it is answered, and how the answer is sent."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.core.asgi import get_asgi_application

from django_mcp import Principal
from django_mcp.asgi import handler, mcp_application, request_stream
from django_mcp.endpoint import exchange
from django_mcp.models import Session
from django_mcp.storage import sessions
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

HEADERS = [("host", "testserver"), *wire.POST_HEADERS.items()]
PING = json.dumps(wire.request("ping")).encode()
CALL = json.dumps(wire.modern_request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})).encode()
CALL_HEADERS = [
    *HEADERS,
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "greet"),
]


def post(path="/plain", *, headers=CALL_HEADERS, body=CALL):
    return wire.send_asgi(path, "POST", headers, [body])[0]


# How it reads a request


def test_a_header_sent_twice_is_one_of_two_values():
    response = post(headers=[*CALL_HEADERS, ("mcp-name", "greet")])

    assert (response.status_code, response.json()["error"]["code"]) == (400, -32020)


def test_a_header_sent_in_two_parts_is_whole():
    headers = [header for header in CALL_HEADERS if header[0] != "accept"]

    response = post(headers=[*headers, ("accept", "application/json"), ("accept", "text/event-stream")])

    assert response.status_code == 200


def test_blanks_around_a_header_are_no_part_of_it(lane):
    """Some ASGI servers do not strip the blanks (RFC 9110)."""
    client = MCPClient("/plain", era="handshake", **lane)

    response = client.post(wire.initialize(), {"mcp-protocol-version": "\t2025-11-25 "})

    assert response.status_code == 200


def test_a_header_with_underscores_is_not_the_one_with_hyphens():
    """WSGI servers drop such a header, lest it pass for one that a proxy has set."""
    headers = [*HEADERS, ("mcp_session_id", "A" * 43)]

    assert post(headers=headers, body=PING).content == wire.MISSING_SESSION_ID


def test_an_answer_says_its_length_and_its_type_and_is_lower_case():
    sent = []

    async def receive():
        return {"type": "http.request", "body": CALL}

    async def send(message):
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in CALL_HEADERS]
    scope = {"type": "http", "method": "POST", "path": "/plain", "headers": headers}
    async_to_sync(mcp_application(get_asgi_application()))(scope, receive, send)

    start, body = sent
    assert dict(start["headers"]) == {
        b"content-length": str(len(body["body"])).encode(),
        b"content-type": b"application/json",
    }


def test_an_answer_without_a_body_has_no_type():
    notification = json.dumps(wire.notification()).encode()

    response = post("/off", headers=HEADERS, body=notification)

    assert (response.status_code, response.content) == (202, b"")
    assert response.headers == {"content-length": "0"}


# On an event loop of its own, as under a server, where nobody waits in a thread


def serve(talk):
    """The result of `talk`, a conversation with the lane, on an event loop that no thread waits for."""
    application = mcp_application(get_asgi_application())

    async def ask(message, session_id=""):
        headers = [*HEADERS, ("mcp-session-id", session_id)] if session_id else HEADERS
        body = json.dumps(message).encode()
        response, _taken = await wire.over_asgi(application, "/plain", "POST", headers, [body])
        return response

    return asyncio.run(talk(ask))


def call(tool, **arguments):
    return wire.request("tools/call", {"name": tool, "arguments": arguments})


def text_of(response):
    return response.json()["result"]["content"][0]["text"]


@pytest.mark.django_db(transaction=True)
def test_a_session_works_where_the_threads_are_the_lanes_own():
    async def talk(ask):
        session_id = (await ask(wire.initialize())).headers["mcp-session-id"]
        calls = [
            call("count"),
            call("count_async"),
            call("save_group", name="a"),
            call("save_group_async", name="b"),
            call("save_group_and_fail", name="c"),
            call("save_group_and_fail_async", name="d"),
            call("find_groups", name="b"),
        ]
        return [text_of(await ask(message, session_id)) for message in calls]

    texts = serve(talk)

    assert texts[:4] == ["1", "2", "a", "b"]
    assert [text.startswith("The tool save_group_and_fail") for text in texts[4:6]] == [True, True]
    assert texts[6] == '["b"]'
    assert sorted(Group.objects.values_list("name", flat=True)) == ["a", "b"]
    assert Session.objects.get().state == {"count": 2}


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_time_are_answered_each_with_its_own():
    async def talk(ask):
        session_id = (await ask(wire.initialize())).headers["mcp-session-id"]
        messages = [call(f"greet{colour}", name=str(number)) for number in range(10) for colour in ("", "_async")]
        return await asyncio.gather(*(ask(message | {"id": key}, session_id) for key, message in enumerate(messages)))

    texts = [text_of(response) for response in serve(talk)]

    assert texts == [f"Hello, {number}" for number in range(10) for _ in range(2)]


@pytest.mark.django_db(transaction=True)
def test_a_session_that_is_long_in_opening_is_opened_all_the_same(monkeypatch, settings):
    """A stream that the silence opened would have no header for its id; nor could a caller who waits be told 401."""
    monkeypatch.setattr(request_stream, "WATCH_AFTER_SECONDS", 0)
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    is_late, open_session, loops = threading.Event(), sessions.open, []

    def open_late(**said):
        loops[0].call_soon_threadsafe(loops[0].call_later, 0.2, is_late.set)
        assert is_late.wait(10)
        return open_session(**said)

    monkeypatch.setattr(sessions, "open", open_late)

    async def talk(ask):
        loops.append(asyncio.get_running_loop())
        return await ask(wire.initialize())

    response = serve(talk)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["mcp-session-id"] == Session.objects.get().session_id


def test_a_request_that_fails_after_its_stream_has_begun_ends_it_with_an_error(monkeypatch, caplog):
    """The headers are sent already, so a second answer would be an error in the ASGI server."""
    sent = []

    async def fail(call, loop_context):
        call.request.stream.notify("notifications/message", {"level": "info", "data": "begun"})
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        raise RuntimeError("beyond a reply")

    monkeypatch.setattr(exchange, "arun", fail)
    message = wire.modern_request("tools/call", {"name": "greet_async", "arguments": {"name": "Ada"}})

    async def receive():
        if not sent:
            return {"type": "http.request", "body": json.dumps(message).encode()}
        await asyncio.Event().wait()

    async def send(part):
        sent.append(part)

    scope = wire.scope("/plain", "POST", [*CALL_HEADERS[:-1], ("mcp-name", "greet_async")])
    async_to_sync(mcp_application(get_asgi_application()))(scope, receive, send)

    assert [part["type"] for part in sent] == ["http.response.start"] + ["http.response.body"] * 3
    last = json.loads(sent[-2]["body"].decode().rpartition("data: ")[2])
    assert last == wire.error(-32603, "Internal server error", message["id"])
    assert "beyond a reply" in caplog.text


# Subscriptions, of which a process keeps so many open


def test_one_subscription_too_many_is_503_and_says_when_to_come_back(settings):
    settings.MCP_MAX_LISTENERS = 0
    client = MCPClient("/plain", lane="asgi")

    response = client.post(wire.modern_request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}))

    assert (response.status_code, response.headers["retry-after"]) == (503, "60")
    assert response.json() == wire.error(-32603, "Too many open subscriptions", 1)


def test_one_subscription_too_many_of_one_user_is_429_and_nobody_else_is_kept_out(settings):
    settings.MCP_MAX_LISTENERS_PER_PRINCIPAL = 0
    ada = User.objects.create_user("ada")
    subscribe = wire.modern_request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})

    response = MCPClient("/closed", lane="asgi", user=ada).post(subscribe)

    assert (response.status_code, response.headers["retry-after"]) == (429, "60")
    assert response.json() == wire.error(-32603, "Too many open subscriptions", 1)
    assert MCPClient("/plain", lane="asgi").post(subscribe).status_code == 200


def test_the_subscriptions_of_a_user_count_together_whichever_client_opened_them(settings, monkeypatch):
    settings.MCP_MAX_LISTENERS_PER_PRINCIPAL = 1
    ada = User.objects.create_user("ada")
    open_one = SimpleNamespace(account=Principal(f"user:{ada.pk}:client:c1", ada).account)
    monkeypatch.setattr(handler, "listeners", lambda: [open_one])
    subscribe = wire.modern_request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})

    def status(client_id):
        headers = {"authorization": f"Bearer {client_id}:"}
        return MCPClient("/scoped", lane="asgi", headers=headers).post(subscribe).status_code

    assert (status("c1"), status("c2")) == (429, 429)
    open_one.account = "user:0"
    assert status("c2") == 200


def test_a_body_that_does_not_come_is_408_and_the_connection_ends(settings):
    settings.MCP_BODY_TIMEOUT_SECONDS = 0.01

    async def talk():
        return await wire.over_asgi(mcp_application(get_asgi_application()), "/token", "POST", CALL_HEADERS, [])

    response, _ = async_to_sync(talk)()

    assert (response.status_code, response.headers["connection"]) == (408, "close")
    assert response.json() == wire.error(-32600, "The request body did not come in time")
