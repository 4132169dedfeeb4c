"""Autodiscovery: what happens to the `mcp.py` of each app when Django starts."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from django_mcp import default_server

ROOT = Path(__file__).parent.parent


@pytest.fixture
def start(tmp_path):
    """Starts Django with one more app, whose `mcp.py` is given, and runs a statement."""

    def start(source: str | None, statement: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "__init__.py").touch()
        if source is not None:
            (tmp_path / "library" / "mcp.py").write_text(source)
        program = (
            "from django.conf import settings\n"
            "settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'django_mcp',"
            " 'library'], USE_TZ=True)\n"
            "import django\n"
            "django.setup()\n"
            f"{statement}"
        )
        return subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": ""},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return start


TOOL = """
from django_mcp import MCPServer, tool

private = MCPServer("private")

@tool
def lend(title: str) -> str:
    "Lend a book."
    return title

@private.tool
def burn(title: str) -> str:
    "Burn a book."
    return title
"""


def test_the_mcp_module_of_an_app_is_imported_when_django_starts(start):
    result = start(TOOL, "from django_mcp import default_server; print(*default_server.registry.tools)")

    assert (result.returncode, result.stdout) == (0, "lend\n"), result.stderr


def test_an_app_without_one_is_passed_over(start):
    assert start(None).returncode == 0


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import nothing_of_the_kind", "ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        ("from django_mcp import nothing_of_the_kind", "ImportError: cannot import name 'nothing_of_the_kind'"),
        ("from library import nothing_of_the_kind", "ImportError: cannot import name 'nothing_of_the_kind'"),
        ("1 / 0", "ZeroDivisionError"),
        (TOOL.replace("title: str) -> str", "*titles) -> str", 1), "ImproperlyConfigured"),
    ],
)
def test_an_error_in_one_is_raised_and_not_swallowed(start, source, error):
    result = start(source)

    assert result.returncode != 0
    assert error in result.stderr
    assert "library/mcp.py" in result.stderr


def test_the_example_projects_tools_are_registered():
    assert apps.is_installed("django_mcp")
    assert "search_airports" in default_server.registry.tools
