"""A server's tables are built once, and two declarations that cannot both be served keep the project from starting."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import MCPServer
from django_mcp.extensions import Extension, ExtensionMethod, ListenKey
from django_mcp.methods.extending import NO_TABLES
from django_mcp.methods.request import Listen
from django_mcp.methods.table import METHODS
from tests.methods.test_subscriptions import listen
from tests.tables import cases


def nothing(*args):
    return None


def make(name="One", **members):
    """An object of an extension class with these attributes; lists become its methods."""
    made = {
        key: (lambda self, value=value: value) if isinstance(value, list) else value for key, value in members.items()
    }
    return type(name, (Extension,), {"id": f"com.example/{name.lower()}", **made})()


def method(name):
    return ExtensionMethod(name=name, handler=nothing)


def key(name, notification="notifications/mine", accept=lambda value, ctx: value):
    return ListenKey(name=name, notification=notification, accept=accept, payload=nothing)


def test_a_server_without_extensions_has_the_cores_own_table():
    assert MCPServer("bare").methods is METHODS
    assert MCPServer("bare").tables is NO_TABLES


@cases(
    ("extensions", "message"),
    [
        ([make(id="reviews")], r"One: give it an id of a prefix and a name: id = 'com\.example/reviews'\."),
        ([make(id=None)], "give it an id"),
        ([make(id="com.example/a b")], "give it an id"),
        ([make(other_ids=("x",))], "give it an id"),
        ([make(id="io.modelcontextprotocol/mine")], "reserved for the protocol's own project; take a domain of yours"),
        ([make(id="com.mcp/mine")], "reserved"),
        ([Extension], r"takes objects of Extension, not .*: call the class\."),
        (["com.example/one"], "takes objects of Extension"),
        ([make(methods=[method("tools/call")])], "the method 'tools/call' is the protocol's own; give yours another"),
        ([make(methods=[method("tasks/get")])], "the protocol's own"),
        ([make(methods=[method("skills/list")])], "the protocol's own"),
        ([make(listen_keys=[key("toolsListChanged")])], "the listen key 'toolsListChanged' is the protocol's own"),
        ([make(listen_keys=[key("a", "notifications/tasks")])], "the protocol's own"),
        ([make(listen_keys=[key("a", "notifications/tools/list_changed")])], "the protocol's own"),
        ([make(result_types=("complete",))], "the resultType 'complete' is the protocol's own"),
        ([make(result_types=("task",))], "the resultType 'task' is the protocol's own"),
        ([make(), make()], r"One and One both declare the id 'com\.example/one': take one of them out of extensions="),
        ([make(), make("Two", other_ids=("com.example/one",))], "One and Two both declare the id"),
        ([make(methods=[method("a/b")]), make("Two", methods=[method("a/b")])], "both declare the method 'a/b'"),
        ([make(methods=[method("a/b"), method("a/b")])], "both declare the method 'a/b'"),
        ([make(schemes=("ui",)), make("Two", schemes=("ui",))], "both declare the URI scheme 'ui'"),
        ([make(result_types=("a",)), make("Two", result_types=("a",))], "both declare the resultType 'a'"),
        ([make(tool_options=("a",)), make("Two", tool_options=("a",))], "both declare the option of @tool 'a'"),
        ([make(tool_options=("read_only",))], "the option of @tool 'read_only' is the protocol's own"),
        ([make(listen_keys=[key("a")]), make("Two", listen_keys=[key("b")])], "both declare the notification"),
        (
            [make(error_statuses={-32050: 409}), make("Two", error_statuses={-32050: 404})],
            "both declare the error code",
        ),
    ],
)
def test_declarations_that_cannot_be_served_are_refused_at_the_start(extensions, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        MCPServer("test", extensions=extensions)


def test_an_official_extension_may_have_a_reserved_id_and_reserved_methods():
    official = make(
        id="io.modelcontextprotocol/tasks", is_official=True, methods=[method("tasks/get")], result_types=("task",)
    )

    server = MCPServer("test", extensions=[official])

    assert server.methods["tasks/get"].extension == official.id
    assert server.extensions == (official,)


def test_a_listen_key_is_honoured_as_far_as_its_extension_accepts_it():
    known = make(
        eras=("modern",),
        listen_keys=[
            ListenKey(
                name="books",
                notification="notifications/books",
                accept=lambda value, ctx: [one for one in value if one == "Emma"],
                payload=nothing,
                requires_client=False,
            ),
            ListenKey(
                name="all",
                notification="notifications/all",
                accept=lambda value, ctx: value is True,
                payload=nothing,
                requires_client=False,
            ),
            key("mine"),
        ],
    )
    server = MCPServer("test", extensions=[known])

    step = listen({"books": ["Emma", "Unknown"], "all": True, "other": 7}, server)

    assert isinstance(step, Listen)
    assert step.honoured == {"books": ["Emma"], "all": True}
    assert step.wants("notifications/books", "Emma")
    assert not step.wants("notifications/books", "Unknown")
    assert step.wants("notifications/all", "")
    assert not step.wants("notifications/all", "Emma")
    assert listen({"books": ["Unknown"]}, server).honoured == {}
    assert listen({"mine": ["a"]}, server).status == 400
    assert listen({"books": ["Emma"] * 10_000}, server).status == 400
