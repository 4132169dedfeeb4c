"""A server of many tools shows a search, and one that chooses its tools shows those."""

import pytest
from django.contrib.auth.models import Group, User

from django_mcp.testing import MCPError
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def names(client):
    return [tool["name"] for tool in client.list_tools()]


def found(client, query):
    structured = client.call_tool("search_tools", {"query": query}).data
    return [tool["name"] for tool in (structured if isinstance(structured, list) else structured["result"])]


def test_of_too_many_tools_a_search_is_listed_and_what_is_always_listed(connect):
    assert names(connect("/many")) == ["pinned", "search_tools", "call_tool"]


def test_few_tools_are_listed_as_they_are(connect, settings):
    assert "search_tools" not in names(connect("/plain"))
    with pytest.raises(MCPError, match="Unknown tool: search_tools"):
        connect("/plain").call_tool("search_tools", {"query": "x"})


def test_a_tool_is_found_and_called(connect):
    client = connect("/many")

    assert found(client, "multiply 7")[0] == "multiply_by_7"
    assert client.call_tool("call_tool", {"name": "multiply_by_7", "arguments": {"number": 6}}).text == "42"
    assert client.call_tool("multiply_by_7", {"number": 6}).text == "42"
    assert client.call_tool("call_tool", {"name": "save", "arguments": {"name": "x"}}).text == "x"
    assert Group.objects.exists()


def test_what_the_caller_may_not_use_is_neither_found_nor_called(connect):
    ada = User.objects.create_user("ada")
    assert "staff_only" not in found(connect("/many", user=ada), "staff")
    with pytest.raises(MCPError, match="Unknown tool: staff_only"):
        connect("/many", user=ada).call_tool("call_tool", {"name": "staff_only"})

    User.objects.filter(pk=ada.pk).update(is_staff=True)
    staff = connect("/many", user=User.objects.get(pk=ada.pk))
    assert found(staff, "staff") == ["staff_only"]
    assert staff.call_tool("call_tool", {"name": "staff_only"}).text == "hello"


@cases(
    ("tool", "arguments", "problem"),
    [
        ("search_tools", {}, "query"),
        ("search_tools", {"query": "x", "limit": 1000}, "limit"),
        ("call_tool", {"name": 5}, "name"),
        ("call_tool", {"name": "call_tool", "arguments": {"name": "call_tool"}}, "is called by itself"),
        ("call_tool", {"name": "multiply_by_7", "arguments": {"number": "many"}}, "number"),
        ("call_tool", {"name": "multiply_by_7", "arguments": 5}, "arguments"),
    ],
)
def test_what_is_asked_wrongly_is_told_to_the_model(connect, tool, arguments, problem):
    result = connect("/many").call_tool(tool, arguments)

    assert result.is_error
    assert problem in result.text


def test_a_server_may_choose_its_tools_by_the_request(connect):
    assert names(connect("/tenants", headers={"X-Tenant": "red"})) == ["paint_red"]
    assert names(connect("/tenants", headers={"X-Tenant": "blue"})) == ["paint_blue"]
    assert names(connect("/tenants")) == []
    assert connect("/tenants", headers={"X-Tenant": "red"}).call_tool("paint_red").text == "red"
    with pytest.raises(MCPError, match="Unknown tool: paint_red"):
        connect("/tenants", headers={"X-Tenant": "blue"}).call_tool("paint_red")
