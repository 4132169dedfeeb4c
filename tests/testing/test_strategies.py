"""Values made from JSON Schemas: a validator takes those that are to fit, and each keyword is followed."""

import jsonschema
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter

from django_mcp.testing.strategies import arguments_of, values_of
from tests.tables import cases

NODE = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}, "required": ["n"]}
ENDLESS = {"type": "array", "items": {"$ref": "#"}, "minItems": 0}


@cases(
    "schema",
    [
        {"const": [1]},
        {"enum": ["a", 2]},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        {"type": ["string", "null"], "minLength": 2, "maxLength": 3},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "string", "format": "date-time"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}], "minItems": 2, "maxItems": 2},
        {"items": {"type": "null"}},
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        {"oneOf": [{"$ref": "#/$defs/a~1b"}], "$defs": {"a/b": {"const": 1}}},
        {"allOf": [{"$ref": "#/$defs/a"}, {"required": ["b"]}], "$defs": {"a": {"properties": {"b": {"const": 1}}}}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        NODE,
        ENDLESS,
        {},
        True,
        TypeAdapter(dict[str, list[tuple[int, str | None]]]).json_schema(),
    ],
)
def test_values_fit_their_schema(schema):
    @settings(max_examples=15, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values_of(schema))
    def check(value):
        jsonschema.validate(value, schema)

    check()


@cases("schema", [{"type": "string", "pattern": "(?<x>a)"}, {"type": "odd"}, {"type": "string", "format": "odd"}])
def test_what_is_not_known_makes_some_value_all_the_same(schema):
    assert values_of(schema).validate() is None


def test_some_arguments_do_not_fit():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    seen = {"missing": False, "unknown": False, "other": False}

    @settings(max_examples=200, database=None, deadline=None, derandomize=True)
    @given(arguments_of(schema))
    def look(arguments):
        seen["missing"] |= "n" not in arguments
        seen["unknown"] |= bool(arguments.keys() - {"n"})
        seen["other"] |= "n" in arguments and not isinstance(arguments["n"], int)

    look()
    assert seen == {"missing": True, "unknown": True, "other": True}
