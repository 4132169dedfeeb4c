"""Two JSON Schemas compared: the reasons why a value of the first may not fit the second."""

from django_mcp.management.narrowing import refusals
from tests.tables import cases

STRING, INTEGER, NUMBER, NULL = ({"type": kind} for kind in ("string", "integer", "number", "null"))


def members(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


NODE = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}, "size": INTEGER}}
TREE = members(node={"$ref": "#/$defs/Node"}) | {"$defs": {"Node": NODE}}
TREE_OF_TEXT = TREE | {"$defs": {"Node": {**NODE, "properties": {"child": {"$ref": "#/$defs/Node"}, "size": STRING}}}}


@cases(
    ("first", "second", "expected"),
    [
        (STRING, STRING, []),
        (STRING, {}, []),
        (STRING, STRING | {"description": "New"}, []),
        (STRING, INTEGER, ["value takes integer now, and took string"]),
        ({}, STRING, ["value takes string now, and took anything"]),
        (INTEGER, NUMBER, []),
        (NUMBER, INTEGER, ["value takes integer now, and took number"]),
        (STRING, {"anyOf": [STRING, NULL]}, []),
        ({"anyOf": [STRING, NULL]}, STRING, ["value takes string now, and took null"]),
        ({"type": ["string", "null"]}, {"anyOf": [STRING, NULL]}, []),
        (STRING | {"enum": ["a", "b"]}, STRING | {"enum": ["a", "b", "c"]}, []),
        (STRING | {"enum": ["a", "b"]}, STRING | {"enum": ["a"]}, ["value does not take b any more"]),
        (STRING, STRING | {"enum": ["a"]}, ["value does not take other values any more"]),
        (STRING | {"enum": ["a"]}, STRING, []),
        (STRING | {"const": "a"}, STRING | {"enum": ["a", "b"]}, []),
        (INTEGER | {"minimum": 1}, INTEGER | {"minimum": 0}, []),
        (INTEGER | {"minimum": 0}, INTEGER | {"minimum": 1}, ["value has minimum 1 now, and had 0"]),
        (STRING, STRING | {"maxLength": 9}, ["value has maxLength 9 now, and had none"]),
        (STRING | {"maxLength": 9}, STRING | {"maxLength": 10}, []),
        (STRING, STRING | {"pattern": "^a"}, ["value has pattern ^a now, and had none"]),
        (STRING | {"pattern": "^a"}, STRING, []),
        (members(a=STRING), members(a=STRING, b=STRING), []),
        (members(a=STRING), members(["a"], a=STRING), ["a is required now"]),
        (members(["a"], a=STRING), members(a=STRING), []),
        (members(a=members(b=STRING)), members(a=members(b=INTEGER)), ["a.b takes integer now, and took string"]),
        (members(a=STRING), members() | {"additionalProperties": False}, ["a is not taken any more"]),
        (
            {"type": "array", "items": STRING},
            {"type": "array", "items": INTEGER},
            ["value[] takes integer now, and took string"],
        ),
        (TREE, TREE, []),
        (TREE, TREE_OF_TEXT, ["node.size takes string now, and took integer"]),
    ],
)
def test_each_value_that_may_not_fit_any_more_is_named(first, second, expected):
    found = [refusal.as_input().removeprefix("argument ") for refusal in refusals(first, second)]

    assert found[: len(expected) or None] == expected


def test_the_same_reasons_are_told_of_results():
    old, new = members(["a"], a=STRING, c=STRING | {"enum": ["x"]}), members(a=INTEGER, c=STRING | {"enum": ["x", "y"]})

    assert [refusal.as_output() for refusal in refusals(new, old)] == [
        "result a may be missing now",
        "result a is integer now, and was string",
        "result c may be y now",
    ]
