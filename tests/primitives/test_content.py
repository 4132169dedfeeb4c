import base64
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from types import MappingProxyType

import mcp_types
import pytest
from django.contrib.auth.models import User
from mcp_types.methods import validate_server_result
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from django_mcp import (
    AssistantMessage,
    Audio,
    EmbeddedResource,
    Icon,
    Image,
    ResourceLink,
    Text,
    UserMessage,
)
from django_mcp.primitives import content
from tests.tables import cases

ANNOTATIONS = {"audience": ["user"], "priority": 1.0, "lastModified": "2026-07-28T12:00:00Z"}


class Book(BaseModel):
    title: str
    year: int | None = None


@dataclasses.dataclass
class Point:
    x: int


class Color(enum.Enum):
    RED = "red"


class Books:
    """Iterable as a queryset is: by its own class."""

    def __iter__(self):
        return iter([Book(title="M")])


TEXT = {"type": "text", "text": "hi"}
IMAGE = {"type": "image", "data": "AP8=", "mimeType": "image/png"}

BLOCKS = [
    (Text("hi"), TEXT),
    (Text("", meta={"a": 1}), {"type": "text", "text": "", "_meta": {"a": 1}}),
    (Text("hi", annotations=ANNOTATIONS), {**TEXT, "annotations": ANNOTATIONS}),
    (Text("hi", annotations={}, meta={}), TEXT),
    (Text("hi", meta=MappingProxyType({"a": 1})), {**TEXT, "_meta": {"a": 1}}),
    (Image(b"\0\xff", "image/png"), IMAGE),
    (Image(data=b"", mime_type="image/png"), {**IMAGE, "data": ""}),
    (Audio(b"\0\xff", "audio/wav"), {"type": "audio", "data": "AP8=", "mimeType": "audio/wav"}),
    (EmbeddedResource("a:b", text="t"), {"type": "resource", "resource": {"uri": "a:b", "text": "t"}}),
    (EmbeddedResource("a:b", text=""), {"type": "resource", "resource": {"uri": "a:b", "text": ""}}),
    (
        EmbeddedResource("a:b", blob=b"\0\xff", mime_type="image/png"),
        {"type": "resource", "resource": {"uri": "a:b", "mimeType": "image/png", "blob": "AP8="}},
    ),
    (EmbeddedResource("a:b"), {"type": "resource", "resource": {"uri": "a:b", "blob": ""}}),
    (ResourceLink("a:b", "b"), {"type": "resource_link", "uri": "a:b", "name": "b"}),
    (
        ResourceLink("a:b", "b", "B", "The b", "text/plain", 0, annotations=ANNOTATIONS, meta={"a": 1}),
        {
            "type": "resource_link",
            "uri": "a:b",
            "name": "b",
            "title": "B",
            "description": "The b",
            "mimeType": "text/plain",
            "size": 0,
            "annotations": ANNOTATIONS,
            "_meta": {"a": 1},
        },
    ),
    (mcp_types.TextContent(type="text", text="hi"), TEXT),
    (mcp_types.ImageContent(type="image", data="AP8=", mimeType="image/png"), IMAGE),
    (
        mcp_types.EmbeddedResource(
            type="resource", resource=mcp_types.TextResourceContents(uri="a:b", text="t", mimeType="text/plain")
        ),
        {"type": "resource", "resource": {"uri": "a:b", "mimeType": "text/plain", "text": "t"}},
    ),
    (
        mcp_types.ResourceLink(type="resource_link", uri="a:b", name="b"),
        {"type": "resource_link", "uri": "a:b", "name": "b"},
    ),
]


def is_valid(blocks):
    for version in KNOWN_PROTOCOL_VERSIONS:
        validate_server_result("tools/call", version, {"content": blocks, "resultType": "complete"})
    return True


@cases(("block", "wire"), BLOCKS)
def test_a_block_is_one_of_the_specifications(block, wire):
    assert content.to_blocks(block) == [wire]
    assert is_valid([wire])
    assert content.is_content(block)


# Plain values


