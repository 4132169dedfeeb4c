from typing import Annotated

import mcp_types
import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import Field

from django_mcp import Context, Icon
from django_mcp.primitives.prompts import make_prompt
from tests.tables import cases


def plan(ctx: Context, to: str, days: int = 3, via: str | None = None) -> str:
    """Plan a trip.

    Args:
        to: where to
        via: where to stop
    """


def complete(value):
    return []


def test_a_function_is_a_prompt():
    prompt = make_prompt(plan)

    assert prompt.name == "plan"
    assert prompt.definition == {
        "name": "plan",
        "description": "Plan a trip.",
        "arguments": [
            {"name": "to", "description": "where to", "required": True},
            {"name": "days", "required": False},
            {"name": "via", "description": "where to stop", "required": False},
        ],
    }
    mcp_types.Prompt.model_validate(prompt.definition)


def test_a_prompt_says_all_that_it_is_told_to():
    prompt = make_prompt(
        plan,
        name="trip",
        title="A trip",
        description="Plans",
        icons=[Icon("https://example.com/i.png")],
        meta={"example.com/a": 1},
        complete={"to": complete},
    )

    assert prompt.name == "trip"
    assert {key: value for key, value in prompt.definition.items() if key != "arguments"} == {
        "name": "trip",
        "title": "A trip",
        "description": "Plans",
        "icons": [{"src": "https://example.com/i.png"}],
        "_meta": {"example.com/a": 1},
    }
    assert list(prompt.completers) == ["to"]
    mcp_types.Prompt.model_validate(prompt.definition)


def test_a_prompt_without_arguments_lists_none():
    assert make_prompt(lambda: "hi", name="hello").definition == {"name": "hello"}


def test_arguments_are_text_and_parsed_as_they_are_annotated():
    prompt = make_prompt(plan)

    assert prompt.signature.bind({"to": "LHR", "days": "5"}, None) == {"ctx": None, "to": "LHR", "days": 5}


def test_an_argument_may_have_another_name_for_clients():
    def ask(from_: Annotated[str, Field(alias="from", description="whence")]):
        pass

    prompt = make_prompt(ask, complete={"from": complete})

    assert prompt.definition["arguments"] == [{"name": "from", "description": "whence", "required": True}]
    assert prompt.signature.bind({"from": "LHR"}, None) == {"from_": "LHR"}


@cases(
    ("options", "message"),
    [
        ({"name": " "}, r"^Prompt ' ' \(.*plan\): pass name="),
        (
            {"complete": {"where": complete}},
            r"complete= names 'where', and the arguments are \['to', 'days', 'via'\]",
        ),
    ],
)
def test_a_prompt_that_could_not_be_used_is_refused_at_start_up(options, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        make_prompt(plan, **options)
