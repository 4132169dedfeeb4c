import dataclasses
from typing import Annotated, Any, Generic, Literal, TypeVar

import jsonschema
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from django_mcp.primitives import schemas
from tests.tables import cases

T = TypeVar("T")


def describe(hint, mode="validation"):
    schema = schemas.describe(TypeAdapter(hint), mode)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


class Point(BaseModel):
    x: int
    y: int = 0


class Line(BaseModel):
    """A line between two points."""

    start: Point
    end: Annotated[Point, Field(description="Where it ends")]


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Tree(BaseModel):
    root: Node
    at: Point


class Cat(BaseModel):
    kind: Literal["cat"]
    discriminator: int


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool = True


class Page(BaseModel, Generic[T]):
    items: list[T]


class Titled(BaseModel):
    model_config = ConfigDict(title="A title of its own")

    field: Annotated[int, Field(title="Number")]


class Keywords(BaseModel):
    """Fields that are called as keywords of JSON Schema are."""

    properties: dict[str, int]
    discriminator: str
    default: str = "x"
    ref: Annotated[str, Field(alias="$ref")]
    const: Point = Point(x=1)


POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
    "required": ["x"],
}
NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
    },
    "required": ["name"],
}


@cases(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (Any, {}),
        (Point, {**POINT, "title": "Point"}),
        (list[Point], {"type": "array", "items": POINT}),
        (Point | None, {"anyOf": [POINT, {"type": "null"}]}),
        (dict[str, Point], {"type": "object", "additionalProperties": POINT}),
        (
            tuple[int, Point],
            {"type": "array", "prefixItems": [{"type": "integer"}, POINT], "minItems": 2, "maxItems": 2},
        ),
        (
            list[Line],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "description": "A line between two points.",
                    "properties": {"start": POINT, "end": {**POINT, "description": "Where it ends"}},
                    "required": ["start", "end"],
                },
            },
        ),
        (
            list[Page[Point]],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "title": "Page[Point]",
                    "properties": {"items": {"type": "array", "items": POINT}},
                    "required": ["items"],
                },
            },
        ),
        (
            list[Titled],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "title": "A title of its own",
                    "properties": {"field": {"type": "integer", "title": "Number"}},
                    "required": ["field"],
                },
            },
        ),
    ],
)
def test_references_are_written_out_and_titles_that_repeat_a_name_left_out(hint, schema):
    """Many clients read no references."""
    assert describe(hint) == schema


def test_what_refers_to_itself_keeps_its_definition():
    assert describe(list[Node]) == {
        "type": "array",
        "items": {"$ref": "#/$defs/Node"},
        "$defs": {"Node": NODE},
    }
    assert describe(Tree) == {
        "type": "object",
        "title": "Tree",
        "properties": {"root": {"$ref": "#/$defs/Node"}, "at": POINT},
        "required": ["root", "at"],
        "$defs": {"Node": NODE},
    }


def test_a_root_that_refers_to_itself_says_that_it_is_an_object():
    """Without the type, the schema would be wrapped for handshake clients, which accept only objects."""
    assert describe(Node) == {**NODE, "$defs": {"Node": NODE}}


def test_types_that_refer_to_one_another_keep_their_definitions():
    class Author(BaseModel):
        books: list["Book"]

    class Book(BaseModel):
        author: Author | None

    Author.model_rebuild(_types_namespace={"Book": Book})
    schema = describe(list[Author])

    assert schema["items"] == {"$ref": "#/$defs/Author"}
    assert sorted(schema["$defs"]) == ["Author", "Book"]
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid([{"books": [{"author": {"books": []}}, {"author": None}]}])
    assert not validator.is_valid([{"books": [{"author": {"books": 5}}]}])


def test_a_tagged_union_has_no_keyword_of_another_specification():
    """`discriminator` is OpenAPI's, and its mapping points at definitions that are gone. A field of that name stays."""
    assert describe(list[Annotated[Cat | Dog, Field(discriminator="kind")]]) == {
        "type": "array",
        "items": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"type": "string", "const": "cat"}, "discriminator": {"type": "integer"}},
                    "required": ["kind", "discriminator"],
                },
                {
                    "type": "object",
                    "properties": {
                        "kind": {"type": "string", "const": "dog"},
                        "barks": {"type": "boolean", "default": True},
                    },
                    "required": ["kind"],
                },
            ]
        },
    }


def test_names_and_values_that_look_like_keywords_are_left_alone():
    properties = describe(Keywords)["properties"]

    assert properties == {
        "properties": {"type": "object", "additionalProperties": {"type": "integer"}},
        "discriminator": {"type": "string"},
        "default": {"type": "string", "default": "x"},
        "$ref": {"type": "string"},
        "const": {**POINT, "default": {"x": 1, "y": 0}},
    }


@cases("keyword", ["default", "const", "examples", "enum"])
def test_data_inside_a_schema_is_no_schema(keyword):
    data = [{"$ref": "#/$defs/Point", "discriminator": 1}]
    schema = {"$defs": {"Point": POINT}, "properties": {"a": {keyword: data}, "b": {"$ref": "#/$defs/Point"}}}

    assert schemas.inline(schema) == {"properties": {"a": {keyword: data}, "b": POINT}}
    assert ("properties", "a", keyword, "0") not in dict(schemas.walk(schema))


def test_the_given_schema_is_left_as_it_is():
    schema = TypeAdapter(list[Line]).json_schema()
    before = repr(schema)

    schemas.inline(schema)

    assert repr(schema) == before


def test_what_a_result_has_and_arguments_have_not_depends_on_the_direction():
    @dataclasses.dataclass
    class Found:
        total: Annotated[int, Field(validation_alias="in", serialization_alias="out")] = 0

    assert list(describe(Found, "validation")["properties"]) == ["in"]
    assert list(describe(Found, "serialization")["properties"]) == ["out"]


@cases(
    ("schema", "expected"),
    [
        ({"type": "integer"}, {"type": "integer"}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer"}),
        (
            {"anyOf": [{"type": "integer", "description": "a"}, {"type": "null"}], "description": "b", "default": None},
            {"type": "integer", "description": "b", "default": None},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}], "title": "T"},
            {"anyOf": [{"type": "integer"}, {"type": "string"}], "title": "T"},
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ({"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}, {"$ref": "#/$defs/Node"}),
    ],
)
def test_leaving_an_argument_out_says_null(schema, expected):
    assert schemas.without_null(schema) == expected


def test_a_walk_finds_every_schema_and_how_it_is_reached():
    schema = {
        "properties": {"a": {"items": {"type": "integer"}}, "properties": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, True],
        "$defs": {"b": {"const": {"type": "no schema"}}},
    }

    assert [path for path, _ in schemas.walk(schema)] == [
        (),
        ("properties", "a"),
        ("properties", "a", "items"),
        ("properties", "properties"),
        ("anyOf", "0"),
        ("$defs", "b"),
    ]
