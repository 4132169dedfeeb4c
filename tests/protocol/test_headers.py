import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_mcp.protocol import headers
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases

BOTH = "application/json, text/event-stream"


def sentinel(text):
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


# Accept and Content-Type


@cases(
    "accept",
    [
        BOTH,
        "text/event-stream,application/json",
        "application/json;q=0.9, text/event-stream;q=0.1",
        "Application/JSON, TEXT/Event-Stream",
        "*/*",
        "application/*, text/*",
        "text/html, */*;q=0.8",
        "application/json; charset=utf-8, text/event-stream; q=1.000",
        " application/json ,\ttext/event-stream ",
        "*/*;q=0, application/json, text/event-stream",
        "text/*;q=0, text/event-stream, application/json",
    ],
)
def test_a_post_that_takes_json_and_streams_is_acceptable(accept):
    headers.check_content({"accept": accept, "content-type": "application/json"})


@cases(
    "accept",
    [
        None,
        "",
        "application/json",
        "text/event-stream",
        "text/html",
        "nonsense",
        "application/*",
        "application/json, text/event-stream;q=0",
        "application/json;q=0.0, text/event-stream",
        "application/json; Q=0.000, text/event-stream",
        "*/*;q=0",
        "*/*, application/json;q=0",
        "*/*, text/*;q=0",
        "application/*, application/json;q=0, text/*",
        "application/jsonp, text/event-stream",
        "applicationjson text/event-stream",
    ],
)
def test_a_post_that_takes_less_is_406(accept):
    """The most specific range decides, and the weight zero refuses (RFC 9110)."""
    sent = {"content-type": "application/json"} | ({} if accept is None else {"accept": accept})

    with pytest.raises(ProtocolError) as refusal:
        headers.check_content(sent)

    assert (refusal.value.code, refusal.value.status) == (-32600, 406)
    assert refusal.value.message == "Not Acceptable: Accept header must include application/json and text/event-stream"


@cases(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;x=y",
        " application/json ",
    ],
)
def test_a_post_brings_json(content_type):
    headers.check_content({"accept": BOTH, "content-type": content_type})


@cases(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/json-rpc",
        "application/jsonp",
        "application/xml;a=application/json",
        "json",
        "application/json, text/plain",
        "text/plain; application/json",
    ],
)
def test_a_post_that_brings_something_else_is_415(content_type):
    """A page of another site cannot send this type unasked."""
    sent = {"accept": BOTH} | ({} if content_type is None else {"content-type": content_type})

    with pytest.raises(ProtocolError) as refusal:
        headers.check_content(sent)

    assert (refusal.value.code, refusal.value.status) == (-32600, 415)
    assert refusal.value.message == "Unsupported Media Type: Content-Type must be application/json"


@cases("accept", ["text/event-stream", "text/*", "*/*", BOTH, "application/json;q=0, */*"])
def test_a_get_that_takes_a_stream_is_acceptable(accept):
    headers.check_stream({"accept": accept})


@cases("sent", [{}, {"accept": "application/json"}, {"accept": "*/*, text/event-stream;q=0"}])
def test_a_get_that_takes_none_is_406(sent):
    with pytest.raises(ProtocolError) as refusal:
        headers.check_stream(sent)

    assert (refusal.value.code, refusal.value.status) == (-32600, 406)


# Content-Length


@cases(
    ("declared", "expected"),
    [
        (None, False),
        ("", False),
        ("10", False),
        ("11", True),
        ("9" * 5000, True),
        ("-11", False),
        ("eleven", False),
        ("\u00b9\u00b9", False),
        ("11, 11", False),
    ],
)
def test_a_body_that_declares_itself_too_long_is_known_before_it_is_read(declared, expected):
    sent = {} if declared is None else {"content-length": declared}

    assert headers.declares_more(sent, 10) is expected


# The values of Mcp-Name and Mcp-Param-*


@cases(
    ("value", "text"),
    [
        ("add", "add"),
        ("", ""),
        (" add\t", "add"),
        ("a b\tc", "a b\tc"),
        ("a, b", "a, b"),
        ("airport://LHR?a=1#b", "airport://LHR?a=1#b"),
        ("=?base64?aGVsbG8=?=", "hello"),
        (" =?base64?aGVsbG8=?= ", "hello"),
        ("=?base64??=", ""),
        (sentinel("Zürich 🛫"), "Zürich 🛫"),
        (sentinel(" leading and trailing "), " leading and trailing "),
        (sentinel("line\nbreak\0"), "line\nbreak\0"),
        (sentinel("=?base64?aGVsbG8=?="), "=?base64?aGVsbG8=?="),
        # Whatever lacks a marker, or spells one otherwise, is what it says.
        ("=?BASE64?aGVsbG8=?=", "=?BASE64?aGVsbG8=?="),
        ("=?Base64?aGVsbG8=?=", "=?Base64?aGVsbG8=?="),
        ("=?base64?aGVsbG8=", "=?base64?aGVsbG8="),
        ("base64?aGVsbG8=?=", "base64?aGVsbG8=?="),
        ("=?base64?=", "=?base64?="),
        ("=?utf-8?b?aGVsbG8=?=", "=?utf-8?b?aGVsbG8=?="),
        ("aGVsbG8=", "aGVsbG8="),
    ],
)
def test_a_value_is_literal_or_base64_between_its_markers(value, text):
    assert headers.decode_value("Mcp-Name", value) == text


@cases(
    "value",
    [
        pytest.param("=?base64?aGVsbG8?=", id="no padding"),
        pytest.param("=?base64?aGVsbG8==?=", id="too much padding"),
        pytest.param("=?base64?aGVs bG8=?=", id="a space"),
        pytest.param("=?base64?aGVs!bG8=?=", id="a foreign character"),
        pytest.param("=?base64?_-8=?=", id="the URL alphabet"),
        pytest.param("=?base64?aGVsbG9=?=", id="bits that say nothing"),
        pytest.param("=?base64?=?=", id="padding alone"),
        pytest.param("=?base64?/w==?=", id="no UTF-8"),
        pytest.param("=?base64?7aCA?=", id="a surrogate"),
    ],
)
def test_base64_that_is_not_canonical_utf8_is_a_mismatch(value):
    """Spec 2026-07-28 basic/transports: two readers must not understand a value differently."""
    with pytest.raises(ProtocolError) as refusal:
        headers.decode_value("Mcp-Name", value)

    assert (refusal.value.code, refusal.value.status) == (-32020, 400)
    assert refusal.value.message == "Header mismatch: Mcp-Name is not valid Base64 of UTF-8 text"


@cases("value", ["Zürich", "Z\u00c3\u00bcrich", "a\0b", "a\nb", "a\x7fb", "\x1b[0m", "\u0085", "🛫"])
def test_a_value_outside_visible_ascii_is_a_mismatch(value):
    with pytest.raises(ProtocolError) as refusal:
        headers.decode_value("Mcp-Param-City", value)

    assert (refusal.value.code, refusal.value.status) == (-32020, 400)
    assert refusal.value.message == (
        "Header mismatch: Mcp-Param-City holds characters outside visible ASCII; send them as =?base64?…?="
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_has_a_value(text):
    assert headers.decode_value("Mcp-Name", sentinel(text)) == text


def test_the_headers_of_a_response_are_bytes_with_names_in_lower_case():
    assert headers.to_bytes([("Retry-After", "60"), ("X-Name", "Zo\xeb")]) == [
        (b"retry-after", b"60"),
        (b"x-name", b"Zo\xeb"),
    ]
