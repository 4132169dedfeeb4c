"""Subscriptions: those of a handshake client, and those that a modern client asks for and is granted."""

from django_mcp import MCPServer
from django_mcp.methods.answering import prepare
from django_mcp.methods.effects import Subscribe, Unsubscribe
from django_mcp.methods.request import LIST_CHANGES, Listen
from tests import wire
from tests.answering import CALLER, HANDSHAKE, MODERN, ask, inbound
from tests.tables import cases

server = MCPServer("test", version="1")
UPDATED = "notifications/resources/updated"


@server.resource("news://latest")
def latest() -> str:
    return "hi"


@server.resource("news://{number}/text")
def article(number: str) -> str:
    return number


def server_of(*kinds):
    """A server with tools, resources or prompts, as named."""
    made = MCPServer("test", version="1")
    if "tools" in kinds:
        made.tool(lambda: None, name="tool")
    if "resources" in kinds:
        made.resource("news://latest", name="news")(lambda: "hi")
    if "prompts" in kinds:
        made.prompt(lambda: "hi", name="prompt")
    return made


def listen(wishes, to=server):
    message = wire.modern_request("subscriptions/listen", {"notifications": wishes})
    return prepare(to, inbound(message, MODERN), None, CALLER, streams=True)


def honoured(wishes, to=server):
    step = listen(wishes, to)
    assert isinstance(step, Listen)
    return step.honoured


# resources/subscribe


@cases("version", HANDSHAKE)
@cases("uri", ["news://latest", "news://5/text"])
def test_a_session_subscribes_to_a_resource_that_there_is(uri, version):
    answer = ask(server, "resources/subscribe", {"uri": uri}, version, streams=True)

    assert (answer.message, answer.effect) == ({"result": {}}, Subscribe(uri))


@cases("uri", ["news://nothing", "", "news://LATEST", "\u0000"])
def test_a_resource_that_is_not_there_is_refused_as_reading_it_is(uri):
    """Spec 2025-11-25 server/resources."""
    answer = ask(server, "resources/subscribe", {"uri": uri}, streams=True)

    assert answer.effect is None
    assert answer.error == {"code": -32002, "message": "Resource not found", "data": {"uri": uri}}
    assert answer.error == ask(server, "resources/read", {"uri": uri}).error


@cases("uri", ["news://latest", "news://gone"])
def test_a_session_unsubscribes_from_whatever_it_likes(uri):
    """A resource may have gone since."""
    answer = ask(server, "resources/unsubscribe", {"uri": uri}, streams=True)

    assert (answer.message, answer.effect) == ({"result": {}}, Unsubscribe(uri))


@cases("method", ["resources/subscribe", "resources/unsubscribe"])
@cases("params", [None, {}, {"uri": None}, {"uri": 5}, {"uri": ["news://latest"]}])
def test_a_subscription_needs_the_uri(method, params):
    answer = ask(server, method, params, streams=True)

    assert (answer.status, answer.error["code"], answer.effect) == (200, -32602, None)


@cases("method", ["resources/subscribe", "resources/unsubscribe"])
def test_subscriptions_are_not_offered_where_nobody_could_be_told(method):
    answer = ask(server, method, {"uri": "news://latest"}, streams=False)

    assert answer.error == {"code": -32601, "message": f"Method not found: {method}"}


@cases("method", ["resources/subscribe", "resources/unsubscribe"])
def test_subscriptions_are_not_offered_without_resources(method):
    answer = ask(server_of("tools"), method, {"uri": "news://latest"}, streams=True)

    assert answer.error["code"] == -32601


@cases("method", ["resources/subscribe", "resources/unsubscribe"])
def test_a_modern_client_listens_and_does_not_subscribe(method):
    answer = ask(server, method, {"uri": "news://latest"}, MODERN, streams=True)

    assert (answer.status, answer.error["code"]) == (404, -32601)


# subscriptions/listen


