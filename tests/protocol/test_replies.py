import json

from django_mcp.protocol import jsonrpc, replies
from django_mcp.protocol.errors import ProtocolError, unsupported_version
from django_mcp.protocol.replies import Reply
from tests.tables import cases


def body_of(reply):
    return json.loads(reply.body)


@cases("request_id", [0, 1, -5, "", "1", "é"])
def test_a_result_goes_out_under_the_id_of_its_request(request_id):
    reply = replies.result(request_id, {"ok": True})

    assert (reply.status, reply.headers) == (200, ())
    assert body_of(reply) == {"jsonrpc": "2.0", "id": request_id, "result": {"ok": True}}
    assert type(body_of(reply)["id"]) is type(request_id)


@cases(
    ("entries", "rest"),
    [
        ([], {}),
        ([{"name": "é"}], {}),
        ([{"name": "a"}, {"name": "b"}], {"nextCursor": "x", "_meta": {"a": [1]}}),
        ([], {"ttlMs": 5}),
    ],
)
def test_a_list_is_put_together_from_entries_that_are_json_already(entries, rest):
    reply = replies.listing("7", "tools", [jsonrpc.encode(entry) for entry in entries], rest)

    assert (reply.status, reply.headers) == (200, ())
    assert body_of(reply) == {"jsonrpc": "2.0", "id": "7", "result": {"tools": entries, **rest}}


@cases(
    ("failure", "era", "request_id", "status", "body"),
    [
        (
            ProtocolError(-32601, "Method not found: x"),
            "handshake",
            7,
            200,
            {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "Method not found: x"}},
        ),
        (
            ProtocolError(-32601, "Method not found: x"),
            "modern",
            "7",
            404,
            {"jsonrpc": "2.0", "id": "7", "error": {"code": -32601, "message": "Method not found: x"}},
        ),
        (
            ProtocolError(-32602, "Resource not found", {"uri": "a:b"}),
            "modern",
            0,
            400,
            {
                "jsonrpc": "2.0",
                "id": 0,
                "error": {"code": -32602, "message": "Resource not found", "data": {"uri": "a:b"}},
            },
        ),
        (
            ProtocolError(-32603, "Internal error", {}),
            "modern",
            "",
            200,
            {"jsonrpc": "2.0", "id": "", "error": {"code": -32603, "message": "Internal error", "data": {}}},
        ),
        (
            ProtocolError(-32700, "Parse error: Invalid JSON", status=400),
            "handshake",
            None,
            400,
            {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error: Invalid JSON"}},
        ),
        (
            ProtocolError(-32700, "Parse error: Invalid JSON", status=400),
            "modern",
            None,
            400,
            {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error: Invalid JSON"}},
        ),
        (
            unsupported_version("v9"),
            "modern",
            1,
            400,
            {
                "jsonrpc": "2.0",
                "id": 1,
                "error": {
                    "code": -32022,
                    "message": "Unsupported protocol version: v9. Supported per request: 2026-07-28",
                    "data": {"supported": ["2026-07-28"], "requested": "v9"},
                },
            },
        ),
    ],
)
def test_an_error_is_whole_and_has_the_status_of_its_era(failure, era, request_id, status, body):
    reply = replies.error(failure, era, request_id)

    assert (reply.status, body_of(reply), reply.headers) == (status, body, ())


def test_what_cannot_be_written_as_utf8_is_escaped():
    assert replies.result(1, {"text": "\ud800"}).body == b'{"jsonrpc":"2.0","id":1,"result":{"text":"\\ud800"}}'


def test_a_reply_is_a_value_that_headers_are_added_to():
    reply = Reply(200, b"{}")

    assert reply.with_header("A", "1").with_header("B", "2") == Reply(200, b"{}", (("A", "1"), ("B", "2")))
    assert reply.headers == ()


@cases(
    ("reply", "expected"),
    [
        (replies.ACCEPTED, Reply(202)),
        (replies.TERMINATED, Reply(200, b'{"success":true}')),
        (
            replies.SESSION_NOT_FOUND,
            Reply(404, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'),
        ),
        (
            replies.MISSING_SESSION_ID,
            Reply(400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Missing session ID"}}'),
        ),
        (
            replies.refusal(403, "Origin not allowed"),
            Reply(403, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Origin not allowed"}}'),
        ),
        (
            replies.method_not_allowed("POST"),
            Reply(
                405,
                b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Method not allowed"}}',
                (("Allow", "POST"),),
            ),
        ),
    ],
)
def test_the_transports_own_answers_are_json_rpc_too(reply, expected):
    """So that a client can read each (spec 2026-07-28 basic/versioning: a client falls back by what the body says)."""
    assert reply == expected
