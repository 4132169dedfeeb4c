"""A stdio client's connection: sessions, both eras, cancellation, questions, changes, and lines that are nothing."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from rest_framework.throttling import BaseThrottle

from django_mcp.models import Session
from django_mcp.stdio.request import LocalRequest
from django_mcp.storage import sessions
from tests import wire
from tests.stdio.pipes import begun, local_endpoint, server, talk

pytestmark = pytest.mark.django_db

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def modern_call(tool, request_id, capabilities=None, /, **arguments):
    meta = {**MODERN, "io.modelcontextprotocol/clientCapabilities": capabilities or {}}
    return wire.request("tools/call", {"name": tool, "arguments": arguments, "_meta": meta}, request_id)


def text_of(response):
    return response["result"]["content"][0]["text"]


def test_a_handshake_client_has_a_session_that_ends_with_its_connection():
    async def conversation(client):
        opened = await client.initialize()
        for request_id in (2, 3):
            await client.call("count", request_id)
            await client.result(request_id)
        return opened, text_of(await client.result(3))

    opened, counted = talk(conversation)

    assert opened["result"]["protocolVersion"] == "2025-11-25"
    assert opened["result"]["capabilities"]["tools"] == {"listChanged": True}
    assert counted == "2"
    assert Session.objects.get().terminated_at is not None


def test_progress_comes_before_the_result_in_either_era():
    async def conversation(client):
        await client.initialize()
        params = {"name": "greet", "arguments": {"name": "Ada"}, "_meta": {"progressToken": 9}}
        await client.send(wire.request("tools/call", params, 2))
        await client.send(wire.request("tools/call", {**params, "_meta": {**MODERN, "progressToken": 8}}, 3))
        await client.result(2)
        await client.result(3)
        return client.heard[1:]

    heard = talk(conversation)

    for token, request_id in ((9, 2), (8, 3)):
        progress = {"progressToken": token, "progress": 1, "total": 2, "message": "Half way"}
        said = wire.notification("notifications/progress") | {"params": progress}
        result = next(message for message in heard if message.get("id") == request_id)
        assert heard.index(said) < heard.index(result)
        assert text_of(result) == "Hello, Ada, from nobody"


def test_the_user_is_the_one_that_the_endpoint_was_made_for_and_is_asked_for_again():
    ada = User.objects.create_user("ada")

    async def conversation(client):
        await client.send(modern_call("greet", 1, name="Bob"))
        first = text_of(await client.result(1))
        await User.objects.filter(pk=ada.pk).aupdate(is_active=False)
        await client.send(modern_call("greet", 2, name="Bob"))
        return first, await client.result(2)

    first, second = talk(conversation, local_endpoint(ada, public=False))

    assert first == "Hello, Bob, from ada"
    assert (second["id"], second["error"]["code"]) == (2, -32600)


def test_requests_run_beside_each_other_and_are_cancelled_by_their_client_in_either_era():
    async def conversation(client):
        await client.initialize()
        await client.call("stay", 2)
        await client.send(modern_call("stay", "m"))
        await client.call("greet", 4, name="Ada")
        await client.result(4)
        while set(begun) != {2, "m"}:
            await asyncio.sleep(0.001)
        for request_id in (2, "m", 77):
            await client.send(wire.notification("notifications/cancelled") | {"params": {"requestId": request_id}})
        async with asyncio.timeout(10):
            while begun or client.connection._running:
                await asyncio.sleep(0.001)
        return client.heard

    heard = talk(conversation)

    assert [message["id"] for message in heard if "id" in message] == [1, 4]


def test_a_session_client_is_asked_through_its_own_pipe():
    async def conversation(client):
        await client.initialize(capabilities={"elicitation": {}, "sampling": {}, "roots": {}})
        await client.call("order", 2, dish="fish")
        asked = await client.hears(lambda message: message.get("method") == "elicitation/create")
        await client.send(wire.answer({"action": "accept", "content": {"count": 3}}, asked["id"]))
        await client.call("ask_all", 3)
        asked = await client.hears(lambda message: message.get("method") == "sampling/createMessage")
        poem = {"role": "assistant", "content": {"type": "text", "text": "A poem"}, "model": "m"}
        await client.send(wire.answer(poem, asked["id"]))
        asked = await client.hears(lambda message: message.get("method") == "roots/list")
        await client.send(wire.answer({"roots": [{"uri": "file:///home"}]}, asked["id"]))
        return text_of(await client.result(2)), (await client.result(3))["result"]["structuredContent"]["result"]

    assert talk(conversation) == ("3 fish", ["A poem", "file:///home"])


def test_a_modern_client_answers_in_its_next_round():
    async def conversation(client):
        await client.send(modern_call("order", 1, {"elicitation": {}}, dish="fish"))
        asked = (await client.result(1))["result"]
        answers = {key: {"action": "accept", "content": {"count": 2}} for key in asked["inputRequests"]}
        again = modern_call("order", 2, {"elicitation": {}}, dish="fish")
        again["params"] |= {"inputResponses": answers, "requestState": asked["requestState"]}
        await client.send(again)
        return text_of(await client.result(2))

    assert talk(conversation) == "2 fish"


def test_changes_and_subscribed_resources_are_told_in_either_era(django_capture_on_commit_callbacks):
    def change():
        with django_capture_on_commit_callbacks(execute=True):
            server.notify_tools_changed()
            server.notify_resource_updated("note://motto")

    async def conversation(client):
        await client.initialize()
        await client.send(wire.request("resources/subscribe", {"uri": "note://motto"}, 2))
        await client.result(2)
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["note://motto"]}
        await client.send(wire.request("subscriptions/listen", {"notifications": wanted, "_meta": MODERN}, "l"))
        await client.hears(lambda message: message.get("method") == "notifications/subscriptions/acknowledged")
        await sync_to_async(change)()
        for method in ("notifications/tools/list_changed", "notifications/resources/updated"):
            for tag in ({}, {"io.modelcontextprotocol/subscriptionId": "l"}):

                def fits(message, method=method, tag=tag):
                    return message.get("method") == method and message.get("params", {}).get("_meta", {}) == tag

                await client.hears(fits)
        await client.send(wire.notification("notifications/cancelled") | {"params": {"requestId": "l"}})
        async with asyncio.timeout(10):
            while client.connection._running:
                await asyncio.sleep(0.001)

    talk(conversation)


def test_a_stream_that_the_tool_closes_is_read_to_its_end():
    async def conversation(client):
        await client.initialize()
        await client.call("leave", 2)
        return text_of(await client.result(2)), [
            message["params"]["data"] for message in client.heard if message.get("method") == "notifications/message"
        ]

    assert talk(conversation) == ("left", ["before", "after"])


def test_lines_that_are_no_messages_are_answered_with_errors_and_end_nothing(settings):
    settings.MCP_MAX_BODY_BYTES = 200
    endpoint = local_endpoint()

    async def conversation(client):
        for line in (
            b"rubbish",
            b"42",
            b"[]",
            b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
            b'{"id":5,"method":"ping"}',
        ):
            await client.send(line)
        await client.send(b'"\xff"')
        await client.send(b"[" * 199)
        await client.hears(lambda message: message.get("id") == 5)
        await client.send(wire.request("ping", request_id=6))
        await client.send(wire.notification("notifications/unknown"))
        await client.send(wire.answer({}, 99))
        await client.initialize()
        await client.send(wire.request("ping", request_id=7))
        await client.result(7)
        return client.heard

    heard = talk(conversation, endpoint)
    errors = [(message["id"], message["error"]["code"]) for message in heard if "error" in message]

    assert sorted(errors, key=str) == sorted(
        [(None, -32700), *[(None, -32600)] * 3, (5, -32600), (None, -32700), (None, -32700), (6, -32600)], key=str
    )
    assert next(m["error"]["message"] for m in heard if m.get("id") == 6) == "Invalid Request: initialize first"
    assert {"jsonrpc": "2.0", "id": 7, "result": {}} in heard


def test_as_many_requests_run_as_the_setting_says_each_with_an_id_of_its_own(settings):
    settings.MCP_STDIO_MAX_REQUESTS = 2

    async def conversation(client):
        await client.initialize()
        await client.call("stay", 2)
        await client.call("stay", 2)
        await client.call("stay", 3)
        await client.call("greet", 4, name="Ada")
        return [message for message in client.heard if "error" in message]

    assert talk(conversation) == [
        wire.error(-32600, "Invalid Request: a request with this id still runs", 2),
        wire.error(-32603, "Too many requests: 2 run at once", 4),
    ]


def test_a_session_that_an_operator_terminates_ends_the_connection():
    async def conversation(client):
        await client.initialize()
        async for session in Session.objects.all():
            await _terminate(session)
        await asyncio.wait_for(client.connection.is_over.wait(), 10)
        return True

    assert talk(conversation)


async def _terminate(session):
    await sync_to_async(sessions.terminate)(session.session_id, server="piped", principal="")


class NoMore(BaseThrottle):
    def allow_request(self, request, view):
        return request.META["REMOTE_ADDR"] != "127.0.0.1"


def test_the_endpoints_own_policies_hold_and_are_answered_with_the_requests_id():
    async def conversation(client):
        await client.send(modern_call("greet", 1, name="Ada"))
        return [await client.result(1)]

    [refused] = talk(conversation, local_endpoint(throttle_classes=[NoMore]))

    assert refused == wire.error(-32600, "Too many requests", 1)


def test_the_end_waits_for_no_stream_that_takes_a_cancellation_for_its_own(monkeypatch):
    """As a stream does that closes itself in the same moment: it cancels its own task."""
    run, listening = LocalRequest.run, asyncio.Event()

    async def closing(request):
        if request._scope["method"] != "GET":
            return await run(request)
        request.status = 200
        listening.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()

    monkeypatch.setattr(LocalRequest, "run", closing)

    async def conversation(client):
        await client.initialize()
        async with asyncio.timeout(10):
            await listening.wait()
            await client.connection.end(0)

    talk(conversation)

    assert Session.objects.get().terminated_at is not None
