"""The pytest plugin, in a pytest of its own: in a project that uses it, and in one that does not."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = []
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_mcp"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "urls"
ASGI_APPLICATION = "asgi.application"
"""
URLS = """
from django.contrib.auth.models import Group
from django.urls import path
from django_mcp import Context, MCPServer
from django_mcp.urls import endpoint

server = MCPServer("mine")

@server.tool(destructive=False)
def save(name: str, ctx: Context) -> int:
    Group.objects.create(name=name)
    return Group.objects.count()

urlpatterns = [path("mcp", endpoint(server, public=True)), path("other", endpoint(server, public=True))]
"""
ASGI = "from django_mcp.asgi import get_asgi_application\napplication = get_asgi_application()\n"


def run(folder, files, *arguments, **environment):
    """pytest in a folder with these files: its exit code, and all that it printed."""
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))
    # With CI set, pytest repeats the whole message of a failure in its summary.
    foreign = ("DJANGO_", "PYTEST_", "COV_", "CI")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [sys.executable, "-m", "pytest", "-p", "pytest_django_mcp", "-p", "no:cacheprovider", "-q", "-ra"]
    done = subprocess.run(
        [*command, "--strict-markers", *arguments],
        cwd=folder,
        env=own | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def in_project(folder, test, *arguments):
    files = {"settings.py": SETTINGS, "urls.py": URLS, "asgi.py": ASGI, "test_it.py": test}
    return run(folder, files, *arguments, DJANGO_SETTINGS_MODULE="settings")


def test_a_test_runs_in_each_era_and_lane_that_it_asks_for(tmp_path):
    code, said = in_project(
        tmp_path,
        """
        import pytest

        pytestmark = pytest.mark.mcp(lanes="all")

        @pytest.mark.mcp(eras="all")
        def test_all(mcp_client, mcp_carrier):
            assert (mcp_client.era, mcp_client._lane) == mcp_carrier
            mcp_client.call_tool("save", {"name": "red"}).ok().structured(1)

        @pytest.mark.mcp("/other", eras=["handshake"], lanes="asgi", client_info={"name": "me", "version": "3"})
        def test_one(mcp_client_factory):
            client, other = mcp_client_factory(), mcp_client_factory("/mcp", era="modern")
            assert (client.path, client.era, client.client_info["name"]) == ("/other", "handshake", "me")
            assert (other.path, other.era) == ("/mcp", "modern")
            client.list_tools()
            other.list_tools()

        async def test_coroutine(async_mcp_client):
            (await async_mcp_client.call_tool("save", {"name": "red"})).ok().structured(1)
        """,
        *("-vv", "-o", "asyncio_mode=auto"),
    )

    assert code == 0, said
    for case in ("all[handshake-view]", "all[handshake-asgi]", "all[modern-view]", "all[modern-wsgi]"):
        assert f"test_{case} PASSED" in said
    for case in ("one[handshake-asgi]", "coroutine[modern-view]", "coroutine[modern-wsgi]"):
        assert f"test_{case} PASSED" in said
    assert "10 passed" in said


def test_a_test_that_fails_shows_the_conversation_once(tmp_path):
    code, said = in_project(
        tmp_path,
        """
        def test_plain(mcp_client):
            assert mcp_client.call_tool("save", {"name": "red"}).text == "2"

        def test_fluent(mcp_client):
            mcp_client.call_tool("save", {"name": "red"}).error()
        """,
    )

    assert code == 1
    assert said.count('→ tools/call {"name": "save", "arguments": {"name": "red"}}') == 2
    assert "- MCP -" in said
    assert "results.py" not in said


@pytest.mark.parametrize(
    ("marked", "told"),
    [
        ('eras="modren"', "@pytest.mark.mcp(eras='modren'): it is 'all', 'handshake' or 'modern'."),
        ("lanes=[]", "@pytest.mark.mcp(lanes=[]): it is 'all', 'view', 'asgi' or 'wsgi'."),
        ('"/a", "/b"', "@pytest.mark.mcp takes one path, and other arguments by name: ('/a', '/b')"),
    ],
)
def test_a_marker_that_means_nothing_is_refused(tmp_path, marked, told):
    code, said = in_project(
        tmp_path, f"import pytest\n\n@pytest.mark.mcp({marked})\ndef test_it(mcp_client):\n    pass\n"
    )

    assert code != 0
    assert told in said


def test_a_project_that_does_not_use_it_imports_neither_django_nor_this_package(tmp_path):
    code, said = run(
        tmp_path,
        {
            "test_it.py": """
            import sys

            def test_it(request):
                assert request.config.pluginmanager.hasplugin("pytest_django_mcp")
                assert not {"django", "django_mcp", "pydantic", "rest_framework"} & sys.modules.keys()
            """
        },
        *("-p", "no:django", "-p", "no:asyncio"),
    )

    assert code == 0, said
