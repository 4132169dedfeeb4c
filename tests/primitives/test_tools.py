import dataclasses
import datetime
import decimal
import enum
import json
import sys
import typing
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import jsonschema
import mcp_types
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from mcp_types.methods import validate_server_result
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict, Field, computed_field
from typing_extensions import TypedDict

from django_mcp import Context, Icon, Image, Text, ToolError, ToolResult
from django_mcp.exceptions import InvalidArguments
from django_mcp.primitives.tools import make_tool
from django_mcp.protocol import handshake, jsonrpc
from tests.tables import cases

HANDSHAKE = KNOWN_PROTOCOL_VERSIONS[:-1]
STRUCTURED = KNOWN_PROTOCOL_VERSIONS[2:]
"""The revisions that have structured content."""

PICTURE = Image(b"\0\xff", "image/png")
PICTURE_BLOCK = {"type": "image", "data": "AP8=", "mimeType": "image/png"}


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Book(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    title: str
    published: datetime.date | None = None
    price: decimal.Decimal = decimal.Decimal("1.50")
    pages: int = Field(default=1, serialization_alias="pageCount")

    @computed_field
    @property
    def slug(self) -> str:
        return self.title.lower()


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class OldMovie(typing.TypedDict):
    title: str


class Pair(NamedTuple):
    left: int
    right: str


class Row:
    """An object of another library: it has attributes, and nothing else is known of it."""

    def __init__(self, title):
        self.title = title


class Rows:
    """Iterable as a queryset is: by its own class, of which pydantic knows nothing."""

    def __init__(self, *rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def returning(hint, **options):
    """A tool whose function has this return annotation, or none."""

    def tool():
        pass

    if hint is not ...:
        tool.__annotations__["return"] = hint
    return make_tool(tool, **options)


def answers(tool, value):
    """The result of a call in each revision, checked against the revision and against the schema that it was shown."""
    found = {}
    for version in KNOWN_PROTOCOL_VERSIONS:
        is_modern = version not in HANDSHAKE
        result = tool.to_result(value() if callable(value) else value, objects_only=not is_modern)
        listed = tool.definition
        if is_modern:
            result = {"resultType": "complete", **result}
        else:
            result = handshake.shape("tools/call", result, version)
            listed = handshake.shape_entry("tools", listed, version)
        result = json.loads(jsonrpc.encode(result), parse_constant=pytest.fail)
        validate_server_result("tools/call", version, result)
        check_promise(listed.get("outputSchema"), result)
        found[version] = result
    return found


def check_promise(schema, result):
    """Whether structured content is what a client may expect after it has seen the schema."""
    if schema is not None and not result["isError"]:
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(result["structuredContent"], schema)


def text(value):
    return [{"type": "text", "text": value}]


# Data


@cases(
    ("hint", "value", "structured", "written"),
    [
        (int, 5, 5, "5"),
        (bool, True, True, "true"),
        (float, 1.5, 1.5, "1.5"),
        (bytes, b"ab", "ab", '"ab"'),
        (dict, {"a": 1}, {"a": 1}, '{"a":1}'),
        (dict[str, int], {}, {}, "{}"),
        (dict[int, Point], {1: Point(2)}, {"1": {"x": 2, "y": 0}}, '{"1":{"x":2,"y":0}}'),
        (Point, Point(1), {"x": 1, "y": 0}, '{"x":1,"y":0}'),
        (Point, {"x": "1"}, {"x": 1, "y": 0}, '{"x":1,"y":0}'),
        (
            Book,
            Book(title="M"),
            {"title": "M", "published": None, "price": "1.50", "pageCount": 1, "slug": "m"},
            '{"title":"M","published":null,"price":"1.50","pageCount":1,"slug":"m"}',
        ),
        (Movie, {"title": "M"}, {"title": "M"}, '{"title":"M"}'),
        (Movie, {"title": "M", "secret": 1}, {"title": "M"}, '{"title":"M"}'),
        (
            Node,
            Node(name="a", children=[Node(name="b")]),
            {"name": "a", "children": [{"name": "b", "children": []}]},
            None,
        ),
        (Cat | Dog, Dog(), {"kind": "dog"}, '{"kind":"dog"}'),
        (Annotated[Cat | Dog, Field(discriminator="kind")], Cat(), {"kind": "cat"}, '{"kind":"cat"}'),
        (Annotated[Point, "noted"], Point(1), {"x": 1, "y": 0}, '{"x":1,"y":0}'),
        (list[Point], [Point(1)], [{"x": 1, "y": 0}], '[{"x":1,"y":0}]'),
        (list[Point], [], [], "[]"),
        (list[Point], (), [], "[]"),
        (list[Point], Rows(Point(1)), [{"x": 1, "y": 0}], '[{"x":1,"y":0}]'),
        (list[str], ["a", "b"], ["a", "b"], '["a","b"]'),
        (list[str | int], ["a", 1], ["a", 1], '["a",1]'),
        (Sequence[str], ("a",), ["a"], '["a"]'),
        (Iterable[Point], lambda: (Point(x) for x in (1,)), [{"x": 1, "y": 0}], '[{"x":1,"y":0}]'),
        (Generator[int, None, None], lambda: (x for x in (1, 2)), [1, 2], "[1,2]"),
        (deque[int], deque([1]), [1], "[1]"),
        (set[int], {1}, [1], "[1]"),
        (frozenset[Color], frozenset({Color.RED}), ["red"], '["red"]'),
        (tuple[int, str], (1, "a"), [1, "a"], '[1,"a"]'),
        (tuple[int, ...], (1, 2), [1, 2], "[1,2]"),
        (Pair, Pair(1, "a"), [1, "a"], '[1,"a"]'),
        (Color, Color.RED, "red", '"red"'),
        (Literal["a", 1], 1, 1, "1"),
        (datetime.date, datetime.date(2026, 7, 28), "2026-07-28", '"2026-07-28"'),
        (datetime.timedelta, datetime.timedelta(seconds=90), "PT1M30S", '"PT1M30S"'),
        (decimal.Decimal, decimal.Decimal("1E+3"), "1E+3", '"1E+3"'),
        (uuid.UUID, uuid.UUID(int=7), str(uuid.UUID(int=7)), None),
        (int | None, None, None, "null"),
        (int | None, 5, 5, "5"),
        (Point | None, None, None, "null"),
        (Point | None, Point(1), {"x": 1, "y": 0}, '{"x":1,"y":0}'),
        (Annotated[int, Field(ge=1)], 5, 5, "5"),
        (list[Node], [Node(name="a")], [{"name": "a", "children": []}], None),
    ],
)
def test_data_is_structured_content_and_text_beside_it(hint, value, structured, written):
    """A value that is no object is in one, under `result`, for handshake clients (spec 2025-11-25 server/tools)."""
    tool = returning(hint)
    found = answers(tool, value)

    is_object = tool.definition["outputSchema"].get("type") == "object"
    for version in STRUCTURED:
        wrapped = version in HANDSHAKE and not is_object
        assert found[version]["structuredContent"] == ({"result": structured} if wrapped else structured)
    for result in found.values():
        assert result["isError"] is False
        (block,) = result["content"]
        assert json.loads(block["text"]) == structured
        assert written is None or block["text"] == written
    for version in KNOWN_PROTOCOL_VERSIONS[:2]:
        assert "structuredContent" not in found[version]


@cases(
    ("hint", "schema"),
    [
        (
            Point,
            {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
            },
        ),
        (
            Annotated[int, Field(ge=1, description="How many")],
            {"type": "integer", "minimum": 1, "description": "How many"},
        ),
        (list[Color], {"type": "array", "items": {"type": "string", "enum": ["red"]}}),
        (
            Node,
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
                },
                "required": ["name"],
            },
        ),
    ],
)
def test_the_return_annotation_is_the_output_schema(hint, schema):
    shown = {key: value for key, value in returning(hint).definition["outputSchema"].items() if key != "$defs"}

    assert shown == schema


