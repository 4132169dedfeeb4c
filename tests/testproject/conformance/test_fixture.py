"""The fixture of the official conformance suite answers what the suite documents, which is more than it checks."""

import json
from base64 import b64encode
from io import BytesIO
from typing import Any
from wave import open as open_wave

import pytest

from django_mcp.testing import MCPClient, MCPError
from testproject.conformance.mcp import JSON_SCHEMA_2020_12, PNG, WAV
from tests.conftest import Connect
from tests.tables import cases

pytestmark = pytest.mark.django_db

SERVER_META = {"io.modelcontextprotocol/serverInfo": {"name": "conformance", "version": "1.0"}}
EMPTY_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.fixture(params=[("handshake", "asgi"), ("modern", "view")], ids=["handshake", "modern"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Clients of each era, in a lane each: the journeys prove that the lanes answer alike."""
    era, lane = request.param
    return lambda path="/conformance/mcp", **arguments: MCPClient(path, era=era, lane=lane, **arguments)


@pytest.fixture
def conformance(connect: Connect) -> MCPClient:
    return connect()


def whole(client: MCPClient, cacheable: bool = False, **members: Any) -> dict[str, Any]:
    """A whole result as a client of this era sees it."""
    if client.era == "handshake":
        return members
    kept = {"ttlMs": 0, "cacheScope": "private"} if cacheable else {}
    return {"resultType": "complete", "_meta": SERVER_META, **kept, **members}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def image() -> dict[str, Any]:
    return {"type": "image", "data": b64encode(PNG).decode(), "mimeType": "image/png"}


def resource(uri: str, mime_type: str, value: str) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": value}}


CONTENT = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [{"type": "audio", "data": b64encode(WAV).decode(), "mimeType": "audio/wav"}],
    "test_embedded_resource": [
        resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
    "test_streaming_elicitation": [text("Nothing was asked.")],
    "test_logging_tool": [text("Logged.")],
    "test_tool_with_logging": [text("Tool with logging executed.")],
    "test_tool_with_progress": [text("Tool with progress executed.")],
    "test_reconnection": [text("Reconnection test completed.")],
    "test_trigger_tool_change": [text("Announced.")],
    "test_trigger_prompt_change": [text("Announced.")],
}

CONTENTS = {
    "test://static-text": {"mimeType": "text/plain", "text": "This is the content of the static text resource."},
    "test://static-binary": {"mimeType": "image/png", "blob": b64encode(PNG).decode()},
    "test://watched-resource": {"mimeType": "text/plain", "text": "This is the content of the watched resource."},
    "test://template/123/data": {
        "mimeType": "application/json",
        "text": '{"id":"123","templateTest":true,"data":"Data for ID: 123"}',
    },
}


# Tools


def test_a_tool_answers_with_the_documented_content(conformance: MCPClient) -> None:
    for name, content in CONTENT.items():
        assert conformance.call_tool(name).raw == whole(conformance, content=content, isError=False)


def test_a_failing_tool_says_the_documented_words(conformance: MCPClient) -> None:
    words = "This tool intentionally returns an error for testing"

    result = conformance.call_tool("test_error_handling").raw

    assert result == whole(conformance, content=[text(words)], isError=True)


def test_the_tool_that_is_listed_first_needs_no_arguments(conformance: MCPClient) -> None:
    first = conformance.list_tools()[0]

    assert (first["name"], first["inputSchema"]) == ("test_simple_text", EMPTY_SCHEMA)


def test_every_tool_has_a_name_a_description_and_a_schema(conformance: MCPClient) -> None:
    tools = conformance.list_tools()

    assert all(tool["description"] and tool["inputSchema"]["type"] == "object" for tool in tools)
    assert tools == conformance.list_tools()


def test_a_schema_written_by_hand_is_listed_as_it_was_written(conformance: MCPClient) -> None:
    tools = {tool["name"]: tool for tool in conformance.list_tools()}

    assert tools["json_schema_2020_12_tool"]["inputSchema"] == JSON_SCHEMA_2020_12


def test_a_schema_written_by_hand_is_what_arguments_must_fit(conformance: MCPClient) -> None:
    fitting = {"name": "Ada", "address": {"city": "London"}, "contactMethod": "phone", "phone": "1"}

    result = conformance.call_tool("json_schema_2020_12_tool", fitting)
    refused = conformance.call_tool("json_schema_2020_12_tool", {"contactMethod": "phone", "email": "ada@example.com"})

    assert json.loads(result.text) == fitting
    assert refused.is_error
    assert "'phone' is a required property" in refused.text


def test_a_region_is_listed_with_its_header_and_may_be_left_out(conformance: MCPClient) -> None:
    tools = {tool["name"]: tool for tool in conformance.list_tools()}

    assert tools["test_x_mcp_header"]["inputSchema"] == {
        "type": "object",
        "properties": {"region": {"type": "string", "description": "any text", "x-mcp-header": "Region"}},
        "additionalProperties": False,
    }
    assert conformance.call_tool("test_x_mcp_header").text == "Region: None"


# spec 2026-07-28 basic/transports, "Custom headers from tool parameters"; the values are the suite's.
@cases("header", ["Hello", "=?base64?SGVsbG8=?="])
def test_a_region_that_its_header_repeats_is_taken(conformance: MCPClient, header: str) -> None:
    result = conformance.call_tool("test_x_mcp_header", {"region": "Hello"}, **{"mcp-param-region": header})

    assert result.text == "Region: Hello"


@cases("header", ["", "hello", "=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?="])
def test_a_region_that_its_header_does_not_repeat_is_refused_to_modern_clients(
    conformance: MCPClient, header: str
) -> None:
    headers = {"mcp-param-region": header}
    if conformance.era == "handshake":  # which has no such headers
        assert conformance.call_tool("test_x_mcp_header", {"region": "Hello"}, **headers).text == "Region: Hello"
        return

    with pytest.raises(MCPError) as refusal:
        conformance.call_tool("test_x_mcp_header", {"region": "Hello"}, **headers)

    assert (refusal.value.code, refusal.value.status) == (-32020, 400)


def test_a_modern_client_that_lacks_a_capability_is_told_which(conformance: MCPClient) -> None:
    if conformance.era == "handshake":
        assert conformance.call_tool("test_missing_capability").text == "No capability is missing."
        return

    with pytest.raises(MCPError) as refusal:
        conformance.call_tool("test_missing_capability")

    assert (refusal.value.code, refusal.value.status) == (-32021, 400)
    assert refusal.value.data == {"requiredCapabilities": {"sampling": {}}}


def test_a_client_that_declares_a_capability_is_not_refused(connect: Connect) -> None:
    client = connect(capabilities={"sampling": {}})

    assert client.call_tool("test_missing_capability").text == "No capability is missing."


def test_the_sound_is_a_sound() -> None:
    with open_wave(BytesIO(WAV)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.readframes(1)) == (1, 8000, b"\0\0")


def test_progress_is_reported_under_the_token_of_the_request(conformance: MCPClient) -> None:
    conformance.request("tools/call", {"name": "test_tool_with_progress", "_meta": {"progressToken": "token"}})

    assert [message for message in conformance.notifications if message["method"] == "notifications/progress"] == [
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {
                "progressToken": "token",
                "progress": progress,
                "total": 100,
                "message": f"Completed step {progress} of 100",
            },
        }
        for progress in (0, 50, 100)
    ]


def test_log_messages_are_sent_to_those_who_hear_them(conformance: MCPClient) -> None:
    conformance.call_tool("test_tool_with_logging")

    heard = [message["params"] for message in conformance.notifications]
    said = ("Tool execution started", "Tool processing data", "Tool execution completed")
    expected = [{"level": "info", "data": data} for data in said]
    assert heard == (expected if conformance.era == "handshake" else [])


ANSWERS = {
    "elicit": lambda params: FILLED[params["message"]],
    "sample": "Paris",
    "roots": [{"uri": "file:///test/root", "name": "Test Root"}],
}
FILLED: dict[str, dict[str, Any]] = {
    "Who are you?": {"username": "testuser", "email": "test@example.com"},
    "Please review the form": {"name": "Jane", "age": 31, "score": 1.5, "status": "pending", "verified": False},
    "Please choose": {
        "untitledSingle": "option1",
        "titledSingle": "value1",
        "legacyEnum": "opt1",
        "untitledMulti": ["option1", "option2"],
        "titledMulti": ["value1", "value2"],
    },
    "What is your name?": {"name": "Alice"},
    "Please confirm": {"ok": True},
    "Step 1: What is your name?": {"name": "Alice"},
    "Step 2: What is your favorite color?": {"color": "blue"},
    "What context should the prompt use?": {"context": "the weather"},
}


@cases(
    ("tool", "arguments", "answer"),
    [
        ("test_sampling", {"prompt": "Hello"}, "LLM response: Paris"),
        (
            "test_elicitation",
            {"message": "Who are you?"},
            "User response: accept username='testuser' email='test@example.com'",
        ),
        (
            "test_elicitation_sep1034_defaults",
            {},
            "Elicitation completed: action=accept, "
            'content={"name": "Jane", "age": 31, "score": 1.5, "status": "pending", "verified": false}',
        ),
        (
            "test_elicitation_sep1330_enums",
            {},
            'Elicitation completed: action=accept, content={"untitledSingle": "option1", "titledSingle": "value1", '
            '"legacyEnum": "opt1", "untitledMulti": ["option1", "option2"], "titledMulti": ["value1", "value2"]}',
        ),
        ("test_input_required_result_elicitation", {}, "Hello, Alice!"),
        ("test_input_required_result_sampling", {}, "Paris"),
        ("test_input_required_result_list_roots", {}, "file:///test/root"),
        ("test_input_required_result_request_state", {}, "state-ok"),
        ("test_input_required_result_multiple_inputs", {}, "Received 3 answers."),
        ("test_input_required_result_multi_round", {}, "Alice likes blue."),
        ("test_input_required_result_tampered_state", {}, "Confirmed: accept"),
        ("test_input_required_result_capabilities", {}, "Paris"),
    ],
)
def test_a_tool_that_asks_the_client_gets_its_answer(
    connect: Connect, tool: str, arguments: dict[str, str], answer: str
) -> None:
    client = connect(answers=ANSWERS)

    result = client.request("tools/call", {"name": tool, "arguments": arguments})

    assert result == whole(client, content=[text(answer)], isError=False)


def test_a_prompt_that_asks_the_client_gets_its_answer(connect: Connect) -> None:
    client = connect(answers=ANSWERS)

    prompt = client.get_prompt("test_input_required_result_prompt")

    assert prompt["messages"] == [{"role": "user", "content": text("Use this context: the weather")}]


# Resources


def test_resources_are_listed_and_a_readable_one_is_first(conformance: MCPClient) -> None:
    resources = conformance.list_resources()
    assert [resource["uri"].partition(":")[0] for resource in resources[3:]] == ["skill"] * 3
    assert resources[:3] == [
        {
            "uri": "test://static-text",
            "name": "static_text",
            "description": "A text that never changes.",
            "mimeType": "text/plain",
        },
        {
            "uri": "test://static-binary",
            "name": "static_binary",
            "description": "An image that never changes.",
            "mimeType": "image/png",
        },
        {
            "uri": "test://watched-resource",
            "name": "watched_resource",
            "description": "A text that clients subscribe to.",
            "mimeType": "text/plain",
        },
    ]
    assert conformance.list_resource_templates() == [
        {
            "uriTemplate": "test://template/{id}/data",
            "name": "template_data",
            "description": "The data of any id.",
            "mimeType": "application/json",
        }
    ]


def test_a_resource_has_the_documented_contents(conformance: MCPClient) -> None:
    for uri, content in CONTENTS.items():
        result = conformance.request("resources/read", {"uri": uri})

        assert result == whole(conformance, cacheable=True, contents=[{"uri": uri, **content}])


def test_a_resource_that_there_is_not_is_refused_by_its_name(conformance: MCPClient) -> None:
    uri = "test://nonexistent-resource-for-conformance-testing"

    with pytest.raises(MCPError) as refusal:
        conformance.read_resource(uri)

    assert refusal.value.code == (-32602 if conformance.era == "modern" else -32002)
    assert refusal.value.data == {"uri": uri}


# Prompts


def test_prompts_are_listed_with_their_arguments(conformance: MCPClient) -> None:
    assert conformance.list_prompts() == [
        {"name": "test_simple_prompt", "description": "One message, always the same."},
        {
            "name": "test_prompt_with_arguments",
            "description": "One message with two arguments in it.",
            "arguments": [
                {"name": "arg1", "description": "the first", "required": True},
                {"name": "arg2", "description": "the second", "required": True},
            ],
        },
        {
            "name": "test_prompt_with_embedded_resource",
            "description": "A resource, sent whole, and what to do with it.",
            "arguments": [
                {"name": "resourceUri", "description": "the URI that the resource shall have", "required": True}
            ],
        },
        {"name": "test_prompt_with_image", "description": "An image, and what to do with it."},
        {"name": "test_input_required_result_prompt", "description": "Asks for the context that it needs."},
    ]


@cases(
    ("name", "arguments", "contents"),
    [
        ("test_simple_prompt", {}, [text("This is a simple prompt for testing.")]),
        (
            "test_prompt_with_arguments",
            {"arg1": "hello", "arg2": "world"},
            [text("Prompt with arguments: arg1='hello', arg2='world'")],
        ),
        (
            "test_prompt_with_embedded_resource",
            {"resourceUri": "test://example-resource"},
            [
                resource("test://example-resource", "text/plain", "Embedded resource content for testing."),
                text("Please process the embedded resource above."),
            ],
        ),
        ("test_prompt_with_image", {}, [image(), text("Please analyze the image above.")]),
    ],
)
def test_a_prompt_has_the_documented_messages(
    conformance: MCPClient, name: str, arguments: dict[str, str], contents: list[dict[str, Any]]
) -> None:
    messages = [{"role": "user", "content": content} for content in contents]
    description = {prompt["name"]: prompt["description"] for prompt in conformance.list_prompts()}[name]

    result = conformance.get_prompt(name, arguments)

    assert result == whole(conformance, messages=messages, description=description)


def test_an_argument_of_a_prompt_is_completed(conformance: MCPClient) -> None:
    reference = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    params = {"ref": reference, "argument": {"name": "arg1", "value": "test"}}

    result = conformance.request("completion/complete", params)

    completion = {"values": ["test", "testing"], "hasMore": False, "total": 2}
    assert result == whole(conformance, completion=completion)


# Its description of itself


def test_it_declares_what_the_suite_asks_for(conformance: MCPClient) -> None:
    declared = conformance.initialize()["capabilities"]

    assert {"tools", "resources", "prompts", "completions"} <= declared.keys()
    assert conformance.era == "modern" or "logging" in declared
