"""Tools over HTTP: listed and called, in both colours, both eras and every lane.

Spec server/tools; what a tool's failure may say and leave behind is the package's own promise.
"""

import pytest
from django.contrib.auth.models import Group

from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.servers import SECRET
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

COLOURS = ["", "_async"]
SERVER_INFO = {"io.modelcontextprotocol/serverInfo": {"name": "plain", "version": "1.0"}}


def test_the_tools_of_a_server_are_listed_in_the_order_of_their_declaration(connect):
    tools = connect("/plain").list_tools()

    assert [tool["name"] for tool in tools][:4] == ["greet", "greet_async", "count", "count_async"]
    assert tools[0] == {
        "name": "greet",
        "title": "Greet",
        "description": "Greet somebody.",
        "inputSchema": {
            "type": "object",
            "properties": {"name": {"type": "string", "description": "whom"}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "annotations": {"title": "Greet", "readOnlyHint": True},
    }


@pytest.mark.every_combination
@pytest.mark.parametrize("colour", COLOURS)
def test_a_call_is_answered_with_what_the_tool_returned(connect, era, colour):
    result = connect("/plain").call_tool(f"greet{colour}", {"name": "Ada"}).raw

    expected = {"content": [{"type": "text", "text": "Hello, Ada"}], "isError": False}
    modern = {"resultType": "complete", "_meta": SERVER_INFO}
    assert result == (expected if era == "handshake" else expected | modern)


def test_an_answer_is_one_json_object_with_the_id_of_the_request(connect):
    client = connect("/plain")
    client.initialize()
    message = wire.modern_request if client.era == "modern" else wire.request

    for request_id in (0, -1, 2**53, "1", "", "ünïcode"):
        response = client.post(message("tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, request_id))

        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        assert list(response.json()) == ["jsonrpc", "id", "result"]
        assert response.json()["id"] == request_id
        assert type(response.json()["id"]) is type(request_id)


def test_a_tool_that_there_is_not_is_a_protocol_error(connect, era):
    with pytest.raises(MCPError) as refused:
        connect("/plain").call_tool("nothing")

    assert (refused.value.code, refused.value.message) == (-32602, "Unknown tool: nothing")
    assert refused.value.status == (200 if era == "handshake" else 400)


@cases(
    ("arguments", "said"),
    [
        ({}, "name"),
        (None, "name"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": ["Ada"]}, "name"),
        ({"name": "Ada", "age": 36}, "age"),
    ],
)
def test_arguments_that_do_not_fit_are_the_models_to_mend(connect, arguments, said):
    """In-band, with the name of each argument (spec 2025-11-25 server/tools, SEP-1303)."""
    result = connect("/plain").call_tool("greet", arguments)

    assert result.is_error
    assert result.text.startswith("Invalid arguments for greet:")
    assert f"- {said}: " in result.text


@cases("arguments", ["Ada", ["Ada"], 1, True])
def test_arguments_that_are_no_object_are_a_protocol_error(connect, era, arguments):
    with pytest.raises(MCPError) as refused:
        connect("/plain").request("tools/call", {"name": "greet", "arguments": arguments})

    assert refused.value.code == -32602
    assert refused.value.status == (200 if era == "handshake" else 400)


@pytest.mark.parametrize("colour", COLOURS)
def test_what_a_tool_wrote_is_kept_when_it_succeeds(connect, colour):
    assert connect("/plain").call_tool(f"save_group{colour}", {"name": "kept"}).text == "kept"

    assert Group.objects.filter(name="kept").exists()


@pytest.mark.every_combination
@pytest.mark.parametrize("colour", COLOURS)
def test_a_tool_that_raises_leaves_no_half_written_work_and_says_nothing_of_the_exception(connect, caplog, colour):
    result = connect("/plain").call_tool(f"save_group_and_fail{colour}", {"name": "lost"})

    assert result.is_error
    assert result.text == f"The tool save_group_and_fail{colour} failed unexpectedly. The server's log has the details."
    assert SECRET in caplog.text
    assert not Group.objects.exists()


@pytest.mark.parametrize("colour", COLOURS)
def test_a_database_error_in_a_tool_is_the_calls_alone(connect, colour):
    """A broken transaction must not reach the next call, nor the session of this one."""
    client = connect("/plain")
    client.call_tool(f"save_group{colour}", {"name": "once"})

    assert client.call_tool(f"save_group{colour}", {"name": "once"}).is_error
    assert client.call_tool(f"save_group{colour}", {"name": "twice"}).text == "twice"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_tool_knows_who_called_it_and_how(connect, era, django_user_model, colour):
    ada = django_user_model.objects.create_user("ada")
    client = connect("/closed", user=ada, headers={"X-Colour": "green"}, capabilities={"roots": {"listChanged": True}})

    assert client.call_tool(f"describe_caller{colour}").data == {
        "user": "ada",
        "request_user": "ada",
        "same_request": True,
        "path": "/closed",
        "header": "green",
        "era": era,
        "version": "2025-11-25" if era == "handshake" else "2026-07-28",
        "client": {"name": "test", "version": "1"},
        "capabilities": {"roots": {"listChanged": True}},
        "session": era == "handshake",
        "log_level": "" if era == "handshake" else None,
    }


@pytest.mark.parametrize("colour", COLOURS)
def test_a_tool_of_a_public_endpoint_has_an_anonymous_caller_and_a_whole_request(connect, colour):
    caller = connect("/plain").call_tool(f"describe_caller{colour}").data

    assert (caller["user"], caller["request_user"], caller["path"]) == ("", "", "/plain")
    assert caller["same_request"]


def test_structured_content_comes_with_the_revision_that_brought_it(lane):
    def answer(version):
        client = MCPClient("/plain", version=version, **lane)
        tool = next(tool for tool in client.list_tools() if tool["name"] == "find_groups")
        return tool.get("outputSchema"), client.call_tool("find_groups", {"name": "none"}).raw

    text = {"content": [{"type": "text", "text": "[]"}], "isError": False}
    names = {"type": "array", "items": {"type": "string"}}
    wrapped = {"type": "object", "properties": {"result": names}, "required": ["result"]}
    assert answer("2025-03-26") == (None, text)
    assert answer("2025-06-18") == (wrapped, text | {"structuredContent": {"result": []}})
    assert answer("2026-07-28") == (
        names,
        text | {"structuredContent": [], "resultType": "complete", "_meta": SERVER_INFO},
    )


def test_two_servers_do_not_see_each_others_tools(connect, era):
    plain, other = connect("/plain"), connect("/other")

    assert [tool["name"] for tool in other.list_tools()] == ["whisper"]
    assert "whisper" not in [tool["name"] for tool in plain.list_tools()]
    assert other.call_tool("whisper").text == "psst"
    with pytest.raises(MCPError):
        plain.call_tool("whisper")
    with pytest.raises(MCPError):
        other.call_tool("greet", {"name": "Ada"})


def test_a_server_without_resources_and_prompts_offers_neither(connect, era):
    client = connect("/other")

    assert list(client.initialize()["capabilities"]) == ["tools", "logging"]
    for method in ("resources/list", "prompts/list", "completion/complete"):
        with pytest.raises(MCPError) as refused:
            client.request(method)
        assert (refused.value.code, refused.value.message) == (-32601, f"Method not found: {method}")
        assert refused.value.status == (200 if era == "handshake" else 404)


def test_a_long_list_comes_in_pages_and_a_cursor_is_of_its_list_alone(connect, settings):
    settings.MCP_PAGE_SIZE = 2
    client = connect("/plain")
    first = client.request("tools/list")

    assert len(first["tools"]) == 2
    assert [tool["name"] for tool in client.list_tools()] == list(
        dict.fromkeys(tool["name"] for tool in client.list_tools())
    )
    assert len(client.list_tools()) > 4
    for cursor in (first["nextCursor"] + "x", "", "2", "\u0000"):
        with pytest.raises(MCPError) as refused:
            client.request("tools/list", {"cursor": cursor})
        assert refused.value.code == -32602
    with pytest.raises(MCPError) as refused:
        client.request("prompts/list", {"cursor": first["nextCursor"]})
    assert refused.value.message == "Invalid cursor: start again without one"
