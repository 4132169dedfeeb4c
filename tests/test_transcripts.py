"""docs/commands.md: each transcript is what the command prints.

A block that is fenced as `console` is run, entry by entry, against the example project with four airports and the user
ada. A line of `…` alone stands for any lines. The text before a pipe is the input of the command.
"""

import io
import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.utils.functional import Promise
from django.utils.translation import override

from django_mcp.management.commands import mcp_stdio
from tests.tables import cases
from tests.test_docs import ROOT, airports, blocks_of  # noqa: F401  # a fixture

PAGE = ROOT / "docs" / "commands.md"
UNTRIED = {"startmcp", "runserver"}
"""Commands that write into the project, or do not end, and have tests of their own."""

MINE = sorted(name for name, app in get_commands().items() if app == "django_mcp")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command with the text that it reads, and the output below it."""

    typed: str
    expected: str

    @property
    def stdin(self) -> str:
        before, pipe, _ = self.typed.rpartition(" | ")
        return " ".join(shlex.split(before)[1:]) + "\n" if pipe else ""

    @property
    def arguments(self) -> list[str]:
        program, manage, *arguments = shlex.split(self.typed.rpartition(" | ")[2], comments=True)
        assert (program, manage) == ("python", "manage.py"), self.typed
        return arguments


def entries() -> list[Entry]:
    blocks = [block for block in blocks_of(PAGE) if block.info == "console"]
    parts = [part for block in blocks for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]]
    return [Entry(*part.split("\n", 1)) for part in parts]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what the commands write, in which the lock file of the page is up to date."""
    monkeypatch.chdir(tmp_path)
    for name in ("manage.py",):
        shutil.copy(ROOT / name, tmp_path)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("airports", "at_home")
def test_each_command_prints_what_its_page_says(django_user_model: type, monkeypatch: pytest.MonkeyPatch) -> None:
    django_user_model.objects.create_superuser("ada", "ada@example.com", "x")
    tried = set()

    for entry in entries():
        name, *arguments = entry.arguments
        if name not in UNTRIED:
            tried.add(name)
            run = run_stdio if name == "mcp_stdio" else run_command
            printed = run(name, arguments, entry.stdin, monkeypatch)
            assert matches(entry.expected, printed), f"$ {entry.typed}\n{printed}"

    assert tried >= {name for name in MINE if name not in UNTRIED} - {"mcp_purge"}


def run_command(name: str, arguments: list[str], stdin: str, monkeypatch: pytest.MonkeyPatch) -> str:
    screen = io.StringIO()
    try:
        call_command(name, *arguments, stdout=screen, stderr=screen, no_color=True)
    except CommandError as error:
        screen.write(f"CommandError: {error}\n")
    except SystemExit:
        pass
    return screen.getvalue()


def run_stdio(name: str, arguments: list[str], stdin: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lines that a client gets which sends `stdin` and closes its end."""
    (reading, sending), (hearing, writing) = os.pipe(), os.pipe()
    os.write(sending, stdin.encode())
    os.close(sending)

    class Pipes:
        def __enter__(self) -> tuple[int, int]:
            return reading, writing

        def __exit__(self, *raised: object) -> None:
            for descriptor in (reading, writing):
                os.close(descriptor)

    monkeypatch.setattr(mcp_stdio, "private_pipes", Pipes)
    call_command(name, *arguments)
    with os.fdopen(hearing) as heard:
        return heard.read()


def matches(expected: str, printed: str) -> bool:
    """Whether a text is what the page shows, where a line of `…` alone stands for any lines."""
    parts = re.split(r"^ *…\n", expected, flags=re.MULTILINE)
    return re.fullmatch(".*\n".join(map(re.escape, parts)).replace(".*\n", "(?:.*\n)*?"), printed) is not None


def test_a_line_of_dots_stands_for_any_lines() -> None:
    assert matches("a\n…\nd\n", "a\nb\nc\nd\n")
    assert matches("a\n  …\nb\n", "a\nb\n")
    assert not matches("a\n…\nd\n", "a\nd\ne\n")


@cases("name", MINE)
def test_each_command_explains_itself_to_a_stranger(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = load_command_class("django_mcp", name)
    parser: Callable[[], None] = command.create_parser("manage.py", name).print_help
    parser()

    said = capsys.readouterr().out
    assert str(command.help) in " ".join(said.split())
    if name not in ("startmcp", "mcp_inspect", "mcp_purge"):
        assert "examples:\n  manage.py" in said
        assert "exit codes:\n  0  " in said


@pytest.mark.parametrize("name", MINE)
def test_help_is_translated_when_it_is_asked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A project imports the commands in one language, and the person may read another."""
    command = load_command_class("django_mcp", name)
    assert isinstance(type(command).help, Promise)

    with override("ja"):
        parser: Callable[[], None] = command.create_parser("manage.py", name).print_help
        parser()
        japanese = str(command.help)

    said = capsys.readouterr().out
    assert "".join(japanese.split()) in "".join(said.split())
    assert str(command.help) not in " ".join(said.split())
    assert ("終了コード:\n  0  " in said) == bool(command.exit_codes)
    assert ("例:\n  manage.py" in said) == bool(command.examples)
