"""The reasons for which a directory would refuse a tool. A plain tool with a docstring and a hint is accepted."""

from pydantic import BaseModel

from django_mcp.primitives.readiness import MAX_CHARACTERS, objections
from django_mcp.primitives.tool_search import TOOLS
from django_mcp.primitives.tools import make_tool
from tests.tables import cases


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


def plant(tree: Tree) -> Tree:
    """Plant a tree, with all that grows on it."""


@cases("tool", [make_tool(plant, destructive=False), make_tool(plant, read_only=True, dry_run=True), *TOOLS.values()])
def test_a_tool_with_a_docstring_and_a_hint_is_ready(tool):
    assert objections(tool.definition) == []


def test_a_tool_that_says_nothing_of_itself_is_refused():
    assert objections(make_tool(lambda: None, name="books.find").definition) == [
        "models' APIs take names of at most 64 letters, digits, '_' and '-': pass name=",
        "no description: write a docstring, or pass description=",
        "no hint of what it does: pass read_only= or destructive=",
    ]


def with_schema(**members):
    return {**make_tool(plant, read_only=True).definition, "inputSchema": {"type": "object", **members}}


@cases(
    ("members", "objection"),
    [
        ({}, 'inputSchema has no properties: say "properties": {} where there are no arguments'),
        (
            {"properties": {}, "anyOf": [{}]},
            "inputSchema has anyOf at its root, which models' APIs do not take: describe one object",
        ),
        (
            {"properties": {"a": {"items": {"$ref": "#/$defs/A~1B"}}}, "$defs": {"A": {"type": "string"}}},
            "inputSchema refers to '#/$defs/A~1B' at properties/a/items, where there is nothing",
        ),
        (
            {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
            "inputSchema refers to 'https://example.com/schema.json' at properties/a, where there is nothing",
        ),
        (
            {"properties": {"a": {"description": "x" * MAX_CHARACTERS}}},
            "too large: 16929 characters of at most 16384; shorten its texts, or take fewer arguments",
        ),
    ],
)
def test_a_schema_that_a_client_cannot_read_is_refused(members, objection):
    assert objections(with_schema(**members)) == [objection]


def test_a_reference_that_leads_somewhere_is_read():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A~1B"}, "b": {"$ref": "#"}, "$ref": {"type": "string"}},
        "$defs": {"A/B": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/A~1B/anyOf/0"}]}},
    }

    assert objections(with_schema(**schema)) == []


def test_a_tool_without_titles_is_refused():
    """Of another's making: here each has one."""
    untitled = {**make_tool(plant, read_only=True).definition, "annotations": {"readOnlyHint": True}}

    assert objections(untitled) == ["no title: pass title="]