def test_a_model_may_be_made_from_attributes():
    """A row of the ORM, say: its model says `from_attributes`."""
    found = answers(returning(list[Book]), [Row("M")])

    assert found["2026-07-28"]["structuredContent"][0]["title"] == "M"


@cases(
    ("hint", "value"),
    [
        (Point, None),
        (Point, {"x": "many"}),
        (Point, Row("M")),
        (list[Point], Point(1)),
        (Literal["a"], "b"),
        (Annotated[int, Field(ge=1)], 0),
        (bytes, b"\xff"),
        (Point, ToolResult(content="no structured content")),
        (Point, ToolResult(structured={"y": 1})),
        (Point, PICTURE),
        (Point, [PICTURE]),
        (dict, [Text("a")]),
        (list[Point], [Text("a")]),
    ],
)
def test_a_promise_that_is_broken_is_no_result(hint, value):
    """A client that has seen the schema would not take it (spec 2025-11-25 server/tools)."""
    with pytest.raises((ValueError, TypeError)):
        returning(hint).to_result(value, objects_only=False)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic reads typing.TypedDict from 3.12 on")
def test_a_return_annotation_that_another_python_would_take_is_not_passed_over():
    with pytest.raises(ImproperlyConfigured, match=r"^Tool 'tool' .*: Please use `typing_extensions.TypedDict`"):
        returning(OldMovie)


