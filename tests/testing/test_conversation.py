"""The messages of a client, before anything is sent."""

import pytest

from django_mcp.testing import MCPClient, Response
from tests.tables import cases

ANSWER = Response(200, {}, b'{"result": {"contents": []}}')


def test_a_client_is_modern_unless_it_is_told_otherwise():
    assert (MCPClient().era, MCPClient().version) == ("modern", "2026-07-28")
    assert (MCPClient(era="handshake").era, MCPClient(era="handshake").version) == ("handshake", "2025-11-25")
    assert (MCPClient(version="2025-03-26").era, MCPClient(version="2026-07-28").era) == ("handshake", "modern")


@cases(
    ("uri", "header"),
    [
        ("note://motto", "note://motto"),
        ("note://mot du café", "=?base64?bm90ZTovL21vdCBkdSBjYWbDqQ==?="),
        (" note://x", "=?base64?IG5vdGU6Ly94?="),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("", "=?base64??="),
    ],
)
def test_a_name_that_no_header_can_hold_is_sent_in_base64(uri, header):
    outgoing = next(MCPClient()._read_resource(uri))

    assert outgoing.headers["mcp-name"] == header


def test_an_answer_that_is_no_json_says_where_it_came_from():
    steps = MCPClient("/nowhere")._read_resource("note://motto")
    next(steps)

    with pytest.raises(AssertionError) as error:
        steps.send(Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>"))

    assert str(error.value) == (
        "/nowhere answered 404 with text/html, and no MCP message. Is an endpoint mounted at that path?"
    )
