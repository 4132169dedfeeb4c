"""What no good client sends: the answer is JSON-RPC under the status that the protocol has for it, in every lane and on
every database, and never a 5xx, a page or a traceback.

Spec 2025-11-25 basic and basic/transports, JSON-RPC 2.0. Where they leave a status or a wording open, this server
answers as the Ruby SDK's Streamable HTTP transport does.
"""

import json

import pytest
from django.contrib.auth.models import Group

from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

PARSE_ERROR = wire.error(-32700, "Parse error: Invalid JSON")
SINGLE_OBJECT = wire.error(-32600, "Invalid Request: JSON-RPC body must be a single request object")
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


# Bodies that are not JSON, or more than a JSON that two readers would understand alike


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nul",
        b"hello",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1,"method":"ping"} x',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}',
        b"\xef\xbb\xbf" + json.dumps(CALL).encode(),
        json.dumps(CALL).encode("utf-16"),
        b'{"jsonrpc":"2.0","id":1,"method":"p\xe9ng"}',
        b'{"jsonrpc":"2.0","id":1,"method":"pi\nng"}',
        b"{'jsonrpc':'2.0'}",
        b'{"jsonrpc":"2.0","id":1,"method":"ping",}',
        b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":Infinity}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":-Infinity}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":1e999}}}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","name":"count"}}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":"\\udfff"}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\\udc00\\ud800":1}}',
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 10_000 + b"]" * 10_000,
    ],
    ids=range(27),
)
def test_a_body_that_is_not_json_is_a_parse_error(client, body):
    response = client.post(body)

    assert response.status_code == 400
    assert refusal(response)["error"] == PARSE_ERROR["error"]


def test_json_may_nest_as_deep_as_the_setting_says_and_no_deeper(client, settings):
    def nested(depth):
        message = wire.modern_request if client.era == "modern" else wire.request
        value = {}
        for _ in range(depth - 4):
            value = {"deeper": value}
        return message("tools/call", {"name": "greet", "arguments": {"name": value}})

    assert client.post(nested(64)).json()["result"]["isError"]
    refused = refusal(client.post(nested(65)))
    assert refused["error"] == {"code": -32700, "message": "Parse error: JSON nested deeper than 64 levels"}
    settings.MCP_MAX_JSON_DEPTH = 65
    assert client.post(nested(65)).json()["result"]["isError"]


# JSON that is no message


@pytest.mark.parametrize("body", [b"1", b"-0.5", b'"ping"', b"null", b"true", b"[]", b"[1]"])
def test_json_that_is_no_object_is_refused(client, body):
    response = client.post(body)

    assert response.status_code == 400
    assert refusal(response)["error"] == SINGLE_OBJECT["error"]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"jsonrpc": "2.0"},
        {"id": 1, "method": "ping"},
        {"jsonrpc": "1.0", "id": 1, "method": "ping"},
        {"jsonrpc": 2.0, "id": 1, "method": "ping"},
        {"jsonrpc": None, "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "method": 1},
        {"jsonrpc": "2.0", "id": 1, "method": None},
        {"jsonrpc": "2.0", "id": 1, "method": ["ping"]},
        {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": "both"}},
        {"jsonrpc": "2.0", "result": {}},
        {"jsonrpc": "2.0", "id": None, "result": {}},
    ],
    ids=str,
)
def test_an_object_that_is_no_message_is_refused(client, message):
    response = client.post(json.dumps(message).encode())

    assert response.status_code == 400
    assert refusal(response)["error"]["code"] == -32600


@pytest.mark.parametrize(
    "request_id", [True, False, None, 1.0, 1.5, [], [1], {}, {"id": 1}, 2**63, -(2**63) - 1, "x" * 256], ids=repr
)
@pytest.mark.parametrize("method", ["ping", "initialize", "tools/call", "notifications/initialized"])
def test_an_id_is_a_string_or_an_integer_and_what_is_neither_is_not_echoed(client, request_id, method):
    response = client.post({**CALL, "id": request_id, "method": method})

    assert response.status_code == 400
    body = refusal(response)
    assert body["error"] == {"code": -32600, "message": "Invalid Request: id must be a string or an integer"}
    assert body.get("id") is None


