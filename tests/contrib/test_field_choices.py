"""Choices of model fields: few are listed with their labels, of many a wrong one is answered with those near it."""

import pytest
from django.db import models
from pydantic import TypeAdapter, ValidationError

from django_mcp.contrib import field_choices, model_fields

CITIES = [(f"Zone/{number}", f"City {number}") for number in range(60)]


class Tags(models.CharField):
    """Several choices in one column, as django-multiselectfield has them."""

    def to_python(self, value):
        return value.split(",")


def adapter_of(field):
    field.set_attributes_from_name("thing")
    return TypeAdapter(model_fields.parameter_type(field))


def refusal(field, value):
    with pytest.raises(ValidationError) as refused:
        adapter_of(field).validate_python(value)
    return refused.value.errors()[0]["msg"]


def test_labels_are_told_where_they_say_more_than_the_value():
    choices = [(1, "Open"), (2, "Closed")]

    assert adapter_of(models.IntegerField(choices=choices)).json_schema() == {
        "type": "integer",
        "enum": [1, 2],
        "description": "1: Open; 2: Closed",
    }
    assert "description" not in adapter_of(models.CharField(choices=[("in_use", "In use")])).json_schema()


def test_many_choices_are_looked_up_by_giving_a_wrong_one():
    field = models.CharField(choices=CITIES, max_length=9)

    assert adapter_of(field).json_schema() == {
        "type": "string",
        "maxLength": 9,
        "description": "one of 60 choices, such as Zone/0 (City 0), Zone/1 (City 1), Zone/2 (City 2); a wrong one is "
        "answered with those near it",
    }
    assert adapter_of(field).validate_python("Zone/7") == "Zone/7"
    assert refusal(field, "city 59") == "Value error, 'city 59' is none of the 60 choices; near: Zone/59"
    assert refusal(field, "XXX").endswith("near: none")


def test_a_function_that_knows_the_choices_is_asked_at_a_call_and_not_before():
    asked = []
    field = models.CharField(choices=lambda: asked.append(1) or [("a", "A")])
    adapter = adapter_of(field)

    assert (adapter.json_schema()["description"], asked) == (
        "one of a list of choices; a wrong one is answered with those near it",
        [],
    )
    assert adapter.validate_python("a") == "a"
    assert refusal(field, "b") == "Value error, 'b' is none of the 1 choices; near: none"


def test_a_column_of_several_choices_takes_them_with_commas_between():
    field = Tags(choices=[("a", "Apple"), ("b", "Bean")])

    assert adapter_of(field).validate_python("a,b") == "a,b"
    assert refusal(field, "a,x").startswith("Value error, 'a,x' is none of the 2 choices")
    assert field_choices.describe_choices(field) == "a: Apple; b: Bean"
