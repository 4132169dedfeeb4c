"""`MCPClient` and `AsyncMCPClient`, with which projects test their own tools."""

import inspect
import json
from typing import Any
from unittest.mock import ANY

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.test import TestCase

from django_mcp import ClientRefused, ClientTimeout
from django_mcp.execution.under_test import NO_TEST, under_test
from django_mcp.models import Session
from django_mcp.testing import AsyncMCPClient, MCPClient, MCPError
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


class Recorder:
    """An ASGI application that keeps what it is asked, and answers with a result."""

    def __init__(self, **result: Any) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.result = result

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = (await receive())["body"]
        self.requests.append((headers, body))
        answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": self.result}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer[:5], "more_body": True})
        await send({"type": "http.response.body", "body": answer[5:]})


@pytest.fixture
def recorder():
    return Recorder()


def sent(recorder, name):
    return recorder.requests[-1][0].get(name)


def test_a_handshake_client_opens_its_session_when_it_is_first_used(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    assert client.session_id is None

    client.list_tools()

    assert client.session_id == Session.objects.get().session_id
    assert client.server["serverInfo"] == {"name": "plain", "version": "1.0"}
    client.list_tools()
    assert Session.objects.count() == 1


def test_a_client_goes_on_at_the_revision_that_the_server_settled_on(lane):
    client = MCPClient("/plain", version="2025-06-18", **lane)
    client.initialize()

    assert client.version == "2025-06-18"


def test_a_client_speaks_as_the_official_ones_do(recorder):
    modern = MCPClient(lane="asgi", application=recorder, client_info={"name": "me", "version": "2"})
    modern.call_tool("greet", {"name": "Ada"}, **{"Mcp-Param-Name": "Ada"})

    headers, body = recorder.requests[-1]
    assert headers == {
        "host": "testserver",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "greet",
        "mcp-param-name": "Ada",
    }
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "greet",
            "arguments": {"name": "Ada"},
            "_meta": {
                "progressToken": 1,
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "me", "version": "2"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }


def test_headers_can_be_given_replaced_and_left_out(recorder):
    client = MCPClient(lane="asgi", application=recorder, headers={"Authorization": "Token x", "X-Empty": ""})

    client.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"Accept": "*/*", "MCP-Protocol-Version": ""})

    assert sent(recorder, "authorization") == "Token x"
    assert sent(recorder, "accept") == "*/*"
    assert sent(recorder, "mcp-protocol-version") is None
    assert sent(recorder, "x-empty") is None


def test_an_error_is_raised_with_all_that_the_server_said(connect, era):
    client = connect("/plain")

    with pytest.raises(MCPError, match="Resource not found") as refused:
        client.read_resource("note://nothing")

    error = refused.value
    assert error.data == {"uri": "note://nothing"}
    assert str(error) == f"Resource not found ({error.code}, HTTP {error.status})"


def test_all_pages_of_a_list_are_read(connect, settings):
    everything = connect("/plain").list_tools()
    settings.MCP_PAGE_SIZE = 1

    assert connect("/plain").list_tools() == everything


def test_a_client_calls_as_its_user_past_the_authenticators(connect, django_user_model):
    ada = django_user_model.objects.create_user("ada")

    assert connect("/token", user=ada).call_tool("describe_caller").data["user"] == "ada"
    assert under_test() is NO_TEST
    assert connect("/token").send("DELETE").status_code == 401


def test_a_client_ends_its_session(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()

    assert client.close().json() == {"success": True}
    assert Session.objects.get().is_terminated


def test_a_notification_has_no_answer(connect):
    client = connect("/plain")
    client.initialize()

    response = client.notify("notifications/cancelled", {"requestId": 1})

    assert (response.status_code, response.content) == (202, b"")


@pytest.mark.every_combination
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"count": 2}, "2 pies"),
        (lambda params: {"count": len(params["message"])}, "14 pies"),
        ("decline", "decline"),
        ([{"count": "many"}, {"count": 3}], "3 pies"),
    ],
)
def test_a_client_answers_what_the_server_asks(connect, answer, text):
    client = connect("/plain", answers={"elicit": answer})

    assert client.capabilities == {"elicitation": {}}
    assert client.call_tool("order", {"dish": "pies"}).text == text


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"roots": []}, "The server sent elicitation/create, and answers= has no 'elicit'."),
        ({"elicit": [{"count": "many"}]}, r"The server asked again, and answers\['elicit'\] has 1 answers."),
        ({"elicit": lambda params: pytest.fail(params["message"])}, "How many pies"),
        ({"elicit": "yes"}, "one of accept, decline, cancel: not 'yes'"),
    ],
)
def test_a_question_that_the_test_cannot_answer_fails_it(connect, answers, told):
    """Also in the handshake era, where the tool meets the failure, and would tell the model of it."""
    client = connect("/plain", answers=answers, capabilities={"elicitation": {}})

    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception), match=told):
        client.call_tool("order", {"dish": "pies"})