@cases(
    ("value", "blocks"),
    [
        (None, []),
        ("hi", [TEXT]),
        ("", [{"type": "text", "text": ""}]),
        (["hi", Image(b"\0\xff", "image/png")], [TEXT, IMAGE]),
        ((Image(b"\0\xff", "image/png"), "hi", {"a": 1}), [IMAGE, TEXT, {"type": "text", "text": '{"a":1}'}]),
        (["hi", "hi"], [TEXT, TEXT]),
        (["hi", 5, None], [TEXT, {"type": "text", "text": "5"}, {"type": "text", "text": "null"}]),
        (5, [{"type": "text", "text": "5"}]),
        (True, [{"type": "text", "text": "true"}]),
        ([], [{"type": "text", "text": "[]"}]),
        ([1, 2], [{"type": "text", "text": "[1,2]"}]),
        ({"é": [None]}, [{"type": "text", "text": '{"é":[null]}'}]),
        (Book(title="M"), [{"type": "text", "text": '{"title":"M","year":null}'}]),
        (Books(), [{"type": "text", "text": '[{"title":"M","year":null}]'}]),
    ],
)
def test_a_plain_value_becomes_text(value, blocks):
    assert content.to_blocks(value) == blocks
    assert is_valid(blocks)


@cases(
    ("value", "expected"),
    [
        ([Text("a")], True),
        (["a", Text("a")], True),
        ((Text("a"), 5), True),
        (None, False),
        ("a", False),
        (["a"], False),
        ([], False),
        ({"a": Text("a")}, False),
        (Book(title="M"), False),
    ],
)
def test_content_is_blocks_and_lists_with_one(value, expected):
    assert content.is_content(value) is expected


# JSON


