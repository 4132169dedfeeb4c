import json

import pytest

from django_mcp.protocol import inbound
from django_mcp.protocol.inbound import Batch, Inbound, Limits
from django_mcp.protocol.replies import Reply
from tests import wire
from tests.tables import cases

BOTH = ("handshake", "modern")
LIMITS = Limits(body_bytes=1000, json_depth=10)

HANDSHAKE = wire.POST_HEADERS
SESSION = {**HANDSHAKE, "mcp-session-id": "s", "mcp-protocol-version": "2025-03-26"}
MODERN = {**HANDSHAKE, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}

SINGLE = "Invalid Request: JSON-RPC body must be a single request object"
UNSUPPORTED = "Unsupported protocol version: {}. Supported per request: 2026-07-28"


def read(message, headers=HANDSHAKE, *, limits=LIMITS, eras=BOTH):
    return inbound.read(headers, json.dumps(message).encode(), limits, eras)


def refused(reply):
    """A refusal: its status and its body."""
    assert isinstance(reply, Reply), reply
    assert reply.headers == ()
    return reply.status, json.loads(reply.body)


def without_id(error):
    """How a modern client is told of an id that could not be read."""
    return {key: value for key, value in error.items() if key != "id"}


# The kinds of messages


@cases(
    ("message", "kind"),
    [
        (wire.request("ping"), "request"),
        (wire.request("ping", {"a": 1}, "x"), "request"),
        (wire.notification(), "notification"),
        (wire.answer({}), "response"),
        (wire.error(-1, "no", 5), "response"),
    ],
)
def test_a_message_is_a_request_a_notification_or_a_response(message, kind):
    assert read(message) == Inbound.of(kind, "handshake", message, HANDSHAKE)


def test_a_message_tells_its_parts():
    message = read(wire.request("tools/call", {"name": "add"}, "x"), {**HANDSHAKE, "mcp-session-id": "s"})

    assert (message.id, message.method, message.params) == ("x", "tools/call", {"name": "add"})
    assert (message.session_id, message.version) == ("s", None)


def test_what_a_message_has_not_is_empty():
    message = read(wire.answer({}))

    assert (message.method, message.params, message.session_id) == ("", {}, None)
    assert read(wire.notification()).id is None


# Which era it is of

CLAIM = wire.modern_request("tools/list")
PLAIN = wire.request("tools/list")


@cases(
    ("message", "headers", "era"),
    [
        (PLAIN, {}, "handshake"),
        (PLAIN, {"mcp-protocol-version": "2025-03-26"}, "handshake"),
        (PLAIN, {"mcp-session-id": "s"}, "handshake"),
        (wire.initialize(), {}, "handshake"),
        (wire.answer({}), {}, "handshake"),
        (wire.answer({}), {"mcp-protocol-version": "2026-07-28"}, "handshake"),
        (wire.notification(), {"mcp-protocol-version": "2025-11-25"}, "handshake"),
        (wire.notification(), {"mcp-protocol-version": "2026-07-28"}, "modern"),
        (CLAIM, MODERN, "modern"),
        (CLAIM, {**MODERN, "mcp-session-id": "s"}, "modern"),
        # A dual-era client may name its newest revision on the handshake, and on the session that came of it.
        (wire.initialize("2026-07-28"), {"mcp-protocol-version": "2026-07-28"}, "handshake"),
        (PLAIN, {"mcp-session-id": "s", "mcp-protocol-version": "2026-07-28"}, "handshake"),
        (wire.notification(), {"mcp-session-id": "s", "mcp-protocol-version": "2026-07-28"}, "handshake"),
    ],
)
def test_a_message_is_of_the_era_that_it_says_itself(message, headers, era):
    """Its envelope decides, then its header, and a message with neither is a handshake client's."""
    found = read(message, {**HANDSHAKE, **headers})

    assert isinstance(found, Inbound), found
    assert found.era == era
    assert found.version == ("2026-07-28" if era == "modern" else None)


def test_an_initialize_with_an_envelope_is_a_modern_message():
    """Which has no such method: the server says so (conformance: server-stateless)."""
    message = wire.modern_request("initialize")

    assert read(message, {**MODERN, "mcp-method": "initialize"}).era == "modern"


NOT_2025 = {"supported": ["2026-07-28"], "requested": "2025-11-25"}


def claim(version):
    return wire.request("tools/list", {"_meta": {**wire.ENVELOPE, "io.modelcontextprotocol/protocolVersion": version}})


