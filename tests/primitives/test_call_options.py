"""On what terms a tool is declared, and what a call makes of them."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.exceptions import InvalidArguments
from django_mcp.primitives.call_options import Budget, CallOptions, exceeded
from django_mcp.primitives.tools import make_tool
from tests.tables import cases


def look(code: str) -> str:
    """Look."""
    return code


def keep(code: str, dry_run: bool = False) -> str:
    """Keep."""
    return f"{code} {dry_run}"


def test_a_tool_that_reads_only_cannot_write_unless_it_is_not_atomic():
    assert make_tool(look).options == CallOptions(atomic=True, read_only=False)
    assert make_tool(look, read_only=True).options == CallOptions(atomic=True, read_only=True)
    assert make_tool(look, read_only=True, atomic=False).options == CallOptions(atomic=False, read_only=False)


def test_a_tools_own_budget_comes_before_the_servers():
    own, servers = Budget(queries=1), Budget(queries=2)

    assert make_tool(look, budget=own).resolve_options({}, servers)[0].budget == own
    assert make_tool(look).resolve_options({}, servers)[0].budget == servers
    assert make_tool(look).resolve_options({})[0].budget is None


def test_a_dry_run_is_an_argument_more():
    tool = make_tool(look, dry_run=True)

    assert tool.definition["inputSchema"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "code": {"type": "string"},
            "dry_run": {
                "type": "boolean",
                "default": False,
                "description": "Try it: the result tells what would happen, and nothing is kept",
            },
        },
        "required": ["code"],
    }
    assert tool.resolve_options({"code": "x", "dry_run": True}) == (CallOptions(dry_run=True), {"code": "x"})
    assert tool.resolve_options({"code": "x", "dry_run": False}) == (CallOptions(), {"code": "x"})
    assert tool.resolve_options({"code": "x"}) == (CallOptions(), {"code": "x"})


def test_a_function_that_has_the_argument_is_told():
    assert make_tool(keep, dry_run=True).resolve_options({"code": "x", "dry_run": True}) == (
        CallOptions(dry_run=True),
        {"code": "x", "dry_run": True},
    )


@cases("value", [1, "true", None, []])
def test_a_dry_run_is_true_or_false(value):
    with pytest.raises(InvalidArguments, match="dry_run: Input should be a boolean"):
        make_tool(look, dry_run=True).resolve_options({"code": "x", "dry_run": value})


def test_without_the_option_there_is_no_such_argument():
    terms, arguments = make_tool(look).resolve_options({"code": "x", "dry_run": True})

    assert not terms.dry_run
    with pytest.raises(InvalidArguments, match="dry_run"):
        make_tool(look).bind(arguments, None)


def test_what_cannot_be_undone_has_no_dry_run():
    with pytest.raises(ImproperlyConfigured, match="cannot be undone"):
        make_tool(look, dry_run=True, atomic=False)


def test_the_model_reads_what_to_ask_for():
    assert str(exceeded("queries", 20)) == (
        "The call needed more than the 20 queries that it may use. Ask for less: fewer or narrower things at once."
    )