# Text and content blocks


@cases(
    ("hint", "value", "blocks"),
    [
        (str, "hi", text("hi")),
        (str, "", text("")),
        (str | None, None, []),
        (str | int, 5, text("5")),
        (Annotated[str, "noted"], "hi", text("hi")),
        (None, None, []),
        (type(None), None, []),
        (Any, [1, 2], text("[1,2]")),
        (object, 5, text("5")),
        (..., None, []),
        (..., "hi", text("hi")),
        (..., 5, text("5")),
        (..., [1, 2], text("[1,2]")),
        (..., [], text("[]")),
        (..., Rows(1, 2), text("[1,2]")),
        (..., lambda: (x for x in (1, 2)), text("[1,2]")),
        (..., "\ud800", text("\ud800")),
        (..., [{"a": "\ud800"}], text('[{"a":"\\ud800"}]')),
        (list, [1], text("[1]")),
        (list, [PICTURE, "hi"], [PICTURE_BLOCK, *text("hi")]),
        (tuple, (PICTURE,), [PICTURE_BLOCK]),
        (list[Any], [PICTURE], [PICTURE_BLOCK]),
        (list[object], [PICTURE], [PICTURE_BLOCK]),
        (Image, PICTURE, [PICTURE_BLOCK]),
        (Image | None, None, []),
        (Image | str, "hi", text("hi")),
        (list[Image], [PICTURE], [PICTURE_BLOCK]),
        (list[Image | str], ["hi", PICTURE], [*text("hi"), PICTURE_BLOCK]),
        (list[list[Image]], [1], text("[1]")),
        (Annotated[list[Image], "noted"], [PICTURE], [PICTURE_BLOCK]),
        (Sequence[Text], (Text("hi"),), text("hi")),
        (Iterator[Image], lambda: iter([PICTURE]), [PICTURE_BLOCK]),
        (Generator[Image | str, None, None], lambda: (item for item in (PICTURE, "hi")), [PICTURE_BLOCK, *text("hi")]),
        (..., lambda: (item for item in (PICTURE, "hi")), [PICTURE_BLOCK, *text("hi")]),
        (mcp_types.TextContent, mcp_types.TextContent(type="text", text="hi"), text("hi")),
        (list[mcp_types.ContentBlock], [mcp_types.TextContent(type="text", text="hi")], text("hi")),
        (ToolResult, ToolResult(content="hi"), text("hi")),
        (ToolResult | None, None, []),
        (list[Row], [1], text("[1]")),
        (Rows, Rows(1), text("[1]")),
        (type, 5, text("5")),
    ],
)
def test_text_and_blocks_are_content_alone(hint, value, blocks):
    tool = returning(hint)

    assert "outputSchema" not in tool.definition
    for version, result in answers(tool, value).items():
        expected = {"content": blocks, "isError": False}
        assert result == ({"resultType": "complete", **expected} if version not in HANDSHAKE else expected)


