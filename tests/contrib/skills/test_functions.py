"""Skills from functions: which are refused when they are declared."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import Context, MCPServer
from django_mcp.contrib.skills import Skills
from tests.tables import cases


def plain():
    """How to refund."""


async def coroutine():
    """How to refund."""


def greedy(amount: int):
    """How to refund."""


def undescribed(ctx: Context):
    return ""


@cases(
    ("function", "options", "said"),
    [
        (plain, {}, "say under='shop'"),
        (plain, {"under": "shop/../x"}, "begins its path"),
        (plain, {"under": "/shop"}, "begins its path"),
        (plain, {"under": "shop", "name": "Refund"}, "no name of a skill"),
        (plain, {"under": "shop", "files": {"../../etc/passwd": "x"}}, "no path of a file"),
        (plain, {"under": "shop", "files": {"/etc/passwd": "x"}}, "no path of a file"),
        (plain, {"under": "shop", "files": {"a//b": "x"}}, "no path of a file"),
        (plain, {"under": "shop", "files": {"SKILL.md": "x"}}, "take it out of files"),
        (plain, {"under": "shop", "files": {"a": Path("/missing")}}, "cannot be read"),
        (plain, {"under": "shop", "scopes": "stock"}, "scopes is a list"),
        (coroutine, {"under": "shop"}, "takes the context"),
        (greedy, {"under": "shop"}, "nothing but the context"),
        (undescribed, {"under": "shop"}, "give it a description"),
    ],
)
def test_a_function_that_makes_no_skill_is_refused(function, options, said):
    with pytest.raises(ImproperlyConfigured) as error:
        Skills(apps=[]).skill(**options)(function)
    assert said in str(error.value)


def test_two_skills_of_one_uri_are_refused():
    skills = Skills(apps=[])
    skills.skill(under="shop", name="refund")(plain)
    with pytest.raises(ImproperlyConfigured, match=r"is skill://shop/refund/SKILL.md already: rename one of them"):
        skills.skill(under="shop", name="refund")(undescribed_with_text)


def undescribed_with_text():
    """How to return."""


def test_the_path_begins_with_the_label_of_its_app():
    skills = Skills(apps=[])
    server = MCPServer("labelled", extensions=[skills])
    module_function = type(plain)(plain.__code__, {"__name__": "testproject.airports.mcp"}, "refund_trip")
    module_function.__module__, module_function.__doc__ = "testproject.airports.mcp", "How to refund."

    skills.skill(module_function)

    assert list(server.registry.resources) == ["skill://airports/refund-trip/SKILL.md"]
