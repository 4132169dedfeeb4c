"""manage.py startmcp writes a first mcp.py that works."""

import os
import subprocess
import sys
from importlib import util
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

import django_mcp
from django_mcp import MCPServer
from django_mcp.contrib.skills.folders import read_skills
from django_mcp.management.commands.startmcp import source
from tests.answering import ask
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(monkeypatch):
    fresh = MCPServer("started", version="1.0")
    for decorator in ("tool", "toolset"):
        monkeypatch.setattr(django_mcp, decorator, getattr(fresh, decorator))
    return fresh


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Imports a text as the mcp.py of an app."""

    def load(text, package):
        path = tmp_path / "mcp.py"
        path.write_text(text)
        spec = util.spec_from_file_location(f"{package}.started_mcp", path)
        module = util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize(
    ("label", "tools"),
    [
        ("auth", ["count_auth_rows", "list_permissions", "list_groups", "list_users", "search_users"]),
        ("airports", ["count_airports_rows", "list_airports", "count_trip_plans", "list_legs"]),
    ],
)
def test_what_is_written_makes_tools(server, load, label, tools):
    app = apps.get_app_config(label)

    module = load(source(app), app.name)

    assert set(tools) <= set(server.registry.tools)
    assert all(tool.definition["annotations"]["readOnlyHint"] for tool in server.registry.tools.values())
    assert all(isinstance(count, int) for count in getattr(module, f"count_{label}_rows")().values())


def test_an_app_without_models_gets_an_example_with_a_schema_of_its_arguments_and_of_its_result(server, load):
    app = apps.get_app_config("staticfiles")

    load(source(app), app.name)

    [tool] = server.registry.tools.values()
    assert tool.definition == {
        "name": "measure_staticfiles_text",
        "title": "Measure staticfiles text",
        "description": "Count the characters and the words of a text.",
        "annotations": {"title": "Measure staticfiles text", "readOnlyHint": True},
        "inputSchema": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "The text, in a language that has spaces between words."}
            },
            "required": ["text"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {"characters": {"type": "integer"}, "words": {"type": "integer"}},
            "required": ["characters", "words"],
        },
    }
    call = {"name": tool.name, "arguments": {"text": "To be, or not"}}
    assert ask(server, "tools/call", call).result["structuredContent"] == {"characters": 13, "words": 4}


def test_what_sounds_like_a_secret_is_left_out(server, load):
    app = apps.get_app_config("auth")
    load(source(app), app.name)

    assert "password" not in str(server.registry.tools["list_users"].definition)
    assert "key" not in str(source(apps.get_app_config("authtoken")))


def test_who_may_not_view_the_rows_may_not_count_them(server, load):
    app = apps.get_app_config("auth")
    load(source(app), app.name)

    access = server.registry.tools["count_auth_rows"].access
    assert access.codenames == ("auth.view_permission", "auth.view_group", "auth.view_user")


def test_the_file_is_written_beside_the_models_and_never_over_another(tmp_path, monkeypatch):
    app = apps.get_app_config("auth")
    monkeypatch.setattr(app, "path", str(tmp_path))
    out = StringIO()

    call_command("startmcp", "auth", stdout=out)

    assert (tmp_path / "mcp.py").read_text() == source(app)
    assert f"Wrote {tmp_path / 'mcp.py'}" in out.getvalue()
    with pytest.raises(CommandError, match="is there already"):
        call_command("startmcp", "auth")
    with pytest.raises(CommandError, match="contenttypes is an installed package, whose next upgrade would remove"):
        call_command("startmcp", "contenttypes")
    with pytest.raises(CommandError, match="No installed app with label 'nothing'"):
        call_command("startmcp", "nothing")


def test_a_project_that_serves_an_endpoint_is_told_that_it_lacks_nothing():
    out = StringIO()

    call_command("startmcp", stdout=out)

    assert out.getvalue() == "The project has an endpoint, and its application serves it.\n"


@pytest.mark.project
def test_a_new_project_is_wired_by_one_command_which_shows_each_edit_first(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PYTHONPATH"] = str(Path(django_mcp.__file__).parent.parent)

    def run(*arguments):
        command = [sys.executable, *arguments]
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        made = subprocess.run(command, cwd=tmp_path, env=environment, text=True, check=False, **both)
        assert made.returncode == 0, made.stdout
        return made.stdout

    run("-m", "django", "startproject", "mysite", ".")
    run("manage.py", "startapp", "words")
    settings = tmp_path / "mysite" / "settings.py"
    settings.write_text(settings.read_text() + '\nINSTALLED_APPS += ["django_mcp", "words"]\n')

    dry = run("manage.py", "startmcp", "words")
    assert "+from django_mcp.asgi import get_asgi_application\n" in dry
    assert dry.endswith("Nothing of this was written: manage.py startmcp --write does it.\n")
    assert "django_mcp" not in (tmp_path / "mysite" / "urls.py").read_text()

    assert run("manage.py", "startmcp", "--write").count("Wrote") == 3
    assert run("manage.py", "startmcp") == "The project has an endpoint, and its application serves it.\n"
    assert run("manage.py", "check").strip() == "System check identified no issues (0 silenced)."
    post = "Client(headers={'host': 'localhost'}).post('/mcp', '{}', content_type='application/json').status_code"
    shown = run("manage.py", "shell", "-v", "0", "-c", f"from django.test import Client; print({post})")
    assert shown.endswith("401\n")

    # The endpoint has nothing on it now, and no check says so, since the command mends it.
    written = tmp_path / "words" / "mcp.py"
    written.unlink()
    assert run("manage.py", "startmcp", "words") == (
        f"Wrote {written}. See what a user's model would see: manage.py mcp_inspect --user <name>\n"
        "The project has an endpoint, and its application serves it.\n"
    )


def test_a_skill_is_written_that_can_be_served(monkeypatch, tmp_path):
    monkeypatch.setattr(apps.get_app_config("airports"), "path", str(tmp_path))
    said = StringIO()

    call_command("startmcp", "airports", skill="find-flights", stdout=said)

    [skill] = read_skills("airports", tmp_path / "skills")
    assert skill.uri == "skill://airports/find-flights/SKILL.md"
    assert f"Wrote {tmp_path}/skills/find-flights/SKILL.md" in said.getvalue()
    with pytest.raises(CommandError, match="is there already, and is kept"):
        call_command("startmcp", "airports", skill="find-flights")
    assert list(tmp_path.iterdir()) == [tmp_path / "skills"]


@cases(
    ("label", "name", "said"),
    [
        ("airports", "../../x", "no name of a skill"),
        ("airports", "", "no name of a skill"),
        ("nothing", "find-flights", "Write the app's label"),
        (None, "find-flights", "manage.py startmcp APP --skill find-flights"),
        ("auth", "find-flights", "an installed package"),
    ],
)
def test_a_skill_that_cannot_be_written_is_refused(label, name, said):
    with pytest.raises(CommandError) as error:
        call_command("startmcp", *([label] if label else []), skill=name)
    assert said in str(error.value)
