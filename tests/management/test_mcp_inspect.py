"""manage.py mcp_inspect prints what a user's model would see."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_mcp import MCPServer
from tests import servers

pytestmark = pytest.mark.django_db


def inspect(*arguments):
    out = StringIO()
    call_command("mcp_inspect", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_each_entry_is_listed_with_its_size_and_the_sum_in_tokens():
    lines = inspect("--server", "many").splitlines()

    assert lines[0] == "many, as AnonymousUser sees it"
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["tools", "pinned"],
        ["tools", "search_tools"],
        ["tools", "call_tool"],
    ]
    size = sum(int(line.split()[2]) for line in lines[1:-1])
    assert f"{size} characters, about {-(-size // 4)} tokens" in lines[-1]


def test_a_user_sees_what_the_user_may_use():
    User.objects.create_user("ada", is_staff=True)

    assert "admins_only" not in inspect("--server", "guarded")
    assert "admins_only" in inspect("--server", "guarded", "--user", "ada")


def test_the_definitions_are_printed_as_they_go_out():
    shown = json.loads(inspect("--json", "--server", "plain"))

    assert {entry["name"] for entry in shown["plain"]["tools"]} == set(servers.plain.registry.tools)
    assert {entry["uri"] for entry in shown["plain"]["resources"]} == set(servers.plain.registry.resources)


def test_instructions_count_too():
    assert "instructions" in inspect("--server", "airports")


def test_what_is_not_there_is_named():
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        inspect("--user", "nobody")
    with pytest.raises(CommandError, match=r"There is no server 'nothing'; there are .*airports"):
        inspect("--server", "nothing")


def test_a_server_that_a_directory_would_take_is_ready():
    assert inspect("--server", "airports", "--ready") == (
        "airports, as AnonymousUser sees it\nNothing that a directory would refuse.\n"
    )


def test_what_a_directory_would_refuse_is_said_of_each_tool_and_fails():
    server = MCPServer("draft")
    server.tool(lambda: None, name="find")
    out = StringIO()

    with pytest.raises(CommandError, match=r"^Tools that a directory would refuse: 1\.$"):
        call_command("mcp_inspect", "--server", "draft", "--ready", stdout=out, no_color=True)

    assert out.getvalue().splitlines() == [
        "draft, as AnonymousUser sees it",
        "  find: no description: write a docstring, or pass description=",
        "  find: no hint of what it does: pass read_only= or destructive=",
    ]