@cases("hint", [..., Any, Point | Image, ToolResult | Point])
@cases("value", [{"x": 1, "y": 0}, Point(1)])
def test_an_object_is_structured_content_even_where_no_schema_says_so(hint, value):
    for version, result in answers(returning(hint), value).items():
        assert result["content"] == text('{"x":1,"y":0}')
        assert result.get("structuredContent") == ({"x": 1, "y": 0} if version in STRUCTURED else None)


@cases("value", [{"x": 1, "y": 0}, Point(1)])
def test_a_tool_may_want_no_structured_content(value):
    tool = returning(Point, structured=False)

    assert "outputSchema" not in tool.definition
    assert tool.to_result(value, objects_only=False) == {"content": text('{"x":1,"y":0}'), "isError": False}


def test_text_may_be_structured_content_too():
    tool = returning(str, structured=True)

    assert tool.definition["outputSchema"] == {"type": "string"}
    found = answers(tool, "hi")
    assert found["2026-07-28"]["structuredContent"] == "hi"
    assert found["2025-11-25"]["structuredContent"] == {"result": "hi"}


@cases("hint", [..., Rows, list[Row]])
def test_structured_content_needs_a_type_that_can_be_described(hint):
    with pytest.raises(
        ImproperlyConfigured, match="structured=True needs a return annotation that pydantic can describe"
    ):
        returning(hint, structured=True)


# ToolResult


@cases(
    ("hint", "result", "wire"),
    [
        (..., ToolResult(), {"content": [], "isError": False}),
        (..., ToolResult(content=[PICTURE, "hi"]), {"content": [PICTURE_BLOCK, *text("hi")], "isError": False}),
        (
            ...,
            ToolResult(structured={"a": 1}),
            {"content": text('{"a":1}'), "isError": False, "structuredContent": {"a": 1}},
        ),
        (
            ...,
            ToolResult(content="one", structured=Point(1), meta={"example.com/a": 1}),
            {
                "content": text("one"),
                "isError": False,
                "structuredContent": {"x": 1, "y": 0},
                "_meta": {"example.com/a": 1},
            },
        ),
        (
            Point,
            ToolResult(content="one", structured={"x": 1}),
            {"content": text("one"), "isError": False, "structuredContent": {"x": 1, "y": 0}},
        ),
        (..., ToolResult(content="no", is_error=True), {"content": text("no"), "isError": True}),
        (Point, ToolResult(content="no", is_error=True), {"content": text("no"), "isError": True}),
        # The content of a failure need not have the shape of a success (spec 2025-11-25 server/tools).
        (
            Point,
            ToolResult(structured={"code": 5}, is_error=True),
            {"content": text('{"code":5}'), "isError": True, "structuredContent": {"code": 5}},
        ),
    ],
)
def test_a_tool_result_says_everything_itself(hint, result, wire):
    tool = returning(hint)

    assert tool.to_result(result, objects_only=False) == wire
    answers(tool, result)


@cases(("structured", "expected"), [([1], {"result": [1]}), (5, {"result": 5}), ({"a": 1}, {"a": 1})])
def test_structured_content_without_a_schema_is_an_object_to_handshake_clients(structured, expected):
    tool = returning(...)

    assert tool.to_result(ToolResult(structured=structured), objects_only=True)["structuredContent"] == expected
    assert tool.to_result(ToolResult(structured=structured), objects_only=False)["structuredContent"] == structured


# Definitions


def find(ctx: Context, title: str, limit: int = 10) -> list[Point]:
    """Find books.

    Args:
        title: part of the title
    """


