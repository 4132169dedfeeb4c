"""The headers with which a message would have come over HTTP."""

from django_mcp.stdio.request import headers_of
from tests import wire
from tests.tables import cases

META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


@cases(
    ("message", "expected"),
    [
        (wire.initialize(), {"mcp-protocol-version": "2025-11-25", "mcp-session-id": "s"}),
        ([1], {"mcp-protocol-version": "2025-11-25", "mcp-session-id": "s"}),
        (wire.request("ping", META), {"mcp-protocol-version": "2026-07-28", "mcp-method": "ping"}),
        (
            wire.request("resources/read", {"uri": "note://café", **META}),
            {
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "resources/read",
                "mcp-name": "=?base64?bm90ZTovL2NhZsOp?=",
            },
        ),
        (
            wire.request("tools/call", {"name": 5, **META}),
            {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"},
        ),
    ],
)
def test_a_message_has_the_headers_of_its_era(message, expected):
    headers = headers_of(message, "2025-11-25", "s")

    assert {name: value for name, value in headers.items() if name.startswith("mcp-")} == expected
    assert headers["content-type"] == "application/json"


def test_before_the_handshake_there_is_no_revision_and_no_session():
    assert headers_of(wire.initialize(), "", None) == wire.POST_HEADERS
