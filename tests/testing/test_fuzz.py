"""A fuzz of a project's tools: it finds those that fail, with the smallest arguments, and leaves nothing behind."""

import logging

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import path
from pydantic import BaseModel

from django_mcp import Context, MCPServer, ProtocolError, ToolError
from django_mcp.testing import MCPClient
from django_mcp.testing.fuzz import fuzz_tools
from django_mcp.urls import endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

server = MCPServer("fuzzed")
urlpatterns = [path("mcp", endpoint(server, public=True))]


class Meal(BaseModel):
    dish: str


@server.tool(read_only=True)
def divide(dividend: int, divisor: int) -> float:
    return dividend // divisor


@server.tool(read_only=True)
def internal(n: int) -> int:
    raise ProtocolError(-32603, "Broken")


@server.tool(read_only=True)
def choosy(n: int) -> int:
    if n < 0:
        raise ToolError("Not negative.")
    if n > 1000:
        raise ProtocolError(-32602, "Not large")
    return n


@server.tool(destructive=False)
def save(name: str) -> int:
    return Group.objects.create(name="".join(letter for letter in name[:50] if letter.isalnum())).pk


@server.tool(read_only=True)
def lunch(ctx: Context) -> str:
    answer = ctx.elicit("What will you eat?", Meal)
    return answer.data.dish if answer.accepted else answer.action


def fuzz(connect, **arguments):
    return fuzz_tools(connect("/mcp"), examples=30, **arguments)


def test_a_tool_that_fails_is_found_with_the_smallest_arguments(connect, caplog):
    with pytest.raises(AssertionError) as found:
        fuzz(connect, tools=["divide", "choosy"])

    assert str(found.value).splitlines()[:2] == [
        'The tool divide failed with {"dividend": 0, "divisor": 0}:',
        "  ZeroDivisionError: integer division or modulo by zero",
    ]
    assert isinstance(found.value.__cause__, ZeroDivisionError)
    assert caplog.records == []
    assert logging.getLogger("django_mcp").propagate


def test_an_internal_error_is_a_failure(connect):
    with pytest.raises(AssertionError, match=r'internal failed with {"n": 0}:\n  Broken \(-32603, HTTP \d+\)'):
        fuzz(connect, tools=["internal"])


def test_each_call_ends_and_is_undone(connect):
    ends = fuzz(connect, exclude=["divide", "internal"])

    assert ends.keys() == {"choosy", "save", "lunch"}
    assert all(sum(end.values()) >= 5 and end["ok"] for end in ends.values())
    assert min(ends["choosy"][end] for end in ("ok", "error", "refused")) > 0
    assert not Group.objects.exists()
    assert connection.get_autocommit() is False


def test_forms_are_filled_in_and_refused(connect, monkeypatch):
    client = connect("/mcp")

    assert fuzz_tools(client, tools=["lunch"], examples=30)["lunch"]["ok"] > 10
    assert {question["method"] for question in client.questions} == {"elicitation/create"}
    assert client.capabilities == {}


def test_a_name_of_no_tool_is_refused():
    with pytest.raises(ValueError, match="The client sees no tool 'dvide'; it sees choosy, divide,"):
        fuzz_tools(MCPClient("/mcp"), tools=["dvide"])
