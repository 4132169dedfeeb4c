import base64
import logging
from dataclasses import dataclass
from typing import Annotated

import pytest
from django.core.exceptions import ObjectDoesNotExist
from pydantic import AfterValidator

from django_mcp import Context, Image, MCPServer, ParamHeader, ProtocolError, ResourceLink, ToolError, ToolResult
from django_mcp.methods.answering import prepare
from django_mcp.methods.request import Call
from tests import wire
from tests.answering import CALLER, HANDSHAKE, MODERN, VERSIONS, Session, ask, inbound
from tests.tables import cases

SECRET = "the password is hunter2"
SERVER_INFO = {"io.modelcontextprotocol/serverInfo": {"name": "test", "version": "1"}}

server = MCPServer("test", version="1")


@dataclass
class Sum:
    total: int


def never_seven(value):
    if value == 7:
        raise RuntimeError(SECRET)
    return value


@server.tool(title="Add", read_only=True)
def add(a: int, b: Annotated[int, AfterValidator(never_seven)] = 1) -> Sum:
    """Adds."""
    return Sum(a + b)


@server.tool
async def add_later(a: int, b: int = 1) -> Sum:
    return Sum(a + b)


@server.tool
def numbers(count: int) -> list[int]:
    return list(range(count))


@server.tool
def show() -> list:
    return ["here", Image(b"\0", "image/png"), ResourceLink("a:b", "b", title="B")]


@server.tool
def fail(how: str) -> Sum:
    raise {
        "tool": ToolError("Try another name"),
        "protocol": ProtocolError(-31000, "Not now", {"wait": 5}),
        "fault": ValueError(SECRET),
        "lookup": KeyError(SECRET),
        "row": ObjectDoesNotExist("Book matching query does not exist."),
    }[how]


@server.tool
def promise() -> Sum:
    return SECRET


@server.tool
def refuse() -> Sum:
    return ToolResult(content="No sum today", is_error=True)


@server.tool
def whoami(ctx: Context) -> dict:
    return {
        "client": ctx.client_info["name"],
        "capabilities": ctx.client_capabilities,
        "version": ctx.protocol_version,
        "era": ctx.era,
        "method": ctx.method,
        "id": ctx.request_id,
        "session": ctx.session and ctx.session.session_id,
        "meta": ctx.meta.get("example.com/a"),
        "server": ctx.server.name,
        "user": str(ctx.user),
        "path": ctx.request.path,
    }


@server.tool
def deploy(
    region: Annotated[str, ParamHeader("Region")] = "eu", replicas: Annotated[int, ParamHeader("Replicas")] = 1
) -> str:
    return f"{region} {replicas}"


@server.tool(input_schema={"type": "object", "properties": {"size": {"type": "integer"}}})
def resize(**arguments):
    return arguments


def call(name, arguments=None, version="2025-11-25", **options):
    params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    return ask(server, "tools/call", params, version, **options)


def expected(version, result):
    """A result as a revision has it."""
    result = {"content": result["content"], "isError": False, **result}
    if version == MODERN:
        return {"resultType": "complete", **result, "_meta": SERVER_INFO}
    if version in HANDSHAKE[:2]:
        result.pop("structuredContent", None)
    return result


def text(value):
    return [{"type": "text", "text": value}]


# tools/list


@cases("version", VERSIONS)
def test_a_listed_tool_is_whole(version):
    tools = {tool["name"]: tool for tool in ask(server, "tools/list", version=version).result["tools"]}

    whole = {
        "name": "add",
        "title": "Add",
        "description": "Adds.",
        "inputSchema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 1}},
            "required": ["a"],
            "additionalProperties": False,
        },
        "outputSchema": {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]},
        "annotations": {"title": "Add", "readOnlyHint": True},
    }
    gone = {"2024-11-05": ("title", "outputSchema", "annotations"), "2025-03-26": ("title", "outputSchema")}
    assert tools["add"] == {key: value for key, value in whole.items() if key not in gone.get(version, ())}


# tools/call


@cases("version", VERSIONS)
@cases("name", ["add", "add_later"])
def test_a_call_answers_what_the_function_returns(name, version):
    answer = call(name, {"a": 2, "b": 3}, version)

    assert answer.status == 200
    assert answer.result == expected(version, {"content": text('{"total":5}'), "structuredContent": {"total": 5}})


@cases("version", VERSIONS)
def test_what_is_no_object_stands_in_one_for_handshake_clients(version):
    structured = [0, 1] if version == MODERN else {"result": [0, 1]}

    assert call("numbers", {"count": 2}, version).result == expected(
        version, {"content": text("[0,1]"), "structuredContent": structured}
    )


