"""The command, for the night when the admin is down."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from django_mcp.contrib.operations.management.commands import mcp_switch
from tests.tables import cases

pytestmark = pytest.mark.django_db

NOW = "2026-11-29 03:00:00Z"


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command("mcp_switch", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def grace():
    return User.objects.create_superuser("grace")


def test_off_list_and_on(grace, monkeypatch):
    monkeypatch.setattr(mcp_switch.getpass, "getuser", lambda: "deploy")
    with time_machine.travel(NOW, tick=False):
        assert run("list") == ("Nothing is stopped.\n", "")
        off = run("off", "tool", "distance", "--server", "airports", "--reason", "Wrong", "--until", "2h")
        assert off == ("Stopped the tool distance on airports.\n", "")
        listed = "tool distance on airports: stopped until 2026-11-29 05:00, by grace: Wrong\n"
        assert run("list") == (listed, "")
        assert json.loads(run("list", "--json")[0]) == [
            {
                "kind": "tool",
                "server": "airports",
                "name": "distance",
                "stopped": True,
                "reason": "Wrong",
                "until": "2026-11-29T05:00:00+00:00",
                "cancels": False,
                "stopped_at": "2026-11-29T03:00:00+00:00",
                "stopped_by": "grace",
            }
        ]
        on = run("on", "tool", "distance", "--server", "airports", "--json")
        assert json.loads(on[0])["stopped"] is False
        assert run("list", "--all") == ("tool distance on airports: runs, by grace: Wrong\n", "")

    machine = "by mcp_switch, as deploy on the machine"
    assert [(entry.user, entry.change_message) for entry in LogEntry.objects.order_by("pk")] == [
        (grace, f"Stopped, until 2026-11-29 05:00 {machine}: Wrong"),
        (grace, f"Started {machine}."),
    ]


def test_a_tool_that_nobody_has_declared_is_stopped_with_a_warning(grace):
    out, err = run("off", "tool", "nothing", "--reason", "Later")
    assert out == "Stopped the tool nothing.\n"
    assert "No server here has declared the tool 'nothing'. It is stopped wherever it turns up." in err


def test_what_goes_wrong_is_said_with_the_remedy(grace):
    run("off", "user", "grace", "--reason", "Test")
    for arguments, says in [
        (("off", "user", "nobody", "--reason", "x"), "There is no user 'nobody'."),
        (("off", "user", "grace", "--reason", "x"), "The user grace is stopped already: Test (by grace, "),
        (("on", "tool", "x"), "The tool x is not stopped."),
        (("off", "tool", "x", "--reason", " "), "Give a reason"),
        (("off", "tool", "x", "--reason", "y" * 501), "A reason has at most 500 characters."),
        (("off", "tool", "x", "--reason", "y", "--until", "9999-12-31T23:59-12:00"), "-12:00' is no time: write 30m, "),
        (("off", "tool", "x", "--reason", "y", "--by", "nobody"), "There is no user 'nobody'."),
        (("off", "tool", "x", "--reason", "y", "--until", "later"), "--until 'later' is no time: write 30m, "),
        (("off", "door", "x", "--reason", "y"), "invalid choice: 'door'"),
    ]:
        with pytest.raises(CommandError) as told:
            run(*arguments)
        assert says in str(told.value)


def test_an_operator_is_named_where_there_is_more_than_one(grace):
    User.objects.create_superuser("ada")
    with pytest.raises(CommandError, match="Say who throws the switch"):
        run("off", "tool", "x", "--reason", "y")
    run("off", "tool", "x", "--reason", "y", "--by", "ada")
    assert LogEntry.objects.get().user.username == "ada"


MOMENTS = [
    ("90s", datetime(2026, 11, 29, 3, 1, 30, tzinfo=UTC)),
    ("1w", datetime(2026, 12, 6, 3, tzinfo=UTC)),
    ("06:00", datetime(2026, 11, 29, 6, tzinfo=UTC)),
    ("02:30", datetime(2026, 11, 30, 2, 30, tzinfo=UTC)),
    ("2026-12-01T00:00", datetime(2026, 12, 1, tzinfo=UTC)),
    ("2026-12-01 00:00+01:00", datetime(2026, 11, 30, 23, tzinfo=UTC)),
]


@cases(("text", "moment"), MOMENTS)
def test_the_end_is_a_length_a_time_of_day_or_a_date(text, moment):
    with time_machine.travel(NOW, tick=False):
        assert mcp_switch.moment_of(text) == moment


@cases("text", ["", "25:00", "2026-13-01T00:00", "99999999999w", "999999w", "soon", "\u0000"])
def test_another_end_is_refused(text):
    with pytest.raises(CommandError):
        mcp_switch.moment_of(text)