def test_a_function_is_a_tool():
    tool = make_tool(find)

    assert (tool.name, tool.options.atomic, tool.param_headers) == ("find", True, {})
    assert tool.definition == {
        "name": "find",
        "title": "Find",
        "description": "Find books.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "part of the title"},
                "limit": {"type": "integer", "default": 10},
            },
            "required": ["title"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
            },
        },
        "annotations": {"title": "Find"},
    }


@cases(
    ("name", "title"),
    [
        ("search_airports", "Search airports"),
        ("books.find-1", "Books find 1"),
        ("list_IATA_codes", "List IATA codes"),
        ("_", "_"),
    ],
)
def test_a_tool_that_is_given_no_title_has_one_from_its_name(name, title):
    """Some clients leave out a tool without a title, others read that of the annotations."""
    definition = make_tool(find, name=name).definition

    assert (definition["title"], definition["annotations"]["title"]) == (title, title)


def test_a_tool_says_all_that_it_is_told_to():
    tool = make_tool(
        lambda: None,
        name="books.find-1",
        title="Find",
        description="Finds",
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        icons=[Icon("https://example.com/i.png")],
        meta={"example.com/a": 1},
        atomic=False,
    )

    assert tool.options.atomic is False
    assert tool.definition == {
        "name": "books.find-1",
        "title": "Find",
        "description": "Finds",
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
        "annotations": {
            "title": "Find",
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
        "icons": [{"src": "https://example.com/i.png"}],
        "_meta": {"example.com/a": 1},
    }
    mcp_types.Tool.model_validate(tool.definition)


@cases("hint", [User, User | None, list[User], Annotated[User, 1], dict[str, list[User]]])
def test_a_promise_of_rows_of_a_model_is_refused_at_start_up(hint):
    with pytest.raises(
        ImproperlyConfigured, match=r"^Tool 'tool' .* returns User: its rows are not JSON\. Return a pyd"
    ):
        returning(hint)


@cases("hint", [QuerySet[User], QuerySet, type, None])
def test_what_may_be_other_than_rows_is_not_refused(hint):
    """A queryset of `values()` is JSON."""
    assert returning(hint).name == "tool"


@cases("name", ["a", "A_b-c.9", "x" * 128])
def test_a_tool_has_the_name_of_one(name):
    assert make_tool(find, name=name).name == name


@cases("name", [" ", "a b", "a/b", "é", "x" * 129, "a\n"])
def test_another_name_is_refused_at_start_up(name):
    """Spec 2025-11-25 server/tools."""
    with pytest.raises(ImproperlyConfigured, match="a tool's name is 1 to 128 letters"):
        make_tool(find, name=name)


def test_a_lambda_needs_a_name():
    with pytest.raises(ImproperlyConfigured, match=r"^Tool '<lambda>' \(.*<lambda>\): .*; pass name="):
        make_tool(lambda: None)


# Arguments


def test_arguments_are_bound_by_name():
    tool = make_tool(find)

    assert tool.bind({"title": "x", "limit": "5"}, None) == {"ctx": None, "title": "x", "limit": 5}


def test_arguments_that_do_not_fit_are_all_named():
    with pytest.raises(InvalidArguments) as error:
        make_tool(find).bind({"limit": "many", "more": 1}, None)

    assert isinstance(error.value, ToolError)
    assert str(error.value) == (
        "Invalid arguments for find:\n"
        "- title: Field required\n"
        "- limit: Input should be a valid integer, unable to parse string as an integer\n"
        "- more: Unknown argument"
    )


# Schemas given by hand

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"size": {"type": "integer", "minimum": 1}},
    "properties": {"size": {"$ref": "#/$defs/size"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["size"],
    "additionalProperties": False,
}


def given(**arguments):
    return arguments


def test_a_schema_given_by_hand_is_shown_unchanged_and_checked():
    """Conformance: json-schema-2020-12."""
    tool = make_tool(given, input_schema=SCHEMA)

    assert tool.definition["inputSchema"] == SCHEMA
    assert tool.bind({"size": 1, "tags": ["a"]}, None) == {"size": 1, "tags": ["a"]}
    with pytest.raises(InvalidArguments) as error:
        tool.bind({"size": 0, "tags": [5], "more": None}, None)
    assert str(error.value) == (
        "Invalid arguments for given:\n"
        "- arguments: Additional properties are not allowed ('more' was unexpected)\n"
        "- size: 0 is less than the minimum of 1\n"
        "- tags.0: 5 is not of type 'string'"
    )


def test_a_schema_given_by_hand_stands_beside_the_signature():
    def both(size: int, **rest):
        pass

    tool = make_tool(both, input_schema={"type": "object", "properties": {"size": {"type": ["integer", "string"]}}})

    assert tool.bind({"size": "5", "more": 1}, None) == {"size": 5, "more": 1}
    with pytest.raises(InvalidArguments, match="size: Input should be a valid integer"):
        tool.bind({"size": "five"}, None)


def test_a_dialect_is_the_one_that_the_schema_names():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"items": [{"type": "integer"}]}},
    }
    tool = make_tool(given, input_schema=schema)

    with pytest.raises(InvalidArguments, match=r"a\.0"):
        tool.bind({"a": ["x"]}, None)


