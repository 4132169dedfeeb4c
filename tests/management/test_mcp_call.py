"""manage.py mcp_call calls a tool as a user, through every rule."""

import io
import json
import sys

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command

from tests.stdio import pipes  # noqa: F401  # the server "piped"
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def call(*arguments, **options):
    """The texts that the command prints, on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command("mcp_call", *arguments, stdout=out, stderr=err, no_color=True, **options)
    return out.getvalue(), err.getvalue()


def refused(*arguments):
    """The exit code and the message of a call that fails, and what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("mcp_call", *arguments, stdout=out, stderr=err, no_color=True)
    return raised.value.returncode, str(raised.value), out.getvalue()


# A call of the handshake era has threads, which see no transaction of a test's.
@pytest.mark.django_db(transaction=True)
def test_the_result_is_on_stdout_and_progress_on_stderr(era):
    assert call("greet", "--arg", "name=Ada", "--server", "piped", "--era", era) == (
        "Hello, Ada, from nobody\n",
        "… 1 of 2 Half way\n",
    )


def test_a_call_is_the_users_and_writes_what_the_tool_writes():
    User.objects.create_user("ada")

    assert call("describe_caller", "--server", "plain", "--user", "ada", "--json")[0].count('"user": "ada"')
    assert call("save_group", "--server", "plain", "--arg", "name=editors")[0] == "editors\n"


@cases(
    ("arguments", "code", "message", "printed"),
    [
        (["fail", "--server", "piped"], 1, "The tool answered with an error.", "No luck\n"),
        (["nothing", "--server", "piped"], 2, "Unknown tool: nothing (-32602)", ""),
        (["admins_only", "--server", "guarded", "--user", "ada"], 2, "Unknown tool: admins_only (-32602)", ""),
        (["greet", "--path", "/throttled", "--arg", "name=x"], 2, "Too many requests (-32600)", ""),
        (
            ["greet", "--path", "/closed"],
            2,
            "The endpoint at /closed does not admit an anonymous caller: name a user by --user.",
            "",
        ),
        (["greet", "--path", "/forbidden", "--user", "ada"], 2, "The endpoint at /forbidden does not admit ada.", ""),
        (["greet", "--user", "bob"], 2, "There is no user 'bob'.", ""),
        (["greet", "--user", "gone"], 2, "The user 'gone' is not active.", ""),
        (
            ["greet", "--path", "/modern", "--era", "handshake"],
            2,
            "The endpoint at /modern does not serve the handshake era.",
            "",
        ),
        (["greet", "--server", "piped", "--arg", "name"], 2, "--arg 'name' is not NAME=VALUE.", ""),
        (
            ["greet", "--server", "piped", "--arguments", "[" * 100_000],
            2,
            "--arguments is not JSON: maximum recursion depth exceeded while decoding a JSON array from a unicode "
            "string.",
            "",
        ),
        (
            ["greet", "--server", "piped", "--arguments", "{"],
            2,
            "--arguments is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
            "",
        ),
        (["greet", "--server", "piped", "--arguments", "[]"], 2, "--arguments is not a JSON object.", ""),
    ],
)
def test_the_exit_code_says_whether_the_tool_or_the_server_refused(arguments, code, message, printed):
    User.objects.get_or_create(username="ada")
    User.objects.get_or_create(username="gone", is_active=False)
    assert refused(*arguments) == (code, message, printed)


def test_with_json_the_whole_result_or_the_error_is_printed():
    result = json.loads(call("greet", "--server", "piped", "--arg", "name=Ada", "--json")[0])
    _code, _message, printed = refused("nothing", "--server", "piped", "--json")

    assert result["content"] == [{"type": "text", "text": "Hello, Ada, from nobody"}]
    assert json.loads(printed) == {"error": {"code": -32602, "message": "Unknown tool: nothing"}}


def test_arguments_that_do_not_fit_are_told_as_a_model_is_told():
    code, _message, printed = refused("greet", "--server", "piped")

    assert code == 1
    assert "name" in printed


def test_arguments_have_the_types_of_the_schema():
    given = {"name": "Ada", "day": "2026-01-02", "at": "2026-01-02T03:04:05Z", "seat": '{"row": 2}', "weight": "2.5"}
    pairs = [part for name, value in given.items() for part in ("--arg", f"{name}={value}")]
    lists = ["--arg", 'extras={"row": 1}', "--arg", 'extras={"dish": "fish"}', "--arg", "codes=7"]

    result = json.loads(call("book", "--server", "forms", *pairs, *lists)[0])

    assert (result["seat"]["row"], result["weight"], result["codes"]) == (2, 2.5, [7])
    assert result["extras"] == [{"row": 1, "window": False}, {"dish": "fish"}]


def test_a_question_is_answered_by_options():
    order = ["order", "--server", "piped", "--arg", "dish=fish"]

    assert call(*order, "--answer", "count=3") == ("3 fish\n", "The tool asks: How many fish?\n")
    assert call(*order, "--answer", "decline")[0] == "decline\n"
    assert call(*order, "--answer", "count=3", "--era", "modern")[0] == "3 fish\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@cases(("typed", "expected"), [("\n5\n", "5 fish\n"), ("", "cancel\n")])
def test_a_question_is_asked_at_the_terminal(typed, expected):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", Terminal(typed))
        out, err = call("order", "--server", "piped", "--arg", "dish=fish")

    assert out == expected
    assert err.startswith("The tool asks: How many fish?\n  count (integer): ")


def test_without_a_terminal_the_answer_is_missing(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, message, _printed = refused("order", "--server", "piped", "--arg", "dish=fish")

    assert (code, message) == (
        2,
        "The tool asks the user, and there is no terminal: pass --answer count=…, or --answer decline.",
    )


def test_permissions_are_those_of_the_user():
    ada = User.objects.create_user("ada")
    ada.user_permissions.add(Permission.objects.get(codename="view_group"))

    assert call("count_groups", "--server", "guarded", "--user", "ada")[0] == "0\n"
    assert refused("count_groups", "--server", "guarded")[0] == 2