@cases(
    ("kinds", "granted"),
    [
        ((), {}),
        (("tools",), {"toolsListChanged": True}),
        (("prompts",), {"promptsListChanged": True}),
        (("resources",), {"resourcesListChanged": True}),
        (
            ("tools", "prompts", "resources"),
            {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True},
        ),
    ],
)
def test_a_client_hears_of_the_lists_that_the_server_has(kinds, granted):
    """Spec 2026-07-28: what is not supported is left out of the acknowledgement."""
    assert honoured(dict.fromkeys(LIST_CHANGES.values(), True), server_of(*kinds)) == granted


@cases("wishes", [{}, {"toolsListChanged": False}, {"resourcesListChanged": False, "resourceSubscriptions": []}])
def test_a_client_hears_of_nothing_that_it_did_not_ask_for(wishes):
    assert honoured(wishes) == {}


@cases(
    ("uris", "granted"),
    [
        (["news://latest"], {"resourceSubscriptions": ["news://latest"]}),
        (["news://5/text", "news://latest"], {"resourceSubscriptions": ["news://5/text", "news://latest"]}),
        (["news://nothing", "news://latest"], {"resourceSubscriptions": ["news://latest"]}),
        (["news://nothing"], {}),
        (["news://latest", "news://latest"], {"resourceSubscriptions": ["news://latest"]}),
    ],
)
def test_a_client_hears_of_the_resources_that_there_are(uris, granted):
    assert honoured({"resourceSubscriptions": uris}) == granted


@cases(
    "params",
    [
        {},
        {"notifications": None},
        {"notifications": []},
        {"notifications": {"toolsListChanged": "often"}},
        {"notifications": {"resourceSubscriptions": "news://latest"}},
        {"notifications": {"resourceSubscriptions": [5]}},
    ],
)
def test_wishes_that_are_malformed_are_refused(params):
    answer = ask(server, "subscriptions/listen", params, MODERN, streams=True)

    assert (answer.status, answer.error["code"]) == (400, -32602)


@cases(
    ("most", "too_many", "message"),
    [
        (
            ["news://5/text"] * 100,
            ["news://latest"] * 101,
            "Invalid params: at most 100 resourceSubscriptions in one subscriptions/listen",
        ),
        (
            ["news://" + "5" * 4089] * 8,
            ["news://" + "5" * 4089] * 8 + ["n"],
            "Invalid params: resourceSubscriptions have at most 32768 characters together",
        ),
    ],
)
def test_one_client_listens_to_no_more_than_a_bounded_number_of_resources(most, too_many, message):
    wishes = {"notifications": {"resourceSubscriptions": too_many}}
    refused = ask(server, "subscriptions/listen", wishes, MODERN, streams=True)

    assert isinstance(listen({"resourceSubscriptions": most}), Listen)
    assert (refused.status, refused.error) == (400, {"code": -32602, "message": message})


def test_listening_is_not_offered_where_nobody_could_be_told():
    answer = ask(server, "subscriptions/listen", {"notifications": {}}, MODERN, streams=False)

    assert (answer.status, answer.error["code"]) == (404, -32601)


@cases("version", HANDSHAKE)
def test_a_handshake_client_does_not_listen(version):
    answer = ask(server, "subscriptions/listen", {"notifications": {}}, version, streams=True)

    assert answer.error["code"] == -32601


@cases(
    ("method", "uri", "wanted"),
    [
        ("notifications/tools/list_changed", "", True),
        ("notifications/prompts/list_changed", "", False),
        ("notifications/resources/list_changed", "", False),
        ("notifications/message", "", False),
        (UPDATED, "news://latest", True),
        (UPDATED, "news://5/text", False),
        (UPDATED, "news://lates", False),
    ],
)
def test_of_all_changes_a_listener_wants_those_that_were_granted(method, uri, wanted):
    wishes = {"toolsListChanged": True, "promptsListChanged": True, "resourceSubscriptions": ["news://latest"]}
    both = server_of("tools", "resources")

    assert listen(wishes, both).wants(method, uri) is wanted


def test_a_listener_that_was_granted_nothing_wants_nothing():
    step = listen({})

    assert not any(step.wants(method, "") for method in LIST_CHANGES)
    assert not step.wants(UPDATED, "news://latest")
