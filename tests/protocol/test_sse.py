"""Events as lines, and back again as a browser's EventSource reads them (WHATWG HTML, server-sent events)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from django_mcp.models import to_json_text
from django_mcp.protocol import jsonrpc, sse
from tests.tables import cases

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
)


def parse(lines: bytes) -> list[dict[str, str]]:
    """The events of a stream: type, data and the id to come back with."""
    events, fields = [], {}
    for line in lines.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if line == "":
            if "data" in fields:
                events.append(fields)
            fields = {}
        elif name in ("event", "data", "id", "retry"):
            fields[name] = value.removeprefix(" ")
    return events


@cases(
    ("arguments", "lines"),
    [
        (('{"a":1}',), b'event: message\ndata: {"a":1}\n\n'),
        (('{"a":1}', "k:3"), b'id: k:3\nevent: message\ndata: {"a":1}\n\n'),
        (('{"a":1}', "s:0.0"), b'id: s:0.0\nevent: message\ndata: {"a":1}\n\n'),
        (('{"a":"é🛫"}', None), 'event: message\ndata: {"a":"é🛫"}\n\n'.encode()),
    ],
)
def test_a_message_is_one_event(arguments, lines):
    assert sse.encode(*arguments) == lines


def test_a_stream_is_primed_with_an_id_and_a_time_to_come_back():
    """Spec 2025-11-25 basic/transports: an event id and an empty data field, at once."""
    lines = sse.prime("k:0", 1000)

    assert lines == b"id: k:0\nretry: 1000\ndata: \n\n"
    assert parse(lines) == [{"id": "k:0", "retry": "1000", "data": ""}]


def test_a_time_to_come_back_is_no_event():
    assert sse.retry(2500) == b"retry: 2500\n\n"
    assert parse(sse.retry(2500)) == []


def test_a_sign_of_life_is_no_event():
    assert sse.KEEPALIVE.startswith(b":")
    assert parse(sse.KEEPALIVE) == []


def test_events_stand_apart_whatever_is_between_them():
    lines = sse.prime("k:0", 1) + sse.KEEPALIVE + sse.encode("1", "k:1") + sse.retry(1) + sse.encode("2", "k:2")

    assert parse(lines) == [
        {"id": "k:0", "retry": "1", "data": ""},
        {"id": "k:1", "event": "message", "data": "1"},
        {"id": "k:2", "event": "message", "data": "2"},
    ]


@given(JSON)
def test_any_message_comes_through_as_one_event(value):
    """The message is the text of a stored event, or the bytes of a reply."""
    for text in (to_json_text(value), jsonrpc.encode(value).decode()):
        (event,) = parse(sse.encode(text, "k:1"))
        assert json.loads(event.pop("data")) == json.loads(text)
        assert event == {"id": "k:1", "event": "message"}


@cases("character", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_a_message_is_one_line_to_readers_that_split_lines_as_python_does(character):
    """Clients on httpx read lines so: `str.splitlines()` knows more ends of a line than the standard does."""
    message = {"text": f"a{character}b"}
    lines = sse.encode(jsonrpc.encode(message).decode()).decode().splitlines()

    assert lines[:1] + lines[2:] == ["event: message", ""]
    assert json.loads(lines[1].removeprefix("data: ")) == message


def test_proxies_are_told_to_let_a_stream_flow():
    assert dict(sse.HEADERS) == {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
    }