@pytest.mark.parametrize("params", [1, 1.5, "x", True, [], [1]], ids=repr)
@pytest.mark.parametrize("method", ["ping", "tools/list", "initialize", "notifications/initialized"])
def test_params_that_are_no_object_are_refused(client, params, method):
    response = client.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())

    assert response.status_code == 400
    assert refusal(response)["error"]["code"] == -32602


def test_params_of_null_are_no_params(handshake_client):
    """JSON-RPC would leave them out; clients that write every member send null."""
    assert handshake_client.post({**wire.request("ping"), "params": None}).json() == wire.answer({})


@pytest.mark.parametrize("meta", [1, "x", [], None, {"progressToken": []}, {"progressToken": 1.5}], ids=repr)
def test_meta_of_a_wrong_type_is_no_fault_of_the_server(client, meta):
    response = client.post({**CALL, "params": {**CALL["params"], "_meta": meta}})

    assert response.status_code in (200, 400)
    assert "result" in response.json() or response.json()["error"]["code"] == -32602


@pytest.mark.parametrize(
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
    ids=str,
)
def test_parameters_of_a_wrong_type_are_invalid_params(client, era, method, params):
    message = wire.modern_request(method, params) if era == "modern" else wire.request(method, params)

    response = client.post(message)

    assert response.status_code == (200 if era == "handshake" else 400)
    assert response.json()["error"]["code"] == -32602
    assert response.json()["id"] == 1


@pytest.mark.parametrize("level", [None, 1, [], "loud", "WARNING", "\u0000"], ids=repr)
def test_a_log_level_of_a_wrong_type_is_invalid_params(handshake_client, level):
    response = handshake_client.post(wire.request("logging/setLevel", {"level": level}))

    assert (response.status_code, response.json()["error"]["code"]) == (200, -32602)


# Text that is legal JSON and hard to store, to compare or to show


@pytest.mark.parametrize("place", ["id", "method", "tool", "argument", "argument name", "uri", "cursor", "prompt"])
def test_hostile_text_anywhere_in_a_request_is_answered_in_json(client, era, place):
    message = wire.modern_request if era == "modern" else wire.request
    texts = HOSTILE
    if era == "modern" and place == "method":
        # No client could repeat any other in its header.
        texts = [text for text in HOSTILE if text.isascii() and text.isprintable() and text.strip() == text]
    for text in texts:
        response = client.post(message(*hostile_request(text, place)))

        assert response.status_code in (200, 400, 404), text
        assert response.headers["content-type"] == "application/json", text
        assert response.json()["id"] == (text[:255] if place == "id" else 1), text
        answered = "result" in response.json()
        assert answered == (place in ("id", "argument", "argument name", "prompt")), text


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


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_that_a_tool_asks_the_database_for_is_a_failed_call_at_worst(client, text):
    """PostgreSQL refuses U+0000 where SQLite looks for it; either way the next call works."""
    result = client.call_tool("find_groups", {"name": text})

    assert result.is_error or result.structured in ([], {"result": []})
    assert client.call_tool("greet", {"name": text}).text == f"Hello, {text}"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_that_a_tool_writes_is_saved_or_is_a_failed_call(client, text):
    result = client.call_tool("save_group", {"name": text})

    assert Group.objects.exists() is not result.is_error
    assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_what_a_client_says_of_itself_is_kept_exactly(lane, text):
    client = MCPClient(
        "/plain",
        era="handshake",
        client_info={"name": text, "version": text, text: text},
        capabilities={"experimental": {text: {text: text}}},
        **lane,
    )

    client.initialize()

    session = Session.objects.get()
    assert session.client_info == {"name": text, "version": text, text: text}
    assert session.client_capabilities == {"experimental": {text: {text: text}}}
    caller = client.call_tool("describe_caller").structured
    assert caller["client"] == session.client_info
    assert caller["capabilities"] == session.client_capabilities


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_as_a_revision_is_answered_with_another_revision(lane, text):
    response = MCPClient("/plain", era="handshake", **lane).post(wire.initialize(text))

    assert response.json()["result"]["protocolVersion"] == "2025-11-25"


# Headers


HEADER_VALUES = ["é", "\x7f", "a\tb", "a,b", "=?base64?!?=", "=?base64?gA==?=", "=?base64?=", "x" * 10_000, "\x00", " "]


