"""The steps between a message and the developer's function: the methods that exist, and their parameters."""

import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from mcp_types.methods import CLIENT_REQUESTS

from django_mcp import CacheHints, Context, Icon, MCPServer, default_server
from django_mcp.conf import mcp_settings
from django_mcp.execution.runner import run
from django_mcp.methods import answering
from django_mcp.methods.answering import PendingReply
from django_mcp.methods.effects import CancelRequest, KeepAnswer, SetLogLevel
from django_mcp.methods.request import Call, Outcome
from django_mcp.methods.table import METHODS
from django_mcp.protocol.replies import ACCEPTED, Reply
from tests import wire
from tests.answering import CALLER, HANDSHAKE, MODERN, VERSIONS, Session, ask, inbound
from tests.tables import cases


@pytest.fixture
def server():
    server = MCPServer("test", version="1")

    @server.tool
    def echo(value="none"):
        return {"value": value}

    @server.resource("book://{title}")
    def book(title: str) -> str:
        return title

    @server.prompt(complete={"what": lambda value: [value]})
    def question(what: str) -> str:
        return what

    return server


def prepare(server, message, version="2025-11-25", session=None):
    return answering.prepare(server, inbound(message, version), session or Session(version), CALLER)


# Identity


def test_a_server_is_what_it_is_made_with():
    server = MCPServer(
        "bench",
        version="2",
        title="Bench",
        description="A bench",
        instructions="Sit.",
        website_url="https://example.com",
        icons=[Icon("data:,")],
        page_size=7,
        cache=CacheHints(5, "public"),
    )

    assert (server.name, server.version, server.title, server.instructions) == ("bench", "2", "Bench", "Sit.")
    assert (server.page_size, server.cache) == (7, CacheHints(5, "public"))
    assert server.implementation() == {
        "name": "bench",
        "version": "2",
        "title": "Bench",
        "description": "A bench",
        "websiteUrl": "https://example.com",
        "icons": [{"src": "data:,"}],
    }
    assert repr(server) == "<MCPServer 'bench'>"


def test_the_default_servers_identity_is_the_settings_as_they_are_now(settings):
    settings.MCP_SERVER_NAME = "mine"
    settings.MCP_SERVER_VERSION = "3"
    settings.MCP_SERVER_TITLE = "Mine"
    settings.MCP_SERVER_INSTRUCTIONS = "Ask."
    settings.MCP_PAGE_SIZE = 9

    assert (default_server.name, default_server.version, default_server.title) == ("mine", "3", "Mine")
    assert (default_server.instructions, default_server.page_size) == ("Ask.", 9)


def test_a_named_server_has_none_of_the_default_ones_identity(settings):
    settings.MCP_SERVER_TITLE = "Mine"
    settings.MCP_SERVER_VERSION = "3"
    settings.MCP_SERVER_INSTRUCTIONS = "Ask."
    server = MCPServer("other")

    assert (server.title, server.instructions, server.page_size) == (None, None, mcp_settings.PAGE_SIZE)
    assert server.version not in ("", "3")  # The protocol needs one: the package's own.
    assert server.implementation() == {"name": "other", "version": server.version}


# Decorators


def test_decorators_leave_the_function_a_function():
    server = MCPServer("test")

    def function():
        return 5

    assert server.tool(function) is function
    assert server.tool(name="other")(function) is function
    assert server.prompt(function) is function
    assert server.prompt(name="other")(function) is function
    assert server.resource("a:b")(function) is function
    assert list(server.registry.tools) == list(server.registry.prompts) == ["function", "other"]


@cases("name", ["", "x" * 201, "a\0", "a\nb", "\udcff"])
def test_a_name_that_no_session_can_carry_is_refused(name):
    with pytest.raises(ImproperlyConfigured, match="1 to 200 characters that can be printed"):
        MCPServer(name)


@cases("decorate", [lambda server: server.tool("name"), lambda server: server.prompt("name")])
def test_a_name_is_given_by_keyword(decorate):
    with pytest.raises(TypeError, match="Use the decorator bare or with keywords"):
        decorate(MCPServer("test"))


def test_a_resource_needs_its_uri():
    with pytest.raises(TypeError, match="@resource needs the URI"):
        MCPServer("test").resource(lambda: "hi")


