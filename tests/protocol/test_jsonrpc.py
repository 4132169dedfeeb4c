import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_mcp.protocol import jsonrpc
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases

DEEP = 64


def decode(body):
    return jsonrpc.decode(body, DEEP)


def nested(depth, opening=b"[", closing=b"]"):
    return opening * depth + closing * depth


# Decoding


@cases(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' \t\r\n{"a": [1, -2.5e3, true, false, null, ""]} \n', {"a": [1, -2500.0, True, False, None, ""]}),
        (b"[]", []),
        (b"0", 0),
        (b'"\\u0000"', "\0"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        ('"\U0001f600"'.encode(), "\U0001f600"),
        (b'"\\\\ud800"', "\\ud800"),
        (b"9007199254740993", 9007199254740993),
        (b"9" * 400, int("9" * 400)),
        (b"1e308", 1e308),
        (b"[1e-999, 0.0000e999]", [0, 0]),
        (b"-0", 0),
        (b'{"a":{"b":1},"b":2}', {"a": {"b": 1}, "b": 2}),
    ],
)
def test_json_is_read(body, value):
    assert decode(body) == value


@cases(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="white space"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"nul", id="half a word"),
        pytest.param(b"hello", id="plain text"),
        pytest.param(b"{} x", id="a word after the value"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1,}', id="a comma too many"),
        pytest.param(b"// no\n{}", id="a comment"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a": "\xff"}', id="no UTF-8"),
        pytest.param(b"\xff\xfe", id="a mark of UTF-16 alone"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b'"\n"', id="a control character"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"a": [NaN]}', id="NaN inside"),
        pytest.param(b"Infinity", id="Infinity"),
        pytest.param(b"-Infinity", id="-Infinity"),
        pytest.param(b"1e999", id="a number out of range"),
        pytest.param(b"-1e999", id="a negative number out of range"),
        pytest.param(b'{"a": [{"b": [0, 1E+999]}]}', id="a number out of range inside"),
        pytest.param(b"9" * 400 + b".5", id="a number out of range without an exponent"),
        pytest.param(b"9" * 5000, id="an integer of 5000 digits"),
        pytest.param(b"01", id="a leading zero"),
        pytest.param(b'{"a": 1, "a": 1}', id="a key twice"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', id="a key twice, spelt differently"),
        pytest.param(b'{"a": {"b": 1, "c": 2, "b": 3}}', id="a key twice inside"),
        pytest.param(b'"\\ud800"', id="a lone high surrogate"),
        pytest.param(b'"\\uDC00 and \\uD800"', id="surrogates in the wrong order"),
        pytest.param(b'{"\\udfff": 1}', id="a lone surrogate in a key"),
        pytest.param(b'["\\ud83d\\ude00", "\\ud83d"]', id="a lone surrogate after a pair"),
        pytest.param(b"[" * 100_000, id="100 000 arrays that do not end"),
        pytest.param(b'{"a":' * 100_000, id="100 000 objects that do not end"),
        pytest.param(nested(10_000), id="arrays 10 000 deep"),
        pytest.param(nested(100_000), id="arrays 100 000 deep"),
        pytest.param(nested(100_000, b'{"a":', b"}"), id="objects 100 000 deep"),
    ],
)
def test_what_two_readers_could_understand_differently_is_no_json(body):
    with pytest.raises(ProtocolError) as refusal:
        decode(body)

    assert (refusal.value.code, refusal.value.status) == (-32700, 400)
    assert refusal.value.message.startswith("Parse error: ")


