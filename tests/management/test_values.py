"""Values of a command's arguments."""

import pytest
from django.core.management import CommandError

from django_mcp.management.values import arguments_of, pair_of, value_of
from tests.tables import cases

STRING, NUMBER, ARRAY = {"type": "string"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}


@cases(
    ("texts", "schema", "expected"),
    [
        (["5"], STRING, "5"),
        (["5"], NUMBER, 5),
        (["5"], {}, 5),
        (["Ada"], {}, "Ada"),
        (["null"], {"anyOf": [STRING, {"type": "null"}]}, "null"),
        (["5"], {"anyOf": [STRING, NUMBER]}, 5),
        (["true"], {"enum": ["true", "false"]}, "true"),
        (["true"], {"type": ["boolean", "null"]}, True),
        (["LHR"], ARRAY, ["LHR"]),
        (["1", "2"], ARRAY, ["1", "2"]),
        (['["1", "2"]'], ARRAY, ["1", "2"]),
        (["1", "2"], {}, [1, 2]),
        (["x=y"], NUMBER, "x=y"),
        (["[" * 100_000], NUMBER, "[" * 100_000),
    ],
)
def test_a_value_has_the_type_of_its_schema(texts, schema, expected):
    assert value_of(texts, schema) == expected


def test_a_name_that_is_given_twice_is_a_list():
    assert arguments_of(["a=1", "b=2", "a=3"], {"properties": {"b": STRING}}) == {"a": [1, 3], "b": "2"}


@cases("text", ["a", "=a", ""])
def test_text_without_a_name_and_a_value_is_refused(text):
    with pytest.raises(CommandError, match="is not NAME=VALUE"):
        pair_of(text, "--arg")