def test_an_option_that_there_is_not_is_told():
    with pytest.raises(ImproperlyConfigured, match="has no option 'readonly'"):
        MCPServer("test").tool(readonly=True)(lambda: None)


# Capabilities


@pytest.mark.parametrize(
    ("streams", "offered"),
    [
        (
            True,
            {
                "tools": {"listChanged": True},
                "resources": {"listChanged": True, "subscribe": True},
                "prompts": {"listChanged": True},
                "completions": {},
                "logging": {},
            },
        ),
        (False, {"tools": {}, "resources": {}, "prompts": {}, "completions": {}, "logging": {}}),
    ],
)
def test_a_server_offers_what_it_has(server, streams, offered):
    assert server.capabilities(streams=streams) == offered


def test_a_server_offers_nothing_that_it_has_not():
    assert MCPServer("bare").capabilities() == {"logging": {}}


# Methods


@cases("method", METHODS)
def test_every_method_is_one_of_the_revisions_that_have_it(method):
    eras = {"modern" if version == MODERN else "handshake" for name, version in CLIENT_REQUESTS if name == method}

    assert set(METHODS[method].eras) == eras


def test_every_method_of_the_specification_is_here():
    assert {name for name, _ in CLIENT_REQUESTS} == set(METHODS)


@cases("version", VERSIONS)
@cases("method", ["no/such", "", "tools/List", "tools/list ", "notifications/initialized", "tasks/list"])
def test_a_method_that_there_is_not_is_not_found(server, method, version):
    answer = ask(server, method, version=version)

    assert answer.status == (404 if version == MODERN else 200)
    assert answer.error == {"code": -32601, "message": f"Method not found: {method}"}


@cases(
    ("version", "methods"),
    [
        *((version, ["resources/subscribe", "resources/unsubscribe"]) for version in HANDSHAKE),
        (MODERN, ["subscriptions/listen"]),
    ],
)
def test_where_nobody_can_be_told_of_changes_there_is_no_subscribing(server, version, methods):
    for method in methods:
        answer = ask(server, method, {"uri": "book://a", "notifications": {}}, version)

        assert (answer.status, answer.error["code"]) == (404 if version == MODERN else 200, -32601)


# Parameters


@cases("version", VERSIONS)
@cases(
    ("method", "params"),
    [
        ("tools/list", {"unknown": 1}),
        ("tools/call", {"name": "echo", "unknown": 1}),
        ("tools/call", {"name": "echo", "arguments": {}, "task": {"ttl": 5}}),
        ("tools/call", {"name": "echo", "_meta": {**wire.ENVELOPE, "progressToken": 0, "example.com/a": [1]}}),
        ("prompts/get", {"name": "question", "arguments": {"what": "x"}, "unknown": 1}),
        ("resources/read", {"uri": "book://a", "unknown": 1}),
    ],
)
def test_members_that_a_revision_does_not_know_are_ignored(server, method, params, version):
    assert ask(server, method, params, version).status == 200


@cases(
    ("method", "params"),
    [
        ("tools/list", {"_meta": 5}),
        ("tools/call", {"name": "echo", "_meta": "x"}),
        ("tools/call", {"name": "echo", "arguments": {}, "_meta": {"progressToken": 1.5}}),
        ("tools/call", {"name": "echo", "arguments": {}, "_meta": {"progressToken": []}}),
    ],
)
def test_a_handshake_clients_meta_has_the_shape_of_one(server, method, params):
    answer = ask(server, method, params)

    assert answer.error["code"] == -32602
    assert answer.error["message"].startswith("Invalid params: params._meta")


@cases("version", HANDSHAKE)
def test_parameters_are_needed_where_the_method_has_some(server, version):
    answer = ask(server, "tools/call", version=version)

    assert answer.error == {"code": -32602, "message": "Invalid params: params: Field required"}


def test_what_the_client_sent_is_not_told_back(server):
    answer = ask(server, "tools/call", {"name": "echo", "arguments": "hunter2" * 1000})

    assert "hunter2" not in answer.error["message"]