@cases("closing", [(b"[", b"]"), (b'{"a":[', b"]}")])
@pytest.mark.parametrize("small", [0, 4096])
def test_json_may_nest_as_deep_as_the_limit_and_no_deeper(closing, small, monkeypatch):
    monkeypatch.setattr(jsonrpc, "SMALL_BODY", small)
    levels = closing[0].count(b"[") + closing[0].count(b"{")
    assert jsonrpc.decode(nested(DEEP // levels, *closing), DEEP)

    with pytest.raises(ProtocolError) as refusal:
        jsonrpc.decode(b"[" + nested(DEEP // levels, *closing) + b"]", DEEP)

    assert (refusal.value.code, refusal.value.status) == (-32700, 400)
    assert refusal.value.message == "Parse error: JSON nested deeper than 64 levels"


def test_many_brackets_beside_one_another_are_not_deep():
    assert decode(b"[" + b",".join([b"[{}]"] * 1000) + b"]") == [[{}]] * 1000


@cases(
    "body",
    [
        b"[" + b",".join([b"1"] * 102) + b"]",
        b"[" + b",".join([b"[]"] * 51) + b"]",
        b"[" + b",".join([b"{}"] * 51) + b"]",
        b"[" + b",".join([b'"a,b"'] * 102) + b"]",
        b'["' + b'","' * 300 + b'"]',
        b'","' * 105,
        b'{"\\"": [' + b",".join([b"1"] * 102) + b"]}",
        b"[" * 102,
    ],
)
def test_json_of_too_many_values_is_refused_before_it_is_parsed(body, monkeypatch):
    monkeypatch.setattr(jsonrpc, "_DECODER", None)
    with pytest.raises(ProtocolError) as refusal:
        jsonrpc.decode(body, DEEP, 50)

    assert (refusal.value.code, refusal.value.status) == (-32700, 400)
    assert refusal.value.message == "Parse error: JSON of more than 50 values"


@cases("text", ["a, b, [c], {d}" * 100, '\\",' * 300, "\\" * 300 + ","])
def test_commas_and_brackets_inside_a_text_are_no_values(text):
    assert jsonrpc.decode(json.dumps([text]).encode(), DEEP, 50) == [text]


# Encoding


@cases(
    ("value", "body"),
    [
        ({"a": [1, 2.5, None, True, "é\n"]}, '{"a":[1,2.5,null,true,"é\\n"]}'.encode()),
        ({"a": float("nan"), "b": float("inf"), "c": -float("inf")}, b'{"a":null,"b":null,"c":null}'),
        ({"a": "\0"}, b'{"a":"\\u0000"}'),
        ({"a": 10**30}, b'{"a":' + b"1" + b"0" * 30 + b"}"),
        ({"a": "\ud800"}, b'{"a":"\\ud800"}'),
        ({"a": "\ud800", "b": float("nan"), "c": "é"}, b'{"a":"\\ud800","b":null,"c":"\\u00e9"}'),
        ({"a": ["\udfff", {"\ud83d": 1}]}, b'{"a":["\\udfff",{"\\ud83d":1}]}'),
    ],
)
def test_a_message_is_one_line_of_json(value, body):
    encoded = jsonrpc.encode(value)

    assert encoded == body
    assert b"\n" not in encoded
    json.loads(encoded, parse_constant=pytest.fail)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_back(value):
    assert decode(jsonrpc.encode(value)) == value


# Ids


@cases("value", ["", "a", "x" * 255, "é🛫", 0, -1, 1, 2**63 - 1, -(2**63)])
def test_strings_and_integers_are_ids(value):
    assert jsonrpc.is_request_id(value)


@cases(
    "value",
    [None, True, False, 1.0, 1.5, [], [1], {}, {"id": 1}, ["a"], "x" * 256, 2**63, -(2**63) - 1, 10**400, float("nan")],
)
def test_nothing_else_is_an_id(value):
    """`True` is an `int` to Python, and `1.0` is equal to one; to JSON-RPC neither is an integer."""
    assert not jsonrpc.is_request_id(value)


# Messages


@cases(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": "", "method": ""},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "more": True},
    ],
)
def test_requests_notifications_and_responses_are_messages(message):
    jsonrpc.check_message(message)


NO_VERSION = 'Invalid Request: jsonrpc must be "2.0"'
NO_ID = "Invalid Request: id must be a string or an integer"
NO_METHOD = "Invalid Request: method must be a string"
NOTHING = "Invalid Request: neither a request, a notification nor a response"


@cases(
    ("message", "text"),
    [
        ({}, NO_VERSION),
        ({"id": 1, "method": "ping"}, NO_VERSION),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, NO_VERSION),
        ({"jsonrpc": 2.0, "id": 1, "method": "ping"}, NO_VERSION),
        ({"jsonrpc": None, "id": 1, "method": "ping"}, NO_VERSION),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, NO_ID),
        ({"jsonrpc": "2.0", "id": None, "result": {}}, NO_ID),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, NO_ID),
        ({"jsonrpc": "2.0", "id": 1.0, "method": "ping"}, NO_ID),
        ({"jsonrpc": "2.0", "id": [], "method": "ping"}, NO_ID),
        ({"jsonrpc": "2.0", "id": {}, "result": {}}, NO_ID),
        ({"jsonrpc": "2.0", "id": 1, "method": None}, NO_METHOD),
        ({"jsonrpc": "2.0", "id": 1, "method": ["ping"]}, NO_METHOD),
        ({"jsonrpc": "2.0", "method": 5}, NO_METHOD),
        ({"jsonrpc": "2.0"}, NOTHING),
        ({"jsonrpc": "2.0", "id": 1}, NOTHING),
        ({"jsonrpc": "2.0", "result": {}}, NOTHING),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}, NOTHING),
        ({"jsonrpc": "2.0", "params": {}}, NOTHING),
    ],
)
def test_nothing_else_is_a_message(message, text):
    with pytest.raises(ProtocolError) as refusal:
        jsonrpc.check_message(message)

    assert (refusal.value.code, refusal.value.message, refusal.value.status) == (-32600, text, 400)
