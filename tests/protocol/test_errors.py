from mcp_types import jsonrpc

from django_mcp.protocol import errors
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases


@cases(
    ("code", "modern"),
    [
        (errors.PARSE_ERROR, 400),
        (errors.INVALID_REQUEST, 400),
        (errors.INVALID_PARAMS, 400),
        (errors.METHOD_NOT_FOUND, 404),
        (errors.INTERNAL_ERROR, 200),
        (errors.HEADER_MISMATCH, 400),
        (errors.MISSING_REQUIRED_CLIENT_CAPABILITY, 400),
        (errors.UNSUPPORTED_PROTOCOL_VERSION, 400),
        (errors.RESOURCE_NOT_FOUND, 200),
        (-31999, 200),
    ],
)
def test_the_status_of_an_error_follows_its_code_in_the_modern_era(code, modern):
    """Spec 2026-07-28 basic/transports. To a handshake client the error of a valid request is 200, and in the body."""
    failure = ProtocolError(code, "no")

    assert errors.http_status(failure, "modern") == modern
    assert errors.http_status(failure, "handshake") == 200


@cases("era", ["handshake", "modern"])
@cases("status", [400, 404, 406, 413, 503])
def test_what_the_transport_refuses_has_the_status_that_it_says(era, status):
    assert errors.http_status(ProtocolError(errors.INTERNAL_ERROR, "no", status=status), era) == status


def test_an_error_reads_as_its_message():
    failure = ProtocolError(-32602, "Unknown tool: x", {"name": "x"})

    assert str(failure) == "Unknown tool: x"
    assert (failure.code, failure.message, failure.data, failure.status) == (
        -32602,
        "Unknown tool: x",
        {"name": "x"},
        None,
    )


def test_the_codes_are_the_specifications():
    assert errors.HEADER_MISMATCH == jsonrpc.HEADER_MISMATCH == -32020
    assert errors.MISSING_REQUIRED_CLIENT_CAPABILITY == -32021
    assert errors.UNSUPPORTED_PROTOCOL_VERSION == -32022
    assert errors.RESOURCE_NOT_FOUND == -32002


def test_an_unsupported_revision_is_told_those_that_a_request_can_name():
    failure = errors.unsupported_version("v999")

    assert failure.code == -32022
    assert failure.data == {"supported": ["2026-07-28"], "requested": "v999"}
    assert failure.message == "Unsupported protocol version: v999. Supported per request: 2026-07-28"
    assert errors.http_status(failure, "handshake") == errors.http_status(failure, "modern") == 400
