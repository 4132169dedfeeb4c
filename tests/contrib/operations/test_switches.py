"""A stopped target is missing and refused until it is started; and two operators never undo each other's work."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from django_mcp.contrib.operations.models import Edition, Switch
from django_mcp.contrib.operations.switches import SwitchError, doubt_of, find_target, start, start_expired, stop
from django_mcp.models import Change
from django_mcp.testing import MCPClient, MCPError
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

GROUPS = find_target("tool", "count_groups", "guarded")


def tools(client):
    return [tool["name"] for tool in client.list_tools()]


def test_a_stopped_tool_leaves_the_list_and_says_why_until_it_is_started(connect, board, operator):
    client = connect("/plain")
    name = tools(client)[0]
    target = find_target("tool", name, "plain")

    stop(target, reason="It writes too much", by=operator)
    board.refresh()
    assert name not in tools(client)
    text = f"The tool {name} is stopped by an operator: It writes too much."
    assert client.call_tool(name).text == text
    assert client.call_tool(name).is_error

    start(target, by=operator)
    board.refresh()
    assert tools(client)[0] == name


def test_a_switch_without_a_server_stops_on_every_server(lane, board):
    stop(find_target("tool", "open_door"), reason="Closed.")
    board.refresh()

    assert "open_door" not in tools(MCPClient("/guarded", **lane))


@pytest.mark.parametrize("kind", ["user", "principal", "client", "token"])
def test_a_stopped_caller_is_refused_everywhere_and_others_are_not(kind, lane, ada, board):
    other = User.objects.create_user("bob")
    names = {"user": "ada", "principal": f"user:{ada.pk}", "client": "c1", "token": "t1"}
    stop(find_target(kind, names[kind]), reason="Stolen laptop")
    board.refresh()

    def refusal(user):
        with pytest.raises(MCPError) as refused:
            MCPClient("/plain", user=user, **lane).list_tools()
        return refused.value.status, refused.value.message

    if kind in ("user", "principal"):
        assert refusal(ada) == (403, "Your access is stopped by an operator: Stolen laptop.")
    assert MCPClient("/plain", user=other, **lane).list_tools()


def test_a_stopped_server_is_503_and_others_answer(lane, board):
    stop(find_target("server", "plain"), reason="The provider is down")
    board.refresh()

    with pytest.raises(MCPError) as refused:
        MCPClient("/plain", **lane).list_tools()
    assert (refused.value.status, refused.value.message) == (
        503,
        "This server is stopped by an operator: The provider is down.",
    )
    assert MCPClient("/guarded", **lane).list_tools()


def test_clients_are_told_that_the_list_has_changed(ada, django_capture_on_commit_callbacks):
    targets = [GROUPS, find_target("prompt", "secret_prompt", "guarded"), find_target("resource", "x://y", "guarded")]
    with django_capture_on_commit_callbacks(execute=True):
        for target in [*targets, find_target("user", "ada")]:
            stop(target, reason="Closed")

    told = Change.objects.values_list("server", "method", "principal")
    assert sorted(told) == [
        ("guarded", f"notifications/{kind}/list_changed", "*") for kind in ("prompts", "resources", "tools")
    ]


def test_a_stop_ends_by_itself_at_its_time_and_is_in_the_history(board, operator, lane):
    with time_machine.travel("2026-11-29 03:00:00Z", tick=False) as clock:
        stop(find_target("tool", "open_door"), reason="Closed.", until=timezone.now() + timedelta(hours=1), by=operator)
        board.refresh()
        client = MCPClient("/guarded", **lane)
        assert client.call_tool("open_door").text == (
            "The tool open_door is stopped by an operator: Closed. Until 2026-11-29 04:00 UTC."
        )
        assert start_expired() == 0

        clock.shift(timedelta(hours=1))
        assert "open_door" in tools(client)
        assert [start_expired(), start_expired()] == [1, 0]

    assert not Switch.objects.get().is_stopped
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Stopped, until 2026-11-29 04:00: Closed.",
        "Started: its time was over.",
    ]


def test_a_second_operator_is_told_what_the_first_has_done(operator):
    with time_machine.travel("2026-11-29 03:00:00Z", tick=False):
        row = stop(GROUPS, reason="Closed", by=operator)
        with pytest.raises(SwitchError) as told:
            stop(GROUPS, reason="Mine", by=operator)
    assert str(told.value) == "The tool count_groups on guarded is stopped already: Closed (by grace, 2026-11-29 03:00)"

    changed = stop(GROUPS, reason="Better", by=operator, version=row.version)
    with pytest.raises(SwitchError, match="Another operator has changed the tool count_groups on guarded meanwhile"):
        stop(GROUPS, reason="Late", by=operator, version=row.version)
    start(GROUPS, by=operator)
    for late in (lambda: start(GROUPS), lambda: stop(GROUPS, reason="Late", version=changed.version)):
        with pytest.raises(SwitchError):
            late()

    assert Switch.objects.get().reason == "Better"
    assert Edition.objects.get().number == 3
    assert LogEntry.objects.count() == 3


REFUSED = [
    ("door", "x", "", "There is no kind 'door'"),
    ("tool", " ", "", "Name the tool."),
    ("server", "", "", "Name the server."),
    ("server", "a", "b", "A server is named once."),
    ("user", "nobody", "", "There is no user 'nobody'."),
    ("server", "x" * 201, "", "A name has at most 1000 characters, and a server's at most 200."),
    ("server", "", "a\nb", "A name has no control characters."),
    ("tool", "\udcff", "", "A name has no control characters."),
    ("tool", "a\x00", "", "A name has no control characters."),
    ("tool", "a\nb", "", "A name has no control characters."),
    ("tool", "x" * 1001, "", "A name has at most 1000 characters"),
]


@cases(("kind", "name", "server", "says"), REFUSED)
def test_a_target_that_cannot_be_is_refused(kind, name, server, says):
    with pytest.raises(SwitchError, match=says):
        find_target(kind, name, server)


@cases("values", [{"reason": "  "}, {"reason": "x", "until": timezone.now() - timedelta(seconds=1)}])
def test_a_stop_needs_a_reason_and_ends_later(values):
    with pytest.raises(SwitchError):
        stop(GROUPS, **values)


def test_an_unknown_target_is_stopped_with_a_warning():
    assert doubt_of(GROUPS) == ""
    assert doubt_of(find_target("tool", "nothing", "guarded")) == (
        "No server 'guarded' here has declared the tool 'nothing'. It is stopped wherever it turns up."
    )
    assert doubt_of(find_target("server", "mars")).startswith("No server here is named 'mars'; there are ")
    assert doubt_of(find_target("resource", "secret://ada", "guarded")) == ""
