"""The request that a method gets: it knows its client, and makes the developer's context."""

import pytest

from django_mcp import MCPServer
from django_mcp.methods.request import Call, Request, take_string
from django_mcp.primitives.asking import Inputs
from django_mcp.primitives.context import Context
from django_mcp.protocol.errors import ProtocolError
from tests import wire
from tests.answering import CALLER, MODERN, Session, ask
from tests.tables import cases

server = MCPServer("test", version="1")
CAPABILITIES = {"roots": {}, "elicitation": {"form": {}}}
INFO = {"name": "inspector", "version": "2"}
ENVELOPE = {
    **wire.ENVELOPE,
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
}
SESSION = Session(client_info=INFO, client_capabilities=CAPABILITIES)


def request(era="handshake", **values):
    return Request(
        **{
            "server": server,
            "method": "tools/call",
            "id": 7,
            "params": {"_meta": ENVELOPE} if era == "modern" else {},
            "era": era,
            "version": MODERN if era == "modern" else "2025-11-25",
            "headers": {},
            "session": None,
            "caller": CALLER,
        }
        | values
    )


@cases(
    ("params", "meta"),
    [
        ({}, {}),
        ({"_meta": {"progressToken": 1}}, {"progressToken": 1}),
        ({"_meta": None}, {}),
        ({"_meta": "x"}, {}),
        ({"_meta": [1]}, {}),
    ],
)
def test_a_requests_meta_is_an_object_whatever_was_sent(params, meta):
    assert request(params=params).meta == meta


@cases(
    ("made", "capabilities"),
    [
        (request("modern"), CAPABILITIES),
        (request("modern", session=Session(client_capabilities={"sampling": {}})), CAPABILITIES),
        (request(session=SESSION), CAPABILITIES),
        (request(params={"_meta": ENVELOPE}, session=SESSION), CAPABILITIES),
        (request(params={"_meta": ENVELOPE}), {}),
    ],
)
def test_what_a_client_can_do_is_said_where_its_era_says_it(made, capabilities):
    assert made.client_capabilities == capabilities
    assert made.context().client_capabilities == capabilities


@cases(("made", "info"), [(request("modern"), INFO), (request(session=SESSION), INFO), (request(), {})])
def test_who_a_client_is_is_said_where_its_era_says_it(made, info):
    assert made.context().client_info == info


@cases("era", ["handshake", "modern"])
def test_a_context_has_what_the_request_has(era):
    request_stream, inputs = object(), Inputs({"a": 1}, "state", 2)
    made = request(era, session=SESSION, stream=request_stream, inputs=inputs)
    context = made.context()

    assert context == Context(
        server=server,
        method="tools/call",
        request_id=7,
        era=era,
        protocol_version=made.version,
        client_info=INFO,
        client_capabilities=CAPABILITIES,
        meta=made.meta,
        session=SESSION if era == "handshake" else None,
        caller=CALLER,
        request_stream=request_stream,
        inputs=inputs,
    )


def test_a_context_of_a_first_round_has_no_answers():
    assert request("modern").context().inputs == Inputs()


def call(**kwargs):
    return Call(request(), print, False, to_result=dict, to_failure=dict, kwargs=kwargs)


@cases(
    ("made", "can_speak"),
    [(call(), False), (call(a=1, ctx="no context"), False), (call(a=1, anything=request().context()), True)],
)
def test_a_function_can_speak_when_it_holds_a_context(made, can_speak):
    assert made.can_speak is can_speak


@cases("value", ["x", "", "é🛫\0"])
def test_a_string_is_taken_as_it_is(value):
    assert take_string({"uri": value}, "uri") == value


@cases("params", [{}, {"uri": None}, {"uri": 5}, {"uri": True}, {"uri": ["x"]}, {"uri": b"x"}])
def test_a_parameter_that_must_be_a_string_is_refused_as_anything_else(params):
    with pytest.raises(ProtocolError) as refusal:
        take_string(params, "uri")

    assert (refusal.value.code, refusal.value.message) == (-32602, "Invalid params: uri must be a string")


offering = MCPServer("offering", version="1")


@offering.tool
def greet(name: str) -> str:
    return name


@offering.resource("note://motto")
def motto() -> str:
    return "Festina lente"


@offering.prompt(complete={"tone": lambda value: ["kind"]})
def compose(topic: str, tone: str = "kind") -> str:
    return topic


@cases(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": None}),
        ("tools/call", {"name": 1}),
        ("tools/call", {"name": ["greet"]}),
        ("tools/call", {"name": {}}),
        ("tools/list", {"cursor": 1}),
        ("tools/list", {"cursor": []}),
        ("resources/read", {}),
        ("resources/read", {"uri": 1}),
        ("resources/read", {"uri": None}),
        ("prompts/get", {"name": []}),
        ("prompts/get", {"name": "compose", "arguments": "x"}),
        ("prompts/get", {"name": "compose", "arguments": {"topic": []}}),
        ("completion/complete", {}),
        ("completion/complete", {"ref": 1, "argument": {"name": "a", "value": "b"}}),
        ("completion/complete", {"ref": {"type": "ref/nothing"}, "argument": {"name": "a", "value": "b"}}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "compose"}, "argument": {"name": "topic"}}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "compose"}, "argument": {"name": "tone", "value": 1}},
        ),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/prompt", "name": "compose"},
                "argument": {"name": "tone", "value": ""},
                "context": {"arguments": {"topic": 1}},
            },
        ),
    ],
)
def test_parameters_of_a_wrong_type_are_invalid_params(method, params):
    for version, status in (("2025-11-25", 200), (MODERN, 400)):
        answer = ask(offering, method, params, version)

        assert (answer.status, answer.error["code"]) == (status, -32602)
