"""manage.py mcp_inspector starts the official Inspector, or prints how."""

import io
import json
import shlex
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]
NPX = "npx --yes @modelcontextprotocol/inspector@2"


def inspector(*arguments):
    out = io.StringIO()
    call_command("mcp_inspector", *arguments, stdout=out, no_color=True)
    return out.getvalue().strip()


def test_the_command_line_names_the_url_and_the_era():
    at = "--server-url http://127.0.0.1:8000"

    assert inspector("--print", "--server", "plain") == (
        f"{NPX} --web {at}/plain --transport http --protocol-era modern"
    )
    assert inspector("--print", "--path", "/handshake", "--cli") == (
        f"{NPX} --cli {at}/handshake --transport http --protocol-era legacy"
    )


def test_a_printed_token_is_the_name_of_its_variable():
    assert '--header "Authorization: Token $PLAIN_TOKEN"' in inspector("--print", "--path", "/token")
    assert '"Authorization: Bearer $MINE"' in inspector("--print", "--path", "/secure/mcp", "--token-env", "MINE")


def test_a_command_is_in_a_file_that_the_inspector_reads():
    words = shlex.split(inspector("--print", "--stdio", "--server", "plain", "--", "--method", "tools/list"))
    entry = json.loads(Path(words[words.index("--config") + 1]).read_text())["mcpServers"]["plain"]

    assert entry["args"][-3:] == ["mcp_stdio", "--server", "plain"]
    assert words[-4:] == ["--protocol-era", "modern", "--method", "tools/list"]


def test_it_is_started_with_the_token_in_a_file_of_its_own_and_its_exit_code_is_the_commands(monkeypatch, tmp_path):
    script, said = tmp_path / "inspector.py", tmp_path / "said"
    script.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[sys.argv.index('--config') + 1])\n"
        "mode = oct(path.parent.stat().st_mode)\n"
        f"pathlib.Path({str(said)!r}).write_text(f'{{path}} {{mode}} {{path.read_text()}}')\n"
    )
    monkeypatch.setenv("PLAIN_TOKEN", "t0ken")
    inspector("--path", "/token", "--inspector", f"{sys.executable} {script}")
    path, mode, text = said.read_text().split(" ", 2)

    assert json.loads(text)["mcpServers"]["plain"] == {
        "type": "streamable-http",
        "url": "http://127.0.0.1:8000/token",
        "headers": {"Authorization": "Token t0ken"},
    }
    assert mode.endswith("700")
    assert not Path(path).exists()
    script.write_text("raise SystemExit(7)")
    with pytest.raises(CommandError, match=r"The Inspector has ended with 7\.") as ended:
        inspector("--path", "/token", "--inspector", f"{sys.executable} {script}")
    assert ended.value.returncode == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--path", "/token"], "Put your token into the environment variable PLAIN_TOKEN"),
        (["--path", "/modern", "--era", "handshake"], "does not serve the handshake era"),
        (["--server", "plain", "--inspector", "no-such-program"], "no-such-program is not installed"),
        (["--server", "plain", "--inspector", "/"], r"^/ cannot be started: Permission denied\.$"),
        (["--inspector", "'npx"], r"^'npx cannot be started: No closing quotation\.$"),
        (["--server", "nothing"], "There is no server 'nothing'"),
    ],
)
def test_what_is_missing_is_named(arguments, message):
    with pytest.raises(CommandError, match=message):
        inspector(*arguments)