def test_a_client_may_refuse_or_stay_silent(lane):
    for refusal in (ClientRefused("no"), ClientTimeout("The client did not answer")):
        client = MCPClient("/plain", era="handshake", answers={"elicit": refusal}, **lane)

        client.call_tool("order", {"dish": "pies"}).error(str(refusal)).asked(times=1)


@pytest.mark.every_combination
def test_what_the_server_says_beside_its_answer_is_kept(connect, era):
    client = connect("/plain", answers={"elicit": "cancel"})
    level = {"_meta": {"io.modelcontextprotocol/logLevel": "info"}} if era == "modern" else {}

    client.request("tools/call", {"name": "order", "arguments": {"dish": "pies\u2028"}, **level})

    said = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": ANY}}
    assert said in client.notifications
    assert client.notifications[0]["params"]["data"] == "Asked for pies\u2028"


class ProjectTests(TestCase):
    """As a project would write them: with unittest, inside the transaction of each test."""

    def test_what_a_tool_writes_is_seen_by_its_test(self):
        for lane in ("view", "asgi"):
            for colour in ("", "_async"):
                name = f"{lane}{colour}"
                MCPClient("/plain", lane=lane).call_tool(f"save_group{colour}", {"name": name})
                assert Group.objects.filter(name=name).exists()

    def test_what_a_test_has_written_is_seen_by_a_tool(self):
        Group.objects.create(name="mine")

        for lane in ("view", "asgi"):
            assert MCPClient("/plain", lane=lane).call_tool("find_groups", {"name": "mine"}).data == ["mine"]


@cases("name", [name for name in vars(MCPClient) if not name.startswith("_")])
def test_both_clients_have_the_same_verbs(name):
    of_both = [inspect.signature(getattr(client, name)) for client in (MCPClient, AsyncMCPClient)]

    assert of_both[0] == of_both[1]
    assert inspect.iscoroutinefunction(getattr(AsyncMCPClient, name))


def converse(lane, era):
    """The client of a coroutine, and the arguments that the one of a function has too."""
    return AsyncMCPClient("/plain", era=era, **lane, answers={"elicit": eat})


def eat(params):
    return {"count": len(params["message"])}


@pytest.mark.django_db(transaction=True)
async def test_a_coroutine_converses_as_a_function_does(lane, era):
    """The verbs share their steps; here those steps are awaited, in each lane."""
    client, other = converse(lane, era), MCPClient("/plain", era=era)
    listed = await sync_to_async(lambda: [other.list_tools(), other.list_resources(), other.list_prompts()])()

    assert [await client.list_tools(), await client.list_resources(), await client.list_prompts()] == listed
    assert (await client.call_tool("order", {"dish": "pies"})).text == "14 pies"
    assert (await client.call_tool("greet_async", {"name": "Ada"})).text == "Hello, Ada"
    with pytest.raises(MCPError, match="Resource not found"):
        await client.read_resource("note://nothing")
    assert (await client.notify("notifications/cancelled", {"requestId": 1})).status_code == 202
    assert (await client.close()).status_code == (200 if era == "handshake" else 400)


class AsyncProjectTests(TestCase):
    """Django runs a coroutine so that sync code is in the thread of the test, inside its transaction."""

    async def test_a_tool_and_its_test_are_in_one_transaction(self):
        await Group.objects.acreate(name="mine")

        for lane in ("view", "asgi"):
            client = AsyncMCPClient("/plain", lane=lane)
            for colour in ("", "_async"):
                await client.call_tool(f"save_group{colour}", {"name": f"{lane}{colour}"})
                assert await Group.objects.filter(name=f"{lane}{colour}").aexists()
            assert (await client.call_tool("find_groups", {"name": "mine"})).data == ["mine"]


def test_what_is_no_endpoint_is_told_by_its_status_and_path(settings):
    told = "/wrong answered 404 with text/html.*, and no MCP message. Is an endpoint mounted at that path"
    for era in ("modern", "handshake"):
        with pytest.raises(AssertionError, match=told):
            MCPClient("/wrong", era=era).list_tools()

    settings.ALLOWED_HOSTS = ["example.com"]
    settings.DEBUG = False
    with pytest.raises(AssertionError, match=r"/wrong answered 400 .*setup_test_environment\(\) first"):
        MCPClient("/wrong").list_tools()


def test_a_project_without_an_asgi_application_is_told_to_name_one(settings):
    settings.ASGI_APPLICATION = None

    with pytest.raises(ImproperlyConfigured, match=r"set ASGI_APPLICATION, .* or give MCPClient application="):
        MCPClient("/mcp", lane="asgi").list_tools()