@cases("version", VERSIONS)
def test_blocks_are_told_in_those_that_the_revision_has(version):
    link = {"type": "resource_link", "uri": "a:b", "name": "b", "title": "B"}
    image = {"type": "image", "data": "AA==", "mimeType": "image/png"}
    last = text("b: a:b")[0] if version in HANDSHAKE[:2] else link

    assert call("show", version=version).result == expected(version, {"content": [*text("here"), image, last]})


@cases("arguments", [None, {}])
def test_arguments_may_be_left_out(arguments):
    assert call("deploy", arguments).result["content"] == text("eu 1")


@cases("version", VERSIONS)
def test_arguments_that_do_not_fit_are_the_models_to_mend(version):
    """Spec 2025-11-25 server/tools: in the result, not as a protocol error."""
    answer = call("add", {"b": "x", "c": 1}, version)

    assert answer.status == 200
    assert answer.result == expected(
        version,
        {
            "content": text(
                "Invalid arguments for add:\n"
                "- a: Field required\n"
                "- b: Input should be a valid integer, unable to parse string as an integer\n"
                "- c: Unknown argument"
            ),
            "isError": True,
        },
    )


def test_arguments_are_checked_against_a_schema_given_by_hand():
    result = call("resize", {"size": "large"}).result

    assert result == {
        "content": text("Invalid arguments for resize:\n- size: 'large' is not of type 'integer'"),
        "isError": True,
    }


@cases("version", VERSIONS)
@cases("name", ["nothing", "", "Add", "add ", "__class__"])
def test_an_unknown_tool_is_a_protocol_error(name, version):
    answer = call(name, {}, version)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error == {"code": -32602, "message": f"Unknown tool: {name}"}


@cases("version", ["2025-11-25", MODERN])
@cases(
    "params",
    [
        {},
        {"name": None},
        {"name": 5},
        {"name": ["add"]},
        {"name": "add", "arguments": []},
        {"name": "add", "arguments": "a=1"},
        {"name": "add", "arguments": 5},
        {"arguments": {}},
    ],
)
def test_a_malformed_call_is_a_protocol_error(params, version):
    answer = ask(server, "tools/call", params, version)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error["code"] == -32602
    assert answer.error["message"].startswith("Invalid params: ")


@cases("version", VERSIONS)
def test_null_arguments_are_none(version):
    assert ask(server, "tools/call", {"name": "deploy", "arguments": None}, version).result["content"] == text("eu 1")


# Errors in a tool


@cases("version", VERSIONS)
def test_a_tool_error_is_told_to_the_model(version):
    assert call("fail", {"how": "tool"}, version).result == expected(
        version, {"content": text("Try another name"), "isError": True}
    )


def test_a_row_that_is_not_there_is_told_and_logged_since_it_may_be_a_fault(caplog):
    result = call("fail", {"how": "row"}, MODERN).result

    assert (result["isError"], result["content"][0]["text"]) == (
        True,
        "Not found: Book matching query does not exist.",
    )
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "Tool fail: Book matching query does not exist.")
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["fail", "promise"])
def test_another_exception_is_logged_and_its_text_kept_from_the_model(name, version, caplog):
    arguments = {"how": "fault"} if name == "fail" else {}

    answer = call(name, arguments, version)

    assert answer.result == expected(
        version,
        {
            "content": text(f"The tool {name} failed unexpectedly. The server's log has the details."),
            "isError": True,
        },
    )
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, f"Tool {name} failed")
    assert SECRET in str(record.exc_info[1])


def test_what_a_validator_of_the_developers_own_raises_is_logged_too(caplog):
    answer = call("add", {"a": 1, "b": 7})

    assert answer.result["isError"] is True
    assert SECRET not in str(answer.message)
    assert [record.getMessage() for record in caplog.records] == ["Tool add failed"]


@cases("version", VERSIONS)
def test_a_tool_may_answer_with_a_protocol_error(version):
    answer = call("fail", {"how": "protocol"}, version)

    assert (answer.status, answer.error) == (200, {"code": -31000, "message": "Not now", "data": {"wait": 5}})


@cases("version", VERSIONS)
def test_a_tool_may_return_its_failure(version):
    assert call("refuse", version=version).result == expected(
        version, {"content": text("No sum today"), "isError": True}
    )


# The context


def test_a_tool_sees_the_handshake_clients_session():
    session = Session(client_capabilities={"roots": {}})
    params = {"name": "whoami", "_meta": {"example.com/a": 1, "io.modelcontextprotocol/clientCapabilities": {"x": {}}}}

    assert ask(server, "tools/call", params, session=session).result["structuredContent"] == {
        "client": "test",
        "capabilities": {"roots": {}},
        "version": "2025-11-25",
        "era": "handshake",
        "method": "tools/call",
        "id": 1,
        "session": "s",
        "meta": 1,
        "server": "test",
        "user": "AnonymousUser",
        "path": "/",
    }


