"""Validation errors in words that a model or a user can act on."""

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from django_mcp.primitives.errors import explain, lines_of
from tests.tables import cases


class Stop(BaseModel):
    code: Annotated[str, Field(max_length=3)]


class Trip(BaseModel):
    model_config = ConfigDict(extra="forbid")

    nights: int
    stops: list[Stop] = []

    @model_validator(mode="after")
    def be_possible(self):
        if self.nights < len(self.stops):
            raise ValueError("too few nights")
        return self


def explanation(value):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Trip).validate_python(value)
    return explain(caught.value)


@cases(
    ("value", "said"),
    [
        ({}, "- nights: Field required"),
        (
            {"nights": "many"},
            "- nights: Input should be a valid integer, unable to parse string as an integer",
        ),
        ({"nights": 1, "stops": [{"code": "LHRX"}]}, "- stops.0.code: String should have at most 3 characters"),
        ({"nights": 1, "days": 2}, "- days: Unknown argument"),
        ({"nights": 0, "stops": [{"code": "LHR"}]}, "- arguments: Value error, too few nights"),
        ({"days": 2}, "- nights: Field required\n- days: Unknown argument"),
    ],
)
def test_each_problem_is_a_line_that_says_where_it_is(value, said):
    assert explanation(value) == said


def test_what_was_sent_is_not_repeated():
    """An argument may be a secret, and the model has it anyway."""
    assert "hunter2" not in explanation({"nights": "hunter2"})


def test_errors_by_field_are_lines_that_say_where():
    assert lines_of({"name": ["Too long.", "Taken."], "legs": [{}, {"to": ["Unknown."]}]}) == [
        "- name: Too long. Taken.",
        "- legs.1.to: Unknown.",
    ]
    assert lines_of({"non_field_errors": ["Too", "much."], "__all__": ["No."]}) == ["- Too much.", "- No."]
    assert [lines_of(errors) for errors in (["No."], "No.", {})] == [["- No."], ["- No."], []]
