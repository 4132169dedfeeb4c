"""Middleware around calls: it sees each tool, resource and prompt, and may answer in its place."""

import pytest
from django.contrib.auth.models import Group, User

from django_mcp.testing import MCPError
from tests import servers

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def client(connect):
    servers.seen.clear()
    return connect("/watched", user=User.objects.create_user("ada"))


@pytest.mark.parametrize("tool", ["greet", "greet_async"])
def test_a_call_is_seen_with_its_arguments_and_its_value(client, tool):
    assert client.call_tool(tool, {"name": "Bob"}).text == "Hello, Bob"
    assert servers.seen == [("tools/call", tool, {"name": "Bob"}, "ada", "Hello, Bob")]


@pytest.mark.parametrize("tool", ["greet", "greet_async"])
@pytest.mark.parametrize(("name", "text"), [("cached", "from the cache"), ("shout", "HELLO, SHOUT")])
def test_a_call_is_answered_in_the_place_of_its_function(client, tool, name, text):
    assert client.call_tool(tool, {"name": name}).text == text
    assert [value for *_, value in servers.seen] == [text]


@pytest.mark.parametrize("tool", ["save_group_and_fail", "save_group_and_fail_async"])
def test_a_call_that_fails_is_seen_and_undone(client, tool):
    assert client.call_tool(tool, {"name": "x"}).is_error
    assert servers.seen == [("tools/call", tool, {"name": "x"}, "ada", f"RuntimeError({servers.SECRET!r})")]
    assert not Group.objects.exists()


def test_resources_and_prompts_are_seen(client):
    assert client.read_resource("note://motto")[0]["text"] == "Festina lente"
    assert client.get_prompt("compose", {"topic": "tides"})["messages"]
    with pytest.raises(MCPError):
        client.read_resource("group://nobody")

    assert [(method, name, arguments) for method, name, arguments, *_ in servers.seen] == [
        ("resources/read", "note://motto", {}),
        ("prompts/get", "compose", {"topic": "tides"}),
        ("resources/read", "group://nobody", {"name": "nobody"}),
    ]


def test_what_does_not_come_to_a_call_is_not_seen(client):
    client.list_tools()
    client.call_tool("greet", {"wrong": 1})

    assert servers.seen == []


@pytest.mark.every_combination
def test_middleware_may_speak_to_the_client(client, era):
    client.call_tool("greet", {"name": "Bob"})

    said = [message["params"]["data"] for message in client.notifications]
    assert said == (["on the way"] if era == "handshake" else [])
