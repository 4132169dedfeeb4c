"""Validation errors in words that a model or a user can act on."""

from typing import Annotated

import pydantic
import pytest
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from rest_framework import exceptions as rest

from django_mcp.primitives.errors import ToolError, explain, in_words


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
    with pytest.raises(pydantic.ValidationError) as caught:
        TypeAdapter(Trip).validate_python(value)
    return explain(caught.value)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ToolError("Try another name"), "Try another name"),
        (ValidationError("Too short."), "- Too short."),
        (ValidationError({"name": ["Too long.", "Taken."], "__all__": ["No."]}), "- name: Too long. Taken.\n- No."),
        (PermissionDenied(), "Not allowed."),
        (PermissionDenied("It is locked."), "Not allowed: It is locked."),
        (Http404("No Group matches the given query."), "Not found: No Group matches the given query."),
        (ObjectDoesNotExist("Group matching query does not exist."), "Not found: Group matching query does not exist."),
        (rest.ValidationError({"legs": [{}, {"to": ["Unknown."]}]}), "- legs.1.to: Unknown."),
        (rest.Throttled(wait=5), "Request was throttled. Expected available in 5 seconds."),
        (rest.APIException("postgres://user:secret@db"), None),
        (ValueError("secret"), None),
    ],
)
def test_what_a_view_would_answer_with_a_status_of_the_400s_is_told_in_its_words(error, words):
    assert in_words(error) == words
