import logging

import pytest

from django_mcp import MCPServer, ProtocolError
from tests.answering import MODERN, VERSIONS, ask
from tests.tables import cases

SECRET = "the password is hunter2"
TOWNS = [f"town {number:03}" for number in range(150)]

server = MCPServer("test", version="1")
read = []


def towns(value):
    for town in TOWNS:
        read.append(town)
        if value in town:
            yield town


async def streets(value, arguments, ctx):
    return [f"{arguments.get('town')}, {value}", ctx.method]


def fail(value):
    raise {"fault": ValueError(SECRET), "protocol": ProtocolError(-31000, "Not now")}[value]


def numbers(value):
    return (1, 2)


@server.prompt(complete={"town": towns, "street": streets, "how": fail, "number": numbers})
def visit(town: str, street: str, how: str, number: str, free: str) -> str:
    return town


@server.resource("town://{town}/{street}", complete={"town": towns})
def place(town: str, street: str) -> str:
    return town


@server.resource("town://all")
def everything() -> str:
    return "all"


@pytest.fixture(autouse=True)
def nothing_read():
    read.clear()


def complete(argument, value, version="2025-11-25", *, ref=None, **params):
    ref = ref or {"type": "ref/prompt", "name": "visit"}
    params = {"ref": ref, "argument": {"name": argument, "value": value}, **params}
    return ask(server, "completion/complete", params, version)


@cases("version", VERSIONS)
def test_suggestions_are_what_the_function_gives(version):
    answer = complete("town", "04", version)

    completion = {"values": ["town 004", *(f"town {number:03}" for number in range(40, 50)), "town 104"]}
    completion |= {"hasMore": False, "total": len(completion["values"])}
    assert answer.status == 200
    assert {**answer.result, "_meta": None, "resultType": None} == {
        "completion": completion,
        "_meta": None,
        "resultType": None,
    }
    assert answer.result.keys() == ({"completion", "_meta", "resultType"} if version == MODERN else {"completion"})


def test_a_hundred_are_sent_and_one_more_read():
    """The specification's limit (server/utilities/completion)."""
    assert complete("town", "").result == {"completion": {"values": TOWNS[:100], "hasMore": True}}
    assert len(read) == 101


def test_a_function_may_look_at_what_is_filled_in_already():
    answer = complete("street", "High", context={"arguments": {"town": "Bath"}})

    assert answer.result["completion"]["values"] == ["Bath, High", "completion/complete"]


@cases("params", [{}, {"context": {}}, {"context": {"arguments": {}}}, {"context": {"arguments": None}}])
def test_nothing_need_be_filled_in(params):
    assert complete("street", "High", **params).result["completion"]["values"][0] == "None, High"


def test_suggestions_are_text():
    assert complete("number", "").result == {"completion": {"values": ["1", "2"], "hasMore": False, "total": 2}}


@cases(
    ("argument", "ref"),
    [
        ("free", None),
        ("other", None),
        ("street", {"type": "ref/resource", "uri": "town://{town}/{street}"}),
        ("town", {"type": "ref/resource", "uri": "town://all"}),
    ],
)
def test_an_argument_that_nothing_completes_has_no_suggestions(argument, ref):
    assert complete(argument, "x", ref=ref).result == {"completion": {"values": [], "hasMore": False, "total": 0}}


@cases("uri", ["town://{town}/{street}", "town://Bath/High"])
def test_a_template_is_named_by_itself_or_by_a_uri_of_its_own(uri):
    ref = {"type": "ref/resource", "uri": uri}

    assert complete("town", "149", ref=ref).result["completion"]["values"] == ["town 149"]


@cases("version", VERSIONS)
@cases(
    ("ref", "message"),
    [
        ({"type": "ref/prompt", "name": "other"}, "Unknown prompt: other"),
        ({"type": "ref/resource", "uri": "town://{other}"}, "Unknown resource: town://{other}"),
        ({"type": "ref/resource", "uri": ""}, "Unknown resource: "),
    ],
)
def test_what_is_not_there_has_no_completion(ref, message, version):
    answer = complete("town", "x", version, ref=ref)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error == {"code": -32602, "message": message}


@cases("version", ["2025-11-25", MODERN])
@cases(
    "params",
    [
        {},
        {"argument": {"name": "town", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "visit"}},
        {"ref": {"type": "ref/other", "name": "visit"}, "argument": {"name": "town", "value": ""}},
        {"ref": {"type": "ref/prompt"}, "argument": {"name": "town", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "visit"}, "argument": {"name": "town", "value": 5}},
        {"ref": {"type": "ref/prompt", "name": "visit"}, "argument": {"name": "town", "value": ""}, "context": 5},
    ],
)
def test_a_malformed_request_is_refused(params, version):
    answer = ask(server, "completion/complete", params, version)

    assert (answer.status, answer.error["code"]) == (400 if version == MODERN else 200, -32602)


def test_a_fault_is_logged_and_its_text_kept_from_the_client(caplog):
    answer = complete("how", "fault")

    assert (answer.status, answer.error) == (200, {"code": -32603, "message": "Internal error"})
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "Completion failed")
    ]


def test_a_function_may_answer_with_a_protocol_error():
    assert complete("how", "protocol").error == {"code": -31000, "message": "Not now"}


@cases("version", VERSIONS)
def test_a_server_where_nothing_completes_has_no_such_method(version):
    bare = MCPServer("bare", version="1")
    bare.prompt(name="visit")(lambda town: town)
    params = {"ref": {"type": "ref/prompt", "name": "visit"}, "argument": {"name": "town", "value": ""}}

    answer = ask(bare, "completion/complete", params, version)

    assert (answer.status, answer.error["code"]) == (404 if version == MODERN else 200, -32601)
