"""Requests that no good client sends. The answer is JSON-RPC with the status that the protocol has for it, in every
lane and on every database. It is never a 5xx, a page or a traceback.

Spec 2025-11-25 basic and basic/transports, JSON-RPC 2.0. Where they leave a status or a wording open, this server
answers as the Ruby SDK's Streamable HTTP transport does.
"""

import json
from itertools import product

import pytest
from django.contrib.auth.models import Group

from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "greet", "arguments": {"name": "Ada"}}}

HOSTILE = [
    "\u0000",
    "a\u0000b",
    "😀",
    "\u2028\u0085",
    "\ufffe\uffff",
    "\x7f\x1b[31m",
    "<script>alert(1)</script>",
    "'; DROP TABLE django_mcp_session; --",
    "../../etc/passwd",
    "%00%ff%s%(x)s{0}",
    "x" * 5_000,
    "é" * 300,
    "",
    " ",
]


@pytest.fixture
def client(connect):
    client = connect("/plain")
    client.initialize()
    return client


@pytest.fixture
def handshake_client(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()
    return client


def refusal(response):
    """The JSON-RPC error of an answer that is one, in form and in manners."""
    assert 400 <= response.status_code < 500, response
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["jsonrpc"] == "2.0"
    assert set(body) <= {"jsonrpc", "id", "error"}
    assert "Traceback" not in response.content.decode()
    return body


# One body for each status. All that is malformed is in the tables of tests/protocol and tests/methods.


NOT_JSON = b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'
REFUSALS = [
    (400, {}, NOT_JSON, -32700, "Parse error: Invalid JSON"),
    (400, {}, b"[]", -32600, "Invalid Request: JSON-RPC body must be a single request object"),
    (400, {}, json.dumps({**CALL, "id": True}).encode(), -32600, "Invalid Request: id must be a string or an integer"),
    (400, {}, json.dumps({**CALL, "params": []}).encode(), -32602, "Invalid params: params must be an object"),
    (
        406,
        {"accept": "application/json"},
        b"{}",
        -32600,
        "Not Acceptable: Accept header must include application/json and text/event-stream",
    ),
    # Browsers send `text/plain` to any site unasked; they would ask before they sent JSON.
    (
        415,
        {"content-type": "text/plain"},
        b"{}",
        -32600,
        "Unsupported Media Type: Content-Type must be application/json",
    ),
    (413, {}, b" " * 2001, -32600, "Payload too large: request body exceeds 2000 bytes"),
]


def test_what_is_malformed_is_refused_under_the_status_that_it_has(client, settings):
    settings.MCP_MAX_BODY_BYTES = 2000
    for status, headers, body, code, message in REFUSALS:
        response = client.post(body, headers)

        assert response.status_code == status, message
        assert refusal(response)["error"] == {"code": code, "message": message}


def test_json_may_nest_as_deep_as_the_setting_says_and_no_deeper(handshake_client, settings):
    def nested(depth):
        value = {}
        for _ in range(depth - 4):
            value = {"deeper": value}
        return wire.request("tools/call", {"name": "greet", "arguments": {"name": value}})

    assert handshake_client.post(nested(64)).json()["result"]["isError"]
    refused = refusal(handshake_client.post(nested(65)))
    assert refused["error"] == {"code": -32700, "message": "Parse error: JSON nested deeper than 64 levels"}
    settings.MCP_MAX_JSON_DEPTH = 65
    assert handshake_client.post(nested(65)).json()["result"]["isError"]


def test_meta_of_a_wrong_type_is_no_fault_of_the_server(client):
    for meta in (1, "x", [], None, {"progressToken": []}, {"progressToken": 1.5}):
        response = client.post({**CALL, "params": {**CALL["params"], "_meta": meta}})

        assert response.status_code in (200, 400), meta
        assert "result" in response.json() or response.json()["error"]["code"] == -32602, meta


def test_the_types_of_a_body_and_of_its_answer_are_read_as_http_has_them(handshake_client):
    """Beyond the Ruby SDK, which does not understand `application/*`: RFC 9110 has it, and the Python SDK too."""
    for headers in (
        {"content-type": "Application/JSON; charset=utf-8"},
        {"accept": "*/*"},
        {"accept": "application/*, Text/Event-Stream;q=0.5"},
    ):
        assert handshake_client.post(CALL, headers).status_code == 200, headers


# Text that is legal JSON and hard to store, to compare or to show


PLACES = ["id", "method", "tool", "argument", "argument name", "uri", "cursor", "prompt"]


def test_hostile_text_anywhere_in_a_request_is_answered_in_json(client, era):
    message = wire.modern_request if era == "modern" else wire.request
    for place, text in product(PLACES, HOSTILE):
        if era == "modern" and place == "method" and not is_header_text(text):
            continue  # No client could repeat it in its header.
        response = client.post(message(*hostile_request(text, place)))

        assert response.status_code in (200, 400, 404), (place, text)
        assert response.headers["content-type"] == "application/json", (place, text)
        assert response.json()["id"] == (text[:255] if place == "id" else 1), (place, text)
        answered = "result" in response.json()
        assert answered == (place in ("id", "argument", "argument name", "prompt")), (place, text)


def is_header_text(text):
    return text.isascii() and text.isprintable() and text.strip() == text


def hostile_request(text, place):
    """Method, params and id of a request with this text somewhere."""
    return {
        "id": ("tools/call", CALL["params"], text[:255]),
        "method": (text, {}, 1),
        "tool": ("tools/call", {"name": text, "arguments": {}}, 1),
        "argument": ("tools/call", {"name": "greet", "arguments": {"name": text}}, 1),
        "argument name": ("tools/call", {"name": "greet", "arguments": {"name": "Ada", text: 1}}, 1),
        "uri": ("resources/read", {"uri": text}, 1),
        "cursor": ("tools/list", {"cursor": text}, 1),
        "prompt": ("prompts/get", {"name": "compose", "arguments": {"topic": text}}, 1),
    }[place]


def test_hostile_text_that_a_tool_asks_the_database_for_is_a_failed_call_at_worst(handshake_client):
    """PostgreSQL refuses U+0000 where SQLite looks for it; either way the next call works."""
    for text in HOSTILE:
        result = handshake_client.call_tool("find_groups", {"name": text})

        assert result.is_error or result.data == {"result": []}, text
        assert handshake_client.call_tool("greet", {"name": text}).text == f"Hello, {text}"


def test_hostile_text_that_a_tool_writes_is_saved_or_is_a_failed_call(handshake_client):
    for text in HOSTILE:
        Group.objects.all().delete()
        result = handshake_client.call_tool("save_group", {"name": text})

        assert Group.objects.exists() is not result.is_error, text
        assert handshake_client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_hostile_text_in_what_a_client_says_of_itself_is_kept_exactly(lane):
    for text in HOSTILE:
        said = {"name": text, "version": text, text: text}
        able = {"experimental": {text: {text: text}}}
        client = MCPClient("/plain", era="handshake", client_info=said, capabilities=able, **lane)
        client.initialize()

        session = Session.objects.get(session_id=client.session_id)
        assert (session.client_info, session.client_capabilities) == (said, able)
        caller = client.call_tool("describe_caller").data
        assert (caller["client"], caller["capabilities"]) == (said, able)


# Headers


HEADER_VALUES = ["é", "\x7f", "a\tb", "a,b", "=?base64?!?=", "=?base64?gA==?=", "=?base64?=", "x" * 10_000, "\x00", " "]


HEADERS = [
    *("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-x", "last-event-id"),
    *("accept", "content-type", "authorization", "accept-language", "cookie"),
]


def test_hostile_header_values_are_answered_in_json(handshake_client):
    for name, value, method in product(HEADERS, HEADER_VALUES, ("POST", "GET", "DELETE")):
        body = json.dumps(CALL).encode() if method == "POST" else b""
        response = handshake_client.send(method, body, {**wire.POST_HEADERS, name: value})

        assert response.status_code in (200, 400, 404, 405, 406, 415), (method, name, value)
        if response.status_code == 200 and method == "GET":
            assert response.headers["content-type"] == "text/event-stream"
        else:
            assert response.headers["content-type"] == "application/json", (method, name, value)
            response.json()


# Size


def test_a_body_may_be_as_long_as_the_setting_says_and_no_longer(handshake_client, settings):
    settings.MCP_MAX_BODY_BYTES = 1000
    body = json.dumps(CALL).encode()

    assert handshake_client.post(body.ljust(1000)).status_code == 200
    assert handshake_client.post(body.ljust(1001)).status_code == 413


def test_a_body_that_declares_itself_too_long_is_not_read(settings):
    settings.MCP_MAX_BODY_BYTES = 1000
    for declared in ("1001", "9" * 19, "9" * 5000):
        headers = [("host", "testserver"), ("content-length", declared), *wire.POST_HEADERS.items()]

        response, taken = wire.send_asgi("/plain", "POST", headers, [b"{}", b"{}"])

        assert (response.status_code, taken) == (413, 0)
        assert wire.send_wsgi("/plain", "POST", wire.POST_HEADERS, b"{}", CONTENT_LENGTH=declared).status_code == 413


def test_a_body_in_chunks_is_read_until_it_is_too_long(settings):
    settings.MCP_MAX_BODY_BYTES = 1000
    headers = [("host", "testserver"), ("transfer-encoding", "chunked"), *wire.POST_HEADERS.items()]

    response, taken = wire.send_asgi("/off", "POST", headers, [b" " * 400] * 100)

    assert (response.status_code, taken) == (413, 3)
    body = json.dumps(CALL).encode()
    response, taken = wire.send_asgi("/off", "POST", headers, [body[:10], b"", body[10:]])
    assert (response.status_code, taken) == (200, 3)


def test_a_body_longer_than_it_declares_is_measured_as_it_comes(settings):
    """An HTTP server would refuse most of these itself."""
    settings.MCP_MAX_BODY_BYTES = 1000
    for declared in ("2", "0", "", "-1", "abc", "²", "1,1", "1 0"):
        headers = [("host", "testserver"), ("content-length", declared), *wire.POST_HEADERS.items()]

        response, _taken = wire.send_asgi("/off", "POST", headers, [b" " * 1001])

        assert response.status_code == 413, declared


def test_under_wsgi_a_body_ends_where_it_declares_to():
    body = json.dumps(CALL).encode()
    for declared in ("2", "0", "", "-1", "abc", "\xb2", None):
        response = wire.send_wsgi("/off", "POST", wire.POST_HEADERS, body, CONTENT_LENGTH=declared)

        assert (response.status_code, response.json()["error"]["code"]) == (400, -32700), declared


def test_a_client_that_hangs_up_in_the_middle_is_not_answered(caplog):
    headers = [("host", "testserver"), *wire.POST_HEADERS.items()]

    response, _taken = wire.send_asgi("/plain", "POST", headers, [b'{"jsonrpc":', None])

    assert response is None
    assert not caplog.records


def test_headers_that_are_too_large_are_431_whatever_else_is_wrong_with_them(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()

    response = client.post(wire.request("ping"), {"mcp-session-id": "x" * 70_000, "origin": "https://evil.example.com"})

    assert response.status_code == 431
    assert response.json() == wire.error(-32600, "The request's headers are too large")
    assert client.post(wire.request("ping"), {"x-long": "x" * 60_000}).status_code == 200