@cases("value", ["\0", "🛫", "a" * 100_000, 10**400, -(10**30), 1e308, [[[]]], {"": None}, None, True])
@cases("version", VERSIONS)
def test_awkward_values_come_back_as_they_went(server, value, version):
    answer = ask(server, "tools/call", {"name": "echo", "arguments": {"value": value}}, version)

    assert json.loads(answer.result["content"][0]["text"]) == {"value": value}


# The revision


@pytest.mark.parametrize(
    ("session", "header", "version"),
    [
        (Session("2025-06-18"), None, "2025-06-18"),
        (Session("2025-06-18"), "2024-11-05", "2025-06-18"),
        (None, "2025-06-18", "2025-06-18"),
        # Without a session and without a header it is the revision before there was one.
        (None, None, "2025-03-26"),
        (None, MODERN, "2025-03-26"),
    ],
)
def test_a_handshake_client_speaks_its_sessions_revision_or_its_headers(server, session, header, version):
    seen = []

    @server.tool
    def look(ctx: Context):
        seen.append(ctx.protocol_version)

    headers = {} if header is None else {"mcp-protocol-version": header}
    message = inbound(wire.request("tools/call", {"name": "look", "arguments": {}}), "2025-11-25", headers)
    run(answering.prepare(server, message, session, CALLER))

    assert seen == [version]


# Notifications and responses


@cases(
    "message",
    [
        wire.notification(),
        wire.notification("notifications/roots/list_changed"),
        wire.notification("no/such"),
        wire.notification("tools/call"),
        wire.notification("initialize"),
        {**wire.notification("notifications/progress"), "params": {"progressToken": 1, "progress": 1}},
        {**wire.notification("notifications/cancelled"), "params": {}},
        {**wire.notification("notifications/cancelled"), "params": {"requestId": None}},
        {**wire.notification("notifications/cancelled"), "params": {"requestId": True}},
        {**wire.notification("notifications/cancelled"), "params": {"requestId": [1]}},
        {**wire.notification("notifications/cancelled"), "params": None},
    ],
)
@cases("version", VERSIONS)
def test_a_notification_is_accepted_and_never_answered(server, message, version):
    assert prepare(server, message, version) is ACCEPTED


def test_a_cancellation_is_the_sessions_to_carry_out(server):
    message = {**wire.notification("notifications/cancelled"), "params": {"requestId": "7", "reason": "bored"}}

    assert prepare(server, message) == PendingReply(ACCEPTED, CancelRequest("7"), None)


def test_a_modern_cancellation_cancels_nothing(server):
    """Ids are the clients' own, and two clients may use the same one at the same time (spec 2026-07-28)."""
    message = {**wire.notification("notifications/cancelled"), "params": {"requestId": 7, "_meta": wire.ENVELOPE}}

    assert prepare(server, message, MODERN) is ACCEPTED


@pytest.mark.parametrize("message", [wire.answer({"action": "accept"}, 7), wire.error(-1, "no", "x")])
def test_a_response_is_kept_for_what_waits_for_it(server, message):
    assert prepare(server, message) == PendingReply(ACCEPTED, KeepAnswer(message["id"], message), None)


# Preparing and finishing


def test_a_reply_with_an_effect_waits_for_it(server):
    step = prepare(server, wire.request("logging/setLevel", {"level": "debug"}))

    assert step == PendingReply(Reply(200, b'{"jsonrpc":"2.0","id":1,"result":{}}'), SetLogLevel("debug"), 1)


@cases("request_id", [0, -1, "", "1", 2**63 - 1])
def test_a_call_is_finished_under_the_id_of_its_request(server, request_id):
    step = prepare(server, wire.request("tools/call", {"name": "echo", "arguments": {}}, request_id))
    assert isinstance(step, Call)

    body = json.loads(answering.finish(step, run(step)).body)

    assert body["id"] == request_id
    assert type(body["id"]) is type(request_id)


def test_an_outcome_of_the_carriers_own_is_a_failure_too(server, caplog):
    step = prepare(server, wire.request("tools/call", {"name": "echo", "arguments": {}}))

    body = json.loads(answering.finish(step, Outcome(error=RuntimeError("no room"))).body)

    assert body["result"]["isError"] is True
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "no room" not in str(body)