@cases(
    ("value", "json_value"),
    [
        (None, None),
        (5, 5),
        ("é", "é"),
        (10**30, 10**30),
        (1.5, 1.5),
        (float("nan"), None),
        ({"a": float("inf")}, {"a": None}),
        (b"ab", "ab"),
        (datetime.date(2026, 7, 28), "2026-07-28"),
        (datetime.timedelta(seconds=90), "PT1M30S"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Color.RED, "red"),
        (Point(1), {"x": 1}),
        (Book(title="M"), {"title": "M", "year": None}),
        ({1: {Point(1).x}}, {"1": [1]}),
        ((1, [Point(2)]), [1, [{"x": 2}]]),
        (range(3), [0, 1, 2]),
        ((number for number in (1, 2)), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (Books(), [{"title": "M", "year": None}]),
        ({"books": Books()}, {"books": [{"title": "M", "year": None}]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"a": "\0"}, {"a": "\0"}),
        ({"a": "\ud800"}, {"a": "\ud800"}),
    ],
)
def test_what_pydantic_can_write_is_json(value, json_value):
    again = list(value) if hasattr(value, "send") else value  # A generator can be read once.

    assert content.to_json_value(again) == json_value
    assert json.loads(content.to_json_text(again), parse_constant=pytest.fail) == json_value


@cases("value", [object(), {"a": object()}, [len], {"a": {"b": Books}}])
def test_what_is_no_json_is_told_to_the_developer(value):
    for write in (content.to_json_value, content.to_json_text):
        with pytest.raises(TypeError, match="is not JSON: return a pydantic model, a dataclass, a dict or content"):
            write(value)


# Messages of prompts


@cases("value", [User(), [User()], {"user": User()}])
def test_a_row_is_told_to_be_no_json_with_the_ways_out(value):
    with pytest.raises(
        TypeError,
        match=r"User is a model of Django: .* a pydantic model .* serializer. A ModelToolset makes",
    ):
        content.to_json_text(value)


@cases(
    ("value", "messages"),
    [
        ("hi", [("user", TEXT)]),
        (Text("hi"), [("user", TEXT)]),
        (UserMessage("hi"), [("user", TEXT)]),
        (AssistantMessage("hi"), [("assistant", TEXT)]),
        (UserMessage(Image(b"\0\xff", "image/png")), [("user", IMAGE)]),
        (
            ["hi", AssistantMessage("hi"), Image(b"\0\xff", "image/png")],
            [("user", TEXT), ("assistant", TEXT), ("user", IMAGE)],
        ),
        ((UserMessage("hi"), [AssistantMessage("hi")]), [("user", TEXT), ("assistant", TEXT)]),
        (UserMessage({"a": 1}), [("user", {"type": "text", "text": '{"a":1}'})]),
        (5, [("user", {"type": "text", "text": "5"})]),
        (UserMessage([1, 2]), [("user", {"type": "text", "text": "[1,2]"})]),
        (
            mcp_types.PromptMessage(role="assistant", content=mcp_types.TextContent(type="text", text="hi")),
            [("assistant", TEXT)],
        ),
        ([], []),
    ],
)
def test_a_prompt_returns_messages_or_what_makes_them(value, messages):
    wire = [{"role": role, "content": block} for role, block in messages]

    assert content.to_messages(value) == wire
    for version in KNOWN_PROTOCOL_VERSIONS:
        validate_server_result("prompts/get", version, {"messages": wire, "resultType": "complete"})


@cases("value", [None, UserMessage(None), UserMessage(["a", "b"]), [UserMessage([Text("a"), Text("b")])]])
def test_a_message_has_one_block(value):
    with pytest.raises(TypeError, match=r"holds one content block, not [02]"):
        content.to_messages(value)


# Contents of resources


@cases(
    ("value", "mime_type", "contents"),
    [
        ("hi", None, [{"uri": "a:b", "text": "hi"}]),
        ("", "text/plain", [{"uri": "a:b", "mimeType": "text/plain", "text": ""}]),
        (b"\0\xff", "image/png", [{"uri": "a:b", "mimeType": "image/png", "blob": "AP8="}]),
        (b"", None, [{"uri": "a:b", "blob": ""}]),
        ({"a": 1}, None, [{"uri": "a:b", "mimeType": "application/json", "text": '{"a":1}'}]),
        ([1], "application/geo+json", [{"uri": "a:b", "mimeType": "application/geo+json", "text": "[1]"}]),
        ([], None, [{"uri": "a:b", "mimeType": "application/json", "text": "[]"}]),
        (Book(title="M"), None, [{"uri": "a:b", "mimeType": "application/json", "text": '{"title":"M","year":null}'}]),
        (Books(), None, [{"uri": "a:b", "mimeType": "application/json", "text": '[{"title":"M","year":null}]'}]),
        (["a", "b"], None, [{"uri": "a:b", "mimeType": "application/json", "text": '["a","b"]'}]),
        (EmbeddedResource("a:c", text="t"), "image/png", [{"uri": "a:c", "text": "t"}]),
        (
            [EmbeddedResource("a:c", text="t"), EmbeddedResource("a:d", blob=b"\0\xff", mime_type="image/png")],
            None,
            [{"uri": "a:c", "text": "t"}, {"uri": "a:d", "mimeType": "image/png", "blob": "AP8="}],
        ),
        (mcp_types.TextResourceContents(uri="a:c", text="t"), None, [{"uri": "a:c", "text": "t"}]),
        (
            [mcp_types.TextResourceContents(uri="a:c", text="t"), EmbeddedResource("a:d", text="u")],
            None,
            [{"uri": "a:c", "text": "t"}, {"uri": "a:d", "text": "u"}],
        ),
    ],
)
def test_a_resource_returns_contents_or_what_makes_them(value, mime_type, contents):
    assert content.to_contents("a:b", value, mime_type) == contents
    result = {"contents": contents, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    for version in KNOWN_PROTOCOL_VERSIONS:
        validate_server_result("resources/read", version, result)


def test_bytes_are_standard_base64():
    (contents,) = content.to_contents("a:b", bytes(range(256)), None)

    assert base64.b64decode(contents["blob"], validate=True) == bytes(range(256))


# Icons


@cases(
    ("icon", "wire"),
    [
        (Icon("https://example.com/i.png"), {"src": "https://example.com/i.png"}),
        (
            Icon("data:,", "image/svg+xml", ("any", "48x48"), "dark"),
            {"src": "data:,", "mimeType": "image/svg+xml", "sizes": ["any", "48x48"], "theme": "dark"},
        ),
    ],
)
def test_an_icon_is_one_of_the_specifications(icon, wire):
    assert icon.to_wire() == wire
    mcp_types.Icon.model_validate(wire)


def test_blocks_are_values():
    assert Image(b"x", "image/png") == Image(b"x", "image/png")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Text("a").text = "b"
