"""manage.py mcp_schema writes the lock file, and says whether a change breaks clients."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from django_mcp import MCPServer


@pytest.fixture
def server():
    server = MCPServer("locked")

    @server.tool(read_only=True)
    def greet(name: str) -> str:
        """Greet somebody."""
        return name

    return server


def schema(*arguments):
    out = io.StringIO()
    try:
        call_command("mcp_schema", "--server", "locked", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def test_the_exit_code_says_what_a_change_does(server, tmp_path):
    file = tmp_path / "mcp.lock.json"
    at = ("--file", str(file))
    assert schema("--check", *at)[0] == 3
    assert schema(*at) == (0, f"Wrote {file}: servers: 1, tools: 1, resources and prompts: 0.\n", "")
    assert schema("--check", *at)[:2] == (0, f"{file} is up to date: servers: 1, tools: 1, resources and prompts: 0.\n")
    assert schema("--check", "--json", *at)[:2] == (0, "[]\n")

    @server.tool
    def more() -> None:
        """More."""

    assert schema("--check", *at) == (
        2,
        "ok      locked: tool more: is new\n",
        f"No change breaks clients. Write {file} again, and commit it.",
    )
    del server.registry.tools["greet"]
    code, printed, message = schema("--check", "--json", *at)
    assert (code, message) == (1, f"Changes that break clients: 1. Undo them, or write {file} again to accept them.")
    assert json.loads(printed)[0] == {"where": "locked: tool greet", "text": "is gone", "breaks": True}
    assert schema("--check", *at)[1].splitlines()[0] == "BREAKS  locked: tool greet: is gone"
    schema(*at)
    assert schema("--check", *at)[0] == 0


def test_a_file_or_a_server_that_is_not_there_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")

    assert schema("--file", str(tmp_path / "file" / "lock"))[0] == 3
    assert schema("--server", "nothing")[2].startswith("There is no server 'nothing'; there are ")


def test_changes_are_in_the_language_of_the_reader_and_the_file_and_the_json_are_not(server, tmp_path):
    at = ("--file", str(tmp_path / "mcp.lock.json"))
    schema(*at)
    before = (tmp_path / "mcp.lock.json").read_text()
    with override("fr"):
        schema(*at)
        assert (tmp_path / "mcp.lock.json").read_text() == before
        del server.registry.tools["greet"]
        _code, printed, error = schema("--check", *at)
        assert printed == "BREAKS  locked: outil greet: a disparu\n"
        assert error.startswith("Changements qui cassent des clients : 1.")
        found = json.loads(schema("--check", "--json", *at)[1])

    assert found == [{"where": "locked: tool greet", "text": "is gone", "breaks": True}]