@pytest.mark.parametrize(
    "name",
    [
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-param-x",
        "accept",
        "content-type",
        "last-event-id",
        "authorization",
        "accept-language",
        "cookie",
    ],
)
def test_hostile_header_values_are_answered_in_json(client, name):
    for value in HEADER_VALUES:
        for method in ("POST", "GET", "DELETE"):
            body = json.dumps(CALL).encode() if method == "POST" else b""
            response = client.send(method, body, {**wire.POST_HEADERS, name: value})

            assert response.status_code in (200, 400, 404, 405, 406, 415), (method, value)
            if response.status_code == 200 and method == "GET":
                assert response.headers["content-type"] == "text/event-stream"
            else:
                assert response.headers["content-type"] == "application/json", (method, value)
                response.json()


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/jsonp", "json", "application/xml;a=application/json"]
)
def test_a_body_of_another_type_is_415(client, content_type):
    """Browsers send `text/plain` to any site unasked; they would ask before they sent JSON."""
    response = client.post(CALL, {"content-type": content_type})

    assert response.status_code == 415
    assert refusal(response)["error"] == {
        "code": -32600,
        "message": "Unsupported Media Type: Content-Type must be application/json",
    }


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"]
)
def test_the_type_of_a_body_is_read_as_http_has_it(handshake_client, content_type):
    assert handshake_client.post(CALL, {"content-type": content_type}).status_code == 200


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "application/json",
        "text/event-stream",
        "text/html",
        "application/json;q=0, text/event-stream",
        "application/*",
        "nonsense",
    ],
)
def test_a_client_that_does_not_take_both_kinds_of_answer_is_406(client, accept):
    response = client.post(CALL, {"accept": accept})

    assert response.status_code == 406
    assert refusal(response)["error"] == {
        "code": -32600,
        "message": "Not Acceptable: Accept header must include application/json and text/event-stream",
    }


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json, text/event-stream",
        "Text/Event-Stream;q=0.5,APPLICATION/JSON;q=0.9",
        "application/*, text/*",
    ],
)
def test_accept_is_read_as_http_has_it(handshake_client, accept):
    """Beyond the Ruby SDK, which does not understand `application/*`: RFC 9110 has it, and the Python SDK too."""
    assert handshake_client.post(CALL, {"accept": accept}).status_code == 200


# Size


def padded(client, size):
    """A call whose body is of this size exactly."""
    message = wire.modern_request if client.era == "modern" else wire.request
    body = json.dumps(message("tools/call", CALL["params"])).encode()
    return body + b" " * (size - len(body))


def post_padded(client, size):
    headers = {"mcp-protocol-version": client.version, "mcp-method": "tools/call", "mcp-name": "greet"}
    return client.post(padded(client, size), headers)


def test_a_body_may_be_as_long_as_the_setting_says_and_no_longer(client, settings):
    settings.MCP_MAX_BODY_BYTES = 1000

    assert post_padded(client, 1000).status_code == 200
    response = post_padded(client, 1001)
    assert response.status_code == 413
    assert refusal(response)["error"] == {
        "code": -32600,
        "message": "Payload too large: request body exceeds 1000 bytes",
    }


@pytest.mark.parametrize("declared", ["1001", "9" * 19, "9" * 5000])
def test_a_body_that_declares_itself_too_long_is_not_read(settings, declared):
    settings.MCP_MAX_BODY_BYTES = 1000
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


@pytest.mark.parametrize("declared", ["2", "0", "", "-1", "abc", "²", "1,1", "1 0"])
def test_a_body_longer_than_it_declares_is_measured_as_it_comes(settings, declared):
    """An HTTP server would refuse most of these itself."""
    settings.MCP_MAX_BODY_BYTES = 1000
    headers = [("host", "testserver"), ("content-length", declared), *wire.POST_HEADERS.items()]

    response, _taken = wire.send_asgi("/off", "POST", headers, [b" " * 1001])

    assert response.status_code == 413


@pytest.mark.parametrize("declared", ["2", "0", "", "-1", "abc", "\xb2", None])
def test_under_wsgi_a_body_ends_where_it_declares_to(declared):
    response = wire.send_wsgi("/off", "POST", wire.POST_HEADERS, json.dumps(CALL).encode(), CONTENT_LENGTH=declared)

    assert (response.status_code, response.json()["error"]["code"]) == (400, -32700)


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