def test_a_tool_sees_what_a_modern_client_says_of_itself_and_no_session():
    meta = {**wire.ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"sampling": {}}, "example.com/a": 2}

    found = ask(server, "tools/call", {"name": "whoami", "_meta": meta}, MODERN, session=Session()).result

    assert found["structuredContent"] == {
        "client": "test",
        "capabilities": {"sampling": {}},
        "version": MODERN,
        "era": "modern",
        "method": "tools/call",
        "id": 1,
        "session": None,
        "meta": 2,
        "server": "test",
        "user": "AnonymousUser",
        "path": "/",
    }


# Arguments that are repeated in headers


@cases(
    ("arguments", "headers", "said"),
    [
        ({}, {}, "eu 1"),
        ({"region": "us"}, {"mcp-param-region": "us"}, "us 1"),
        (
            {"region": "Zürich", "replicas": 2},
            {
                "mcp-param-region": f"=?base64?{base64.b64encode('Zürich'.encode()).decode()}?=",
                "mcp-param-replicas": "2.0",
            },
            "Zürich 2",
        ),
    ],
)
def test_a_modern_client_repeats_arguments_in_headers(arguments, headers, said):
    assert call("deploy", arguments, MODERN, headers=headers).result["content"] == text(said)


@cases(
    ("arguments", "headers", "message"),
    [
        ({"region": "us"}, {}, "Mcp-Param-Region is missing: it must repeat the argument region"),
        ({"region": "us"}, {"mcp-param-region": "eu"}, "Mcp-Param-Region differs from the argument region"),
        ({}, {"mcp-param-region": "eu"}, "Mcp-Param-Region was sent, but the argument region was not"),
        ({"region": 5}, {}, "Mcp-Param-Region is missing: it must repeat the argument region"),
    ],
)
def test_a_header_that_differs_is_told_before_the_tool_runs(arguments, headers, message):
    answer = call("deploy", arguments, MODERN, headers=headers)

    assert (answer.status, answer.error) == (400, {"code": -32020, "message": f"Header mismatch: {message}"})


@cases("version", HANDSHAKE)
def test_a_handshake_client_repeats_nothing(version):
    answer = call("deploy", {"region": "us"}, version, headers={"mcp-param-region": "eu"})

    assert answer.result["content"] == text("us 1")


def test_an_unknown_tool_is_told_before_its_headers():
    assert call("nothing", {}, MODERN, headers={"mcp-param-region": "eu"}).error["code"] == -32602


# The call that is handed to the carrier


@cases(("name", "is_async"), [("add", False), ("add_later", True)])
def test_a_call_says_its_function_and_its_colour(name, is_async):
    step = prepare(
        server,
        inbound(wire.request("tools/call", {"name": name, "arguments": {"a": 1}}), "2025-11-25"),
        Session(),
        CALLER,
    )

    assert isinstance(step, Call)
    assert (step.function.__name__, step.is_async, step.options.atomic, step.kwargs) == (name, is_async, True, {"a": 1})


# Arguments that are told when they are needed


def test_a_tool_may_tell_its_arguments_to_each_caller_and_only_when_it_is_asked(caplog):
    late, told = MCPServer("late", version="1"), []

    def describe(caller):
        if len(told) == 1:
            raise LookupError(SECRET)
        told.append(caller)
        return {"properties": {"size": {"type": "integer"}}, "required": ["size"]}

    @late.tool(describe=describe)
    def cut(**arguments):
        return str(arguments)

    @late.tool
    def fold() -> str:
        return "folded"

    assert not told
    cut_schema = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    listed = ask(late, "tools/list").result["tools"]
    assert {tool["name"]: tool["inputSchema"] for tool in listed}["cut"] == cut_schema
    assert told == [CALLER]

    assert [tool["name"] for tool in ask(late, "tools/list").result["tools"]] == ["fold"]
    refused = ask(late, "tools/call", {"name": "cut", "arguments": {"size": 1}}).result
    assert refused["content"][0]["text"] == "The tool cut cannot be used now. The server's log has the details."
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Tool cut is left out of the list",
        "Tool cut cannot be called",
    ]

    told.append(None)
    assert ask(late, "tools/call", {"name": "cut", "arguments": {"size": 1}}).result["content"][0]["text"] == (
        "{'size': 1}"
    )
    assert ask(late, "tools/call", {"name": "cut", "arguments": {"sise": 1}}).result["content"][0]["text"] == (
        "Invalid arguments for cut:\n- size: Field required\n- sise: Unknown argument"
    )
    assert (late.registry.is_guarded, late.registry.tools["cut"].is_inert) == (True, False)