REQUIRED = (
    "Invalid params: _meta with io.modelcontextprotocol/protocolVersion and "
    "io.modelcontextprotocol/clientCapabilities is required"
)


@cases(
    ("message", "headers", "error"),
    [
        # The envelope contradicts the header: that is said first (conformance: header v999 against body 2026-07-28).
        (CLAIM, HANDSHAKE, wire.error(-32020, "Header mismatch: MCP-Protocol-Version is missing", 1)),
        (
            claim("v999"),
            MODERN,
            wire.error(-32020, "Header mismatch: MCP-Protocol-Version differs from the body", 1),
        ),
        (
            claim("v999"),
            {**MODERN, "mcp-protocol-version": "v999"},
            wire.error(-32022, UNSUPPORTED.format("v999"), 1, {"supported": ["2026-07-28"], "requested": "v999"}),
        ),
        # A handshake revision cannot be named by a request.
        (
            claim("2025-11-25"),
            {**MODERN, "mcp-protocol-version": "2025-11-25"},
            wire.error(
                -32022, UNSUPPORTED.format("2025-11-25"), 1, {"supported": ["2026-07-28"], "requested": "2025-11-25"}
            ),
        ),
        (
            claim(5),
            HANDSHAKE,
            wire.error(-32602, "Invalid params: _meta.io.modelcontextprotocol/protocolVersion must be a string", 1),
        ),
        # No envelope, and a header that is not a handshake client's.
        (PLAIN, MODERN, wire.error(-32602, REQUIRED, 1)),
        (
            PLAIN,
            {**HANDSHAKE, "mcp-protocol-version": "v999"},
            wire.error(-32022, UNSUPPORTED.format("v999"), 1, {"supported": ["2026-07-28"], "requested": "v999"}),
        ),
        (
            wire.initialize(),
            {**HANDSHAKE, "mcp-protocol-version": "v999"},
            wire.error(-32022, UNSUPPORTED.format("v999"), 1, {"supported": ["2026-07-28"], "requested": "v999"}),
        ),
        (
            PLAIN,
            {**HANDSHAKE, "mcp-protocol-version": ""},
            wire.error(
                -32600,
                "Bad Request: Unsupported protocol version: . "
                "Supported versions: 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25",
                1,
            ),
        ),
    ],
)
def test_a_message_that_misses_its_era_is_refused_with_400_and_a_body(message, headers, error):
    """A client that falls back from one era to the other reads these bodies (spec 2026-07-28 basic/versioning)."""
    assert refused(read(message, headers)) == (400, error)


def test_a_response_that_claims_the_modern_era_is_refused():
    message = {**wire.answer({}), "params": {"_meta": wire.ENVELOPE}}
    error = wire.error(-32600, "Invalid Request: a posted response has no place in this revision")

    assert refused(read(message, MODERN)) == (400, without_id(error))


# Endpoints of one era


OPENED = "This endpoint is opened by initialize, at one of 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25"
RESPONSE = "Invalid Request: a posted response has no place in this revision"


@cases(
    ("eras", "message", "headers", "error"),
    [
        (("handshake",), CLAIM, MODERN, wire.error(-32600, OPENED, 1)),
        (("handshake",), PLAIN, MODERN, wire.error(-32600, OPENED, 1)),
        (
            ("modern",),
            wire.initialize("2025-11-25"),
            HANDSHAKE,
            wire.error(
                -32022, UNSUPPORTED.format("2025-11-25"), 1, {"supported": ["2026-07-28"], "requested": "2025-11-25"}
            ),
        ),
        (
            ("modern",),
            PLAIN,
            {**HANDSHAKE, "mcp-protocol-version": "2025-11-25"},
            wire.error(
                -32022, UNSUPPORTED.format("2025-11-25"), 1, {"supported": ["2026-07-28"], "requested": "2025-11-25"}
            ),
        ),
        (
            ("modern",),
            PLAIN,
            HANDSHAKE,
            wire.error(-32020, "Header mismatch: MCP-Protocol-Version is missing", 1),
        ),
        (("modern",), wire.answer({}), HANDSHAKE, wire.error(-32600, RESPONSE)),
        (("modern",), [PLAIN], SESSION, wire.error(-32600, SINGLE)),
    ],
)
def test_an_endpoint_of_one_era_refuses_the_other(eras, message, headers, error):
    assert refused(read(message, headers, eras=eras)) == (400, error)