@cases("option", ["input_schema", "output_schema"])
@cases(
    ("schema", "message"),
    [
        ({"type": "object", "required": "a"}, "is not a valid JSON Schema: 'a' is not of type 'array'"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "is not a valid JSON Schema"),
        ({"type": "object", "$schema": "https://example.com/dialect"}, "is in a dialect that jsonschema does not know"),
        (
            {"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}},
            "refers to 'https://example.com/a.json' at properties/a; write it out",
        ),
        ({"type": "object", "allOf": [{"$ref": "file:///etc/passwd"}]}, "refers to 'file:///etc/passwd' at allOf/0"),
        (
            {"type": "object", "not": {"$dynamicRef": "https://example.com/#a"}},
            "refers to 'https://example.com/#a' at not",
        ),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_at_start_up(option, schema, message):
    """Nothing is fetched: a schema that points elsewhere could make the server ask any host anything."""
    with pytest.raises(ImproperlyConfigured, match=rf"^Tool 'given' .*: {option} {message}"):
        make_tool(given, **{"input_schema": {"type": "object"}, option: schema})


def test_arguments_are_an_object():
    with pytest.raises(ImproperlyConfigured, match='input_schema must say "type": "object" at its root'):
        make_tool(given, input_schema={"properties": {}})


def test_an_output_schema_given_by_hand_is_shown_and_kept():
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    tool = returning(..., output_schema=schema)

    assert tool.definition["outputSchema"] == schema
    assert answers(tool, {"size": 1})["2025-06-18"]["structuredContent"] == {"size": 1}
    assert answers(tool, ToolResult(content="one", structured={"size": 1}))["2026-07-28"]["content"] == text("one")
    for value in ({}, {"size": "large"}, [], None, "hi", PICTURE, ToolResult(content="hi")):
        with pytest.raises((ValueError, TypeError)):
            tool.to_result(value, objects_only=False)


def test_an_output_schema_given_by_hand_may_be_of_anything():
    tool = returning(list[Row], output_schema={"type": "array", "items": {"type": "integer"}})

    found = answers(tool, Rows(1, 2))

    assert found["2026-07-28"]["structuredContent"] == [1, 2]
    assert found["2025-11-25"]["structuredContent"] == {"result": [1, 2]}
    with pytest.raises(ValueError, match="does not fit output_schema:\n- 0: 'a' is not of type 'integer'"):
        tool.to_result(["a"], objects_only=True)


def test_a_schema_given_by_hand_needs_what_checks_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)

    with pytest.raises(ImproperlyConfigured, match=r"input_schema is checked by jsonschema; pip install"):
        make_tool(given, input_schema=SCHEMA)
