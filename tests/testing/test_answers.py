"""Plain values as the results that clients send."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from django_mcp.testing.answers import Answers
from tests.tables import cases

FORM, MODEL, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
WRITTEN = {"role": "assistant", "model": "test", "stopReason": "endTurn"}


@dataclass
class Seat:
    row: int


class Meal(BaseModel):
    dish: str


@cases(
    ("method", "key", "value", "expected"),
    [
        (FORM, "elicit", {"action": "x"}, {"action": "accept", "content": {"action": "x"}}),
        (FORM, "elicit", Seat(3), {"action": "accept", "content": {"row": 3}}),
        (FORM, "elicit", Meal(dish="soup"), {"action": "accept", "content": {"dish": "soup"}}),
        (FORM, "elicit", "accept", {"action": "accept"}),
        (FORM, "elicit", lambda params: params["message"], {"action": "cancel"}),
        (MODEL, "sample", "Up.", {**WRITTEN, "content": {"type": "text", "text": "Up."}}),
        (MODEL, "sample", {"type": "image", "data": ""}, {**WRITTEN, "content": {"type": "image", "data": ""}}),
        (MODEL, "sample", {"content": [], "stopReason": "x"}, {**WRITTEN, "content": [], "stopReason": "x"}),
        (ROOTS, "roots", ["file:///a"], {"roots": [{"uri": "file:///a"}]}),
        (ROOTS, "roots", [Path("/b"), {"uri": "c:"}], {"roots": [{"uri": "file:///b"}, {"uri": "c:"}]}),
        (ROOTS, "roots", lambda params: [], {"roots": []}),
    ],
)
def test_a_plain_value_is_an_answer(method, key, value, expected):
    assert Answers({key: value}).to(method, {"message": "cancel"}) == expected


def test_a_client_declares_what_it_answers_and_nothing_else():
    assert Answers({"elicit": [], "roots": []}).capabilities() == {"elicitation": {}, "roots": {}}
    with pytest.raises(ValueError, match="answers= has 'elicitation/create'; its keys are elicit, sample, roots"):
        Answers({"elicitation/create": {}})
