"""manage.py mcp_config prints or writes a client's configuration."""

import io
import json
import sys

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def config(*arguments, client="cursor"):
    out, err = io.StringIO(), io.StringIO()
    call_command("mcp_config", "--client", client, *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def entry(*arguments, client="cursor"):
    [(name, value)] = json.loads(config(*arguments, client=client)[0])["mcpServers"].items()
    return name, value


def test_the_url_is_that_of_the_endpoint(settings):
    assert entry("--server", "plain") == ("plain", {"url": "http://127.0.0.1:8000/plain"})
    settings.MCP_PUBLIC_URL = "https://api.example.com/"
    assert entry("--path", "/tenants/acme/mcp")[1] == {"url": "https://api.example.com/tenants/acme/mcp"}
    assert entry("--server", "plain", "--url", "https://e/x", "--name", "n") == ("n", {"url": "https://e/x"})


def test_a_token_is_named_by_its_variable_in_the_words_of_the_endpoint():
    assert entry("--path", "/token")[1]["headers"] == {"Authorization": "Token ${env:PLAIN_TOKEN}"}
    assert "headers" not in entry("--path", "/secure/mcp")[1], "its clients sign in by OAuth"


@pytest.mark.urls("testproject.urls")
def test_an_endpoint_of_the_projects_own_authorization_server_needs_no_token():
    assert entry("--path", "/secure/mcp")[1] == {"url": "http://127.0.0.1:8000/secure/mcp"}


def test_a_command_is_this_project_by_this_python(monkeypatch, tmp_path):
    User.objects.create_user("ada")
    monkeypatch.setenv("SECRET", "s")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "manage.py")])
    arguments = ["--stdio", "--server", "plain", "--user", "ada", "--env", "SECRET", "--env", "A=b"]

    assert entry(*arguments)[1] == {
        "command": sys.executable,
        "args": [str(tmp_path / "manage.py"), "mcp_stdio", "--user", "ada", "--server", "plain"],
        "env": {"DJANGO_SETTINGS_MODULE": "testproject.settings", "SECRET": "s", "A": "b"},
    }
    monkeypatch.setattr(sys, "argv", ["django-admin"])
    assert entry(*arguments)[1]["args"][:3] == ["-m", "django", "mcp_stdio"]


def test_it_is_written_beside_other_servers(tmp_path):
    file = tmp_path / "deep" / "mcp.json"
    arguments = ["--server", "plain", "--write", "--file", str(file)]
    said, _ = config(*arguments)
    config(*arguments, "--name", "again")

    assert said == f"Wrote plain into {file}. Start Cursor again to read it.\n"
    assert list(json.loads(file.read_text())["mcpServers"]) == ["plain", "again"]
    toml = tmp_path / "config.toml"
    config("--server", "plain", "--write", "--file", str(toml), client="codex")
    assert toml.read_text() == '[mcp_servers.plain]\nurl = "http://127.0.0.1:8000/plain"\n'


def test_it_is_said_where_the_printed_text_belongs():
    assert config("--server", "plain")[1] == "For Cursor, in .cursor/mcp.json. Add --write to write it there.\n"


@cases(
    ("arguments", "message"),
    [
        (["--server", "nothing"], "There is no server 'nothing'"),
        (["--stdio", "--user", "nobody"], "There is no user 'nobody'"),
        (["--stdio", "--env", "NOT_SET"], "There is no environment variable 'NOT_SET'"),
        (["--write", "--file", "/proc/nothing/mcp.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message):
    with pytest.raises(CommandError, match=message):
        config(*arguments)
