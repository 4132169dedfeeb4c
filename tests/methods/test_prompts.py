import logging

import pytest

from django_mcp import AssistantMessage, Context, Image, MCPServer, ProtocolError, ToolError, UserMessage
from tests.answering import MODERN, VERSIONS, ask
from tests.tables import cases

SECRET = "the password is hunter2"

server = MCPServer("test", version="1")


@server.prompt(title="Trip")
def trip(to: str, days: int = 3) -> str:
    """Plan a trip.

    Args:
        to: where to
    """
    return f"{days} days in {to}"


@server.prompt
async def talk(ctx: Context) -> list:
    return [UserMessage("Hi"), AssistantMessage(Image(b"\0", "image/png")), ctx.method]


@server.prompt
def fail(how: str):
    raise {
        "tool": ToolError("Not a town"),
        "protocol": ProtocolError(-31000, "Not now"),
        "fault": ValueError(SECRET),
    }[how]


@server.prompt
def nothing():
    return None


def get(name, arguments=None, version="2025-11-25"):
    params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    return ask(server, "prompts/get", params, version)


def user(text):
    return {"role": "user", "content": {"type": "text", "text": text}}


@cases("version", VERSIONS)
def test_prompts_are_listed_with_their_arguments(version):
    whole = {
        "name": "trip",
        "title": "Trip",
        "description": "Plan a trip.",
        "arguments": [{"name": "to", "description": "where to", "required": True}, {"name": "days", "required": False}],
    }
    if version in ("2024-11-05", "2025-03-26"):
        del whole["title"]

    prompts = ask(server, "prompts/list", version=version).result["prompts"]

    assert prompts[0] == whole
    assert prompts[1] == {"name": "talk"}


@cases("version", VERSIONS)
def test_a_prompt_is_answered_with_its_messages(version):
    answer = get("trip", {"to": "Zürich", "days": "5"}, version)

    result = {"messages": [user("5 days in Zürich")], "description": "Plan a trip."}
    if version == MODERN:
        meta = {"io.modelcontextprotocol/serverInfo": {"name": "test", "version": "1"}}
        result = {"resultType": "complete", **result, "_meta": meta}
    assert (answer.status, answer.result) == (200, result)


@cases("arguments", [None, {}])
def test_a_prompt_may_hold_a_whole_conversation(arguments):
    image = {"type": "image", "data": "AA==", "mimeType": "image/png"}

    assert get("talk", arguments).result == {
        "messages": [user("Hi"), {"role": "assistant", "content": image}, user("prompts/get")]
    }


@cases("version", VERSIONS)
@cases(
    ("name", "arguments", "message"),
    [
        ("other", {}, "Unknown prompt: other"),
        ("", {}, "Unknown prompt: "),
        ("trip", None, "Invalid arguments for trip:\n- to: Field required"),
        (
            "trip",
            {"to": "x", "days": "many", "more": "y"},
            "Invalid arguments for trip:\n"
            "- days: Input should be a valid integer, unable to parse string as an integer\n"
            "- more: Unknown argument",
        ),
        ("fail", {"how": "tool"}, "Not a town"),
    ],
)
def test_what_the_client_can_mend_is_invalid_params(name, arguments, message, version):
    """Spec server/prompts: unknown prompts and missing arguments are -32602."""
    answer = get(name, arguments, version)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error == {"code": -32602, "message": message}


@cases("params", [{}, {"name": 5}, {"name": "trip", "arguments": {"to": 5}}, {"name": "trip", "arguments": ["x"]}])
def test_arguments_are_text(params):
    answer = ask(server, "prompts/get", params)

    assert answer.error["code"] == -32602
    assert answer.error["message"].startswith("Invalid params: ")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "arguments"), [("fail", {"how": "fault"}), ("nothing", {})])
def test_a_fault_is_logged_and_its_text_kept_from_the_client(name, arguments, version, caplog):
    answer = get(name, arguments, version)

    assert (answer.status, answer.error) == (200, {"code": -32603, "message": "Internal error"})
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, f"Prompt {name} failed")
    ]


def test_a_prompt_may_answer_with_a_protocol_error():
    assert get("fail", {"how": "protocol"}).error == {"code": -31000, "message": "Not now"}