@cases(("eras", "message", "headers"), [(("handshake",), PLAIN, HANDSHAKE), (("modern",), CLAIM, MODERN)])
def test_an_endpoint_of_one_era_serves_it(eras, message, headers):
    assert read(message, headers, eras=eras).era == eras[0]


# Bodies that are no message


@cases("headers", [HANDSHAKE, MODERN])
@cases(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, -32700, id="nothing"),
        pytest.param(b"{", 400, -32700, id="half a message"),
        pytest.param(b"\xff", 400, -32700, id="no UTF-8"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', 400, -32700, id="a lone surrogate"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32700, id="two ids"),
        pytest.param(b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', 400, -32700, id="NaN"),
        pytest.param(b"[" * 500 + b"]" * 500, 400, -32700, id="500 deep"),
        pytest.param(b"null", 400, -32600, id="null"),
        pytest.param(b'"ping"', 400, -32600, id="a string"),
        pytest.param(b"5", 400, -32600, id="a number"),
        pytest.param(b"-0.5", 400, -32600, id="a fraction"),
        pytest.param(b"true", 400, -32600, id="true"),
        pytest.param(b"[1]", 400, -32600, id="an array of a number"),
        pytest.param(b"[]", 400, -32600, id="no messages"),
        pytest.param(b"{}", 400, -32600, id="an empty object"),
        pytest.param(b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600, id="the id null"),
        pytest.param(b'{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, -32600, id="the id true"),
        pytest.param(b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', 400, -32600, id="the id 1.0"),
        pytest.param(b'{"jsonrpc":"2.0","id":[],"method":"ping"}', 400, -32600, id="an array as id"),
        pytest.param(b'{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}', 400, -32600, id="a huge id"),
        pytest.param(b'{"jsonrpc":"2.0","id":1}', 400, -32600, id="neither method nor result"),
        pytest.param(b" " * 1001, 413, -32600, id="too long"),
    ],
)
def test_what_is_no_message_is_refused_without_an_id(headers, body, status, code):
    """An id that could not be read is null to a handshake client and absent to a modern one, as their schemas say."""
    found, error = refused(inbound.read(headers, body, LIMITS, BOTH))

    assert (found, error["error"]["code"]) == (status, code)
    assert ("id" in error) is (headers is HANDSHAKE)
    assert error.get("id") is None


@cases("method", ["ping", "initialize", "tools/call", "notifications/initialized"])
def test_an_id_of_a_wrong_type_is_not_echoed_whatever_the_method(method):
    for request_id in (True, False, None, 1.0, 1.5, [], [1], {}, {"id": 1}, 2**63, -(2**63) - 1, "x" * 256):
        error = wire.error(-32600, "Invalid Request: id must be a string or an integer")

        assert refused(read(wire.request(method, request_id=request_id))) == (400, error)


@cases("method", ["ping", "initialize", "tools/list", "notifications/initialized"])
def test_params_that_are_no_object_are_refused_whatever_the_method(method):
    for params in (1, 1.5, "x", True, [], [1]):
        error = wire.error(-32602, "Invalid params: params must be an object", 1)

        assert refused(read(wire.request(method, params))) == (400, error)


def test_a_body_that_was_not_read_was_too_long():
    error = wire.error(-32600, "Payload too large: request body exceeds 1000 bytes")

    assert refused(inbound.read(HANDSHAKE, None, LIMITS, BOTH)) == (413, error)


def test_a_body_may_be_as_long_as_the_limit():
    body = json.dumps(PLAIN).encode()

    assert isinstance(inbound.read(HANDSHAKE, body.ljust(1000), LIMITS, BOTH), Inbound)


@cases("request_id", [0, 7, "", "x"])
@cases(
    ("wrong", "error"),
    [
        ({"jsonrpc": "1.0"}, wire.error(-32600, 'Invalid Request: jsonrpc must be "2.0"')),
        ({"method": 5}, wire.error(-32600, "Invalid Request: method must be a string")),
        ({"params": []}, wire.error(-32602, "Invalid params: params must be an object")),
        ({"params": "x"}, wire.error(-32602, "Invalid params: params must be an object")),
    ],
)
def test_a_request_that_is_malformed_is_refused_under_its_id(request_id, wrong, error):
    message = {**wire.request("tools/list", request_id=request_id), **wrong}

    assert refused(read(message)) == (400, {**error, "id": request_id})


@cases("eras", [("handshake",), BOTH])
def test_parameters_that_are_null_are_none(eras):
    """JSON-RPC would have them left out; some clients write them all the same."""
    message = read({**PLAIN, "params": None}, eras=eras)

    assert (message.era, message.params) == ("handshake", {})


def test_a_modern_request_has_no_null_parameters():
    assert refused(read({**PLAIN, "params": None}, MODERN)) == (400, wire.error(-32602, REQUIRED, 1))


def test_what_a_response_holds_is_not_looked_into():
    assert read({**wire.answer([]), "params": []}).kind == "response"


@cases(
    ("headers", "status", "message"),
    [
        (
            {**HANDSHAKE, "accept": "application/json"},
            406,
            "Not Acceptable: Accept header must include application/json and text/event-stream",
        ),
        (
            {**HANDSHAKE, "content-type": "text/plain"},
            415,
            "Unsupported Media Type: Content-Type must be application/json",
        ),
    ],
)
def test_the_types_of_a_post_are_checked_before_its_body(headers, status, message):
    assert refused(inbound.read(headers, b"{", LIMITS, BOTH)) == (status, wire.error(-32600, message))


# Arrays of messages


def test_an_array_in_a_session_is_a_batch_of_its_messages():
    """Whether the session's revision has batches, only the session knows."""
    messages = [wire.request("ping", request_id=1), wire.notification(), wire.request("ping", request_id="2")]

    batch = read(messages, SESSION)

    assert isinstance(batch, Batch)
    assert batch.session_id == "s"
    assert batch.messages == tuple(
        Inbound.of(kind, "handshake", message, SESSION)
        for kind, message in zip(("request", "notification", "request"), messages, strict=True)
    )


def test_responses_come_in_arrays_of_their_own():
    assert [message.kind for message in read([wire.answer({}), wire.answer({}, 2)], SESSION).messages] == [
        "response"
    ] * 2


@cases(
    ("messages", "headers"),
    [
        ([PLAIN], HANDSHAKE),
        ([PLAIN], MODERN),
        ([PLAIN], {**SESSION, "mcp-protocol-version": "2026-07-28"}),
        ([PLAIN], {**SESSION, "mcp-protocol-version": "v999"}),
        ([], SESSION),
        ([PLAIN, 5], SESSION),
        ([[PLAIN]], SESSION),
        ([CLAIM], SESSION),
        ([PLAIN, CLAIM], SESSION),
    ],
)
def test_any_other_array_is_refused(messages, headers):
    status, error = refused(read(messages, headers))

    assert (status, error["error"]) == (400, {"code": -32600, "message": SINGLE})


MIXED = "Invalid Request: a batch holds requests and notifications, or responses"


@cases(
    ("messages", "error"),
    [
        ([wire.request("ping"), wire.answer({})], wire.error(-32600, MIXED)),
        ([wire.initialize()], wire.error(-32600, MIXED)),
        ([wire.request("ping"), wire.initialize()], wire.error(-32600, MIXED)),
        ([wire.request("ping"), {}], wire.error(-32600, 'Invalid Request: jsonrpc must be "2.0"')),
        ([wire.request("ping", [])], wire.error(-32602, "Invalid params: params must be an object")),
    ],
)
def test_a_batch_with_a_message_that_does_not_belong_is_refused_whole(messages, error):
    """`initialize` is in no batch (spec 2025-03-26 basic/lifecycle)."""
    assert refused(read(messages, SESSION)) == (400, error)


# GET and DELETE


@cases(
    "headers",
    [{}, {"mcp-protocol-version": "2025-11-25"}, {"mcp-session-id": "s", "mcp-protocol-version": "2026-07-28"}],
)
def test_a_get_or_delete_of_a_handshake_client_passes(headers):
    assert inbound.check_session_request(headers) is None


@cases("version", ["v999", "", "2025-11-25,2025-11-25"])
def test_a_get_or_delete_of_an_unknown_revision_is_400(version):
    data = {"supported": ["2026-07-28"], "requested": version}

    reply = inbound.check_session_request({"mcp-protocol-version": version, "mcp-session-id": "s"})

    assert refused(reply) == (400, wire.error(-32022, UNSUPPORTED.format(version), None, data))


def test_a_get_or_delete_of_a_modern_client_is_405():
    reply = inbound.check_session_request({"mcp-protocol-version": "2026-07-28"})

    assert reply == Reply(405, wire.METHOD_NOT_ALLOWED, (("Allow", "POST"),))
