"""Two eras on one URL: which one a message is of, what each revision's header rules are, and what an endpoint of one
era answers to the other.

Spec 2025-11-25 basic/transports and 2026-07-28 basic/transports. Most cases, and every status and code that the two
leave open, are those of the Ruby SDK's tests of its Streamable HTTP transport; where we differ, the test says why.
"""

import pytest

from django_mcp.models import Session
from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

META = "io.modelcontextprotocol"
SUPPORTED = ["2026-07-28"]


@pytest.fixture
def modern(lane):
    return MCPClient("/plain", era="modern", **lane)


@pytest.fixture
def handshake(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()
    return client


@pytest.fixture
def stranger(lane):
    """A handshake client without a session."""
    return MCPClient("/plain", era="handshake", **lane)


def code(response):
    return response.status_code, response.json()["error"]["code"]


def call(**arguments):
    return wire.modern_request("tools/call", {"name": "greet", "arguments": {"name": "Ada", **arguments}})


# The version header of a handshake client


@cases("header", ["", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
@cases("version", ["2024-11-05", "2025-06-18", "2025-11-25"], undone=True)
def test_initialize_settles_on_the_revision_in_its_body_whatever_the_header(stranger, header, version):
    response = stranger.post(wire.initialize(version), {"mcp-protocol-version": header})

    assert response.status_code == 200
    assert response.json()["result"]["protocolVersion"] == version
    assert "resultType" not in response.json()["result"]


@pytest.mark.parametrize("version", ["2026-07-28", "1900-01-01", "draft"])
def test_initialize_at_a_revision_that_no_handshake_reaches_settles_on_the_newest_that_one_does(stranger, version):
    response = stranger.post(wire.initialize(version), {"mcp-protocol-version": "2026-07-28"})

    assert response.json()["result"]["protocolVersion"] == "2025-11-25"
    assert "mcp-session-id" in response.headers


@cases("header", ["1900-01-01", "not-a-version", "2026-07-29", "2025-11-25,2025-11-25"])
@cases("message", [wire.initialize(), wire.request("ping"), wire.notification()])
def test_an_unknown_revision_in_the_header_is_400_with_those_that_there_are(stranger, handshake, header, message):
    client = stranger if message["method"] == "initialize" else handshake

    response = client.post(message, {"mcp-protocol-version": header})

    assert code(response) == (400, -32022)
    assert response.json()["error"]["data"] == {"supported": SUPPORTED, "requested": header}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_revision_is_400_on_get_and_delete_too(handshake, method):
    """The Ruby SDK answers 405. The specification says 400 for every request (2025-11-25 basic/transports, protocol
    version header).
    """
    response = handshake.send(method, headers={"mcp-protocol-version": "1900-01-01"})

    assert code(response) == (400, -32022)
    assert not Session.objects.get().is_terminated


def test_a_request_without_the_header_speaks_its_sessions_revision(lane):
    for version in ("2025-03-26", "2025-11-25"):
        client = MCPClient("/plain", version=version, headers={"mcp-protocol-version": ""}, **lane)
        client.initialize()

        assert client.post(wire.request("ping"), {"mcp-protocol-version": ""}).json() == wire.answer({})
        assert client.call_tool("describe_caller").data is None or version == "2025-11-25"


def test_the_header_changes_nothing_about_the_revision_of_a_session(handshake):
    """The specification says that the two should agree, and not what is to be done when they do not."""
    for header in ("2024-11-05", "2025-06-18"):
        response = handshake.post(
            wire.request("tools/call", {"name": "describe_caller"}), {"mcp-protocol-version": header}
        )

        assert response.json()["result"]["structuredContent"]["version"] == "2025-11-25"


def test_a_dual_era_client_may_name_its_newest_revision_throughout_a_session(stranger):
    newest = {"mcp-protocol-version": "2026-07-28"}
    response = stranger.post(wire.initialize("2026-07-28"), newest)
    stranger.session_id = response.headers["mcp-session-id"]

    assert stranger.post(wire.notification(), newest).status_code == 202
    assert stranger.post(wire.request("ping"), newest).json() == wire.answer({})
    assert stranger.send("GET", headers=newest).status_code in (200, 405)
    assert stranger.send("DELETE", headers=newest).json() == {"success": True}
    assert stranger.send("DELETE", headers=newest).content == wire.SESSION_NOT_FOUND


# Messages that belong to one era only


def test_a_notification_with_an_id_is_a_request_for_a_method_that_there_is_not(handshake):
    response = handshake.post(wire.request("notifications/initialized", request_id=5))

    assert (response.status_code, response.json()) == (
        200,
        wire.error(-32601, "Method not found: notifications/initialized", 5),
    )


@cases("method", ["server/discover", "nothing", "rpc.discover", "subscriptions/listen", ""])
def test_a_method_that_a_handshake_revision_has_not_is_an_error_under_200(handshake, method):
    response = handshake.post(wire.request(method))

    assert (response.status_code, response.json()) == (200, wire.error(-32601, f"Method not found: {method}", 1))


@cases("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "nothing"])
def test_a_method_that_the_modern_era_has_not_is_404(modern, method):
    response = modern.post(wire.modern_request(method))

    assert (response.status_code, response.json()) == (404, wire.error(-32601, f"Method not found: {method}", 1))


def test_a_notification_of_the_modern_era_is_taken_and_not_answered(modern):
    response = modern.notify("notifications/cancelled", {"requestId": 1})

    assert (response.status_code, response.content) == (202, b"")


def test_a_posted_response_has_no_place_in_the_modern_era(lane):
    client = MCPClient("/modern", era="modern", **lane)

    response = client.post(wire.answer({}), {"mcp-protocol-version": "2026-07-28"})

    assert code(response) == (400, -32600)
    assert "id" not in response.json()


# The modern era on its own


def test_a_modern_client_needs_no_handshake_and_is_given_no_session(modern):
    response = modern.post(call())

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert "mcp-session-id" not in response.headers
    assert response.json()["result"]["content"] == [{"type": "text", "text": "Hello, Ada"}]
    assert not Session.objects.exists()


def test_a_modern_client_discovers_the_server(modern, lane):
    response = modern.post(wire.modern_request("server/discover"))

    changes = {"listChanged": True} if lane == {"lane": "asgi"} else {}  # Told on streams, which the lane has.
    assert response.status_code == 200
    assert "mcp-session-id" not in response.headers
    assert response.json()["result"] == {
        "resultType": "complete",
        "supportedVersions": SUPPORTED,
        "capabilities": {
            "tools": changes,
            "resources": {**changes, "subscribe": True} if changes else {},
            "prompts": changes,
            "completions": {},
            "logging": {},
        },
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {f"{META}/serverInfo": {"name": "plain", "version": "1.0"}},
    }


def test_a_discovery_without_the_envelope_is_refused(modern, handshake):
    """The Ruby SDK answers one without a version header. The specification has every modern request carry the envelope
    (2026-07-28 basic), and a message that has neither is a handshake client's, whose session is missed.
    """
    assert code(modern.post(wire.request("server/discover"))) == (400, -32602)
    handshake.session_id = None
    assert handshake.post(wire.request("server/discover")).content == wire.MISSING_SESSION_ID


@pytest.mark.parametrize("session_id", ["A" * 43, "x", "live"])
def test_a_session_id_means_nothing_in_the_modern_era(modern, handshake, session_id):
    """The Ruby SDK answers 400; the specification says that the header should be ignored (2026-07-28
    basic/transports)."""
    modern.session_id = handshake.session_id if session_id == "live" else session_id

    response = modern.post(call())

    assert response.status_code == 200
    assert response.json()["result"]["resultType"] == "complete"
    assert modern.call_tool("describe_caller").data["session"] is False


@cases("method", ["GET", "DELETE"])
@cases("session", [False, True])
def test_a_modern_get_or_delete_is_405_unless_it_names_a_session(modern, method, session):
    """With an id that there is not, the Ruby SDK answers 405 too. Here it is 404, as everywhere: a dual-era client that
    names its newest revision learns that its session is gone.
    """
    modern.session_id = "A" * 43 if session else None

    response = modern.send(method, headers={"mcp-protocol-version": "2026-07-28"})

    if session:
        assert (response.status_code, response.content) == (404, wire.SESSION_NOT_FOUND)
    else:
        assert (response.status_code, response.content) == (405, wire.METHOD_NOT_ALLOWED)
        assert response.headers["allow"] == "POST"


# The envelope and the headers that mirror it


@cases(
    ("meta", "status"),
    [
        (None, 400),
        ({}, 400),
        ([], 400),
        ({f"{META}/protocolVersion": "2026-07-28"}, 400),
        ({f"{META}/clientCapabilities": {}}, 400),
        ({f"{META}/protocolVersion": 1, f"{META}/clientCapabilities": {}}, 400),
        ({f"{META}/protocolVersion": "2026-07-28", f"{META}/clientCapabilities": []}, 400),
        ({f"{META}/protocolVersion": "2026-07-28", f"{META}/clientCapabilities": {}}, 200),
        ({f"{META}/protocolVersion": "2026-07-28", f"{META}/clientCapabilities": {}, f"{META}/clientInfo": 1}, 200),
        ({f"{META}/protocolVersion": "2026-07-28", f"{META}/clientCapabilities": {}, f"{META}/logLevel": "x"}, 200),
    ],
)
def test_a_modern_request_says_who_it_is_in_its_envelope(modern, meta, status):
    message = wire.request("tools/list", {} if meta is None else {"_meta": meta})

    response = modern.post(message)

    assert response.status_code == status
    if status == 400:
        assert code(response) == (400, -32602)
        assert META in response.json()["error"]["message"]


@cases(
    ("headers", "named"),
    [
        ({"mcp-protocol-version": ""}, "MCP-Protocol-Version"),
        ({"mcp-protocol-version": "2025-11-25"}, "MCP-Protocol-Version"),
        ({"mcp-protocol-version": "1900-01-01"}, "MCP-Protocol-Version"),
        ({"mcp-method": ""}, "Mcp-Method"),
        ({"mcp-method": "tools/list"}, "Mcp-Method"),
        ({"mcp-method": "Tools/Call"}, "Mcp-Method"),
        ({"mcp-method": "tools/call,tools/call"}, "Mcp-Method"),
        ({"mcp-name": ""}, "Mcp-Name"),
        ({"mcp-name": "count"}, "Mcp-Name"),
        ({"mcp-name": "greet,greet"}, "Mcp-Name"),
        ({"mcp-name": "=?base64?Y291bnQ=?="}, "Mcp-Name"),
        ({"mcp-name": "=?base64?Z3JlZXQ?="}, "Mcp-Name"),
        ({"mcp-name": "=?base64?gA==?="}, "Mcp-Name"),
        ({"mcp-name": "=?BASE64?Z3JlZXQ=?="}, "Mcp-Name"),
    ],
)
def test_headers_that_contradict_the_body_are_a_mismatch(modern, headers, named):
    response = modern.post(call(), headers)

    assert code(response) == (400, -32020)
    assert response.json()["error"]["message"].startswith("Header mismatch: ")
    assert named in response.json()["error"]["message"]
    assert response.json()["id"] == 1


@pytest.mark.parametrize("name", ["greet", "=?base64?Z3JlZXQ=?=", " greet\t"])
def test_a_name_may_be_repeated_as_it_is_or_in_base64(modern, name):
    assert modern.post(call(), {"mcp-name": name}).status_code == 200


def test_a_revision_that_is_not_served_is_refused_with_those_that_are(modern):
    message = call()
    message["params"]["_meta"] = {**wire.ENVELOPE, f"{META}/protocolVersion": "2027-01-01"}

    response = modern.post(message, {"mcp-protocol-version": "2027-01-01"})

    assert code(response) == (400, -32022)
    assert response.json()["error"]["data"] == {"supported": SUPPORTED, "requested": "2027-01-01"}


def test_a_handshake_message_with_the_modern_envelope_is_told_of_the_header_that_it_lacks(stranger, handshake):
    """In a session too. There the Ruby SDK, where a session id decides, answers -32600; here the envelope decides."""
    for client in (stranger, handshake):
        response = client.post(call(), {"mcp-protocol-version": "", "mcp-method": "tools/call", "mcp-name": "greet"})

        assert code(response) == (400, -32020)
        assert "MCP-Protocol-Version" in response.json()["error"]["message"]


# Endpoints of one era


def test_an_endpoint_of_the_handshake_era_sends_a_modern_client_to_initialize(lane):
    client = MCPClient("/handshake", era="modern", **lane)

    response = client.post(call())

    assert code(response) == (400, -32600)
    assert "initialize" in response.json()["error"]["message"]
    old = MCPClient("/handshake", era="handshake", **lane)
    assert old.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_an_endpoint_of_the_modern_era_opens_no_session(lane):
    client = MCPClient("/modern", era="handshake", **lane)

    with pytest.raises(MCPError) as refused:
        client.initialize()

    assert (refused.value.code, refused.value.status) == (-32022, 400)
    assert refused.value.data == {"supported": SUPPORTED, "requested": "2025-11-25"}
    assert MCPClient("/modern", era="modern", **lane).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    assert not Session.objects.exists()


@cases("method", ["GET", "DELETE"])
@cases("headers", [{}, {"mcp-session-id": "A" * 43}, {"mcp-protocol-version": "2026-07-28"}])
def test_an_endpoint_of_the_modern_era_has_post_alone(lane, method, headers):
    response = MCPClient("/modern", era="modern", **lane).send(method, headers=headers)

    assert (response.status_code, response.content) == (405, wire.METHOD_NOT_ALLOWED)
    assert response.headers["allow"] == "POST"
