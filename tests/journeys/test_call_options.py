"""Tools that cannot write, that are held to a budget, and that can be tried."""

import pytest
from django.contrib.auth.models import Group

from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

colours = pytest.mark.parametrize("colour", ["", "_async"])
UNEXPECTED = "failed unexpectedly. The server's log has the details."


@pytest.fixture
def client(connect):
    return connect("/careful")


@colours
@pytest.mark.parametrize("how", ["orm", "raw", "bulk", "atomic"])
def test_a_tool_that_says_it_reads_only_cannot_write(client, colour, how, caplog):
    result = client.call_tool(f"peek{colour}", {"name": "x", "how": how})

    assert (result.is_error, result.text) == (True, f"The tool peek{colour} {UNEXPECTED}")
    assert "A tool with read_only=True tried to write: 'INSERT" in caplog.text
    assert not Group.objects.exists()


@colours
def test_a_tool_that_reads_only_reads(client, colour):
    Group.objects.create(name="x")

    assert client.call_tool(f"peek{colour}", {"name": "x", "how": "read"}).text == "1"
    # The connection is as it was.
    assert client.call_tool(f"make{colour}", {"name": "y"}).text == "2 groups"


@colours
def test_a_dry_run_tells_what_would_happen_and_keeps_nothing(client, colour):
    tried = client.call_tool(f"make{colour}", {"name": "x", "dry_run": True})

    assert (tried.is_error, tried.text) == (False, "1 groups")
    assert not Group.objects.exists()
    assert client.call_tool(f"make{colour}", {"name": "x"}).text == "1 groups"
    assert Group.objects.exists()


@colours
def test_a_dry_run_keeps_nothing_in_the_session_either(lane, colour):
    client = MCPClient("/careful", era="handshake", **lane)

    def count(**arguments):
        return client.call_tool(f"tally{colour}", arguments).text

    assert [count(), count(dry_run=True), count(dry_run=True), count()] == ["1", "2", "2", "2"]


@colours
@cases(
    ("arguments", "what"),
    [({"queries": 4}, "3 queries"), ({"rows": 11}, "10 rows"), ({"size": 5000}, "2000 bytes of result")],
)
def test_a_call_beyond_its_budget_tells_the_model_what_to_ask_for(client, colour, arguments, what):
    Group.objects.bulk_create((Group(name=str(number)) for number in range(20)), ignore_conflicts=True)

    result = client.call_tool(f"spend{colour}", arguments)

    assert (result.is_error, result.text) == (
        True,
        f"The call needed more than the {what} that it may use. Ask for less: fewer or narrower things at once.",
    )
    assert not Group.objects.filter(name="spent").exists()


@colours
def test_a_call_within_its_budget_is_answered(client, colour):
    Group.objects.bulk_create(Group(name=str(number)) for number in range(20))

    assert client.call_tool(f"spend{colour}", {"queries": 2, "rows": 5, "size": 500}).text == "." * 500
    assert Group.objects.filter(name="spent").exists()


@pytest.mark.every_combination
def test_a_coroutine_is_stopped_when_its_time_is_up(client):
    assert client.call_tool("wait_for_ever").text.startswith("The call needed more than the 0.05 seconds")


def test_a_session_goes_on_after_a_tool_that_could_not_write(client, era):
    client.call_tool("peek", {"name": "x", "how": "orm"})

    assert client.call_tool("peek", {"name": "x", "how": "read"}).text == "0"
    assert Session.objects.count() == (era == "handshake")
