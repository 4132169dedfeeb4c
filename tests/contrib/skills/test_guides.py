"""The package's own skills name only what exists, and what the pages of docs/ tell too."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.utils.module_loading import import_string

import django_mcp
from django_mcp import Budget
from django_mcp.conf import setting_names
from django_mcp.contrib.skills import guides
from django_mcp.contrib.skills.folders import read_skills
from django_mcp.primitives.tools import TOOL_OPTIONS
from django_mcp.testing import MCPClient
from django_mcp.views import MCPView

FOLDER = Path(guides.__file__).parent / "skills"
FILES = sorted(FOLDER.rglob("*.md"))
TEXT = "\n".join(file.read_text() for file in FILES)
CODE = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PAGES = "\n".join(page.read_text() for page in Path("docs").glob("*.md"))


def named(pattern, text=TEXT):
    found = set(re.findall(pattern, text))
    assert found, f"Nothing is named by {pattern}, so this compares nothing"
    return found


def test_the_package_ships_two_skills():
    found = {skill.uri: skill.paths for skill in read_skills("mcp_guides", FOLDER)}

    assert found == {
        "skill://mcp_guides/operate-mcp-server/SKILL.md": ["SKILL.md"],
        "skill://mcp_guides/write-mcp-tools/SKILL.md": ["SKILL.md", "references/patterns.md"],
    }


def test_files_that_a_skill_names_are_there():
    for skill in read_skills("mcp_guides", FOLDER):
        text = skill.content_of("SKILL.md").text
        assert set(re.findall(r"`(references/[\w./-]+)`", text)) == set(skill.paths) - {"SKILL.md"}


def test_settings_exist():
    settings = named(r"\bMCP_\w+")

    assert settings <= set(setting_names())
    assert all(f"`{name}`" in PAGES for name in settings)


def test_commands_and_their_options_exist():
    for name, arguments in named(r"manage\.py (\w+)([^`\n]*)"):
        command = load_command_class(get_commands()[name], name)
        options = set(re.findall(r"--[\w-]+", arguments))
        text = command.create_parser("manage.py", name).format_help()
        own = arguments.split()[:1] if name == "mcp_switch" else []
        for part in own:
            text += command.create_parser("manage.py", name)._subparsers._group_actions[0].choices[part].format_help()
        assert all(re.search(rf"{option}\b", text) for option in options), (name, options)
        assert name in PAGES


def test_decorators_and_names_of_the_package_exist():
    assert named(r"\n@(\w+)", "\n".join(CODE)) <= {*django_mcp.__all__, "dataclass"}
    for one in named(r"`([A-Z][a-z]+[A-Z]\w+|Budget)[`(]"):
        assert hasattr(django_mcp, one), one
    for path in named(r"\bdjango_mcp(?:\.\w+)+"):
        module, _, name = path.rpartition(".")
        assert path == "django_mcp.calls" or is_module(path) or hasattr(import_string_or_module(module), name), path


def is_module(path):
    try:
        __import__(path)
    except ImportError:
        return False
    return True


def import_string_or_module(path):
    return __import__(path, fromlist=["x"]) if is_module(path) else import_string(path)


def test_options_of_decorators_exist():
    options = TOOL_OPTIONS | set(Budget.__dataclass_fields__) | {"public"}
    assert hasattr(MCPView, "public")

    assert named(r"`(\w+)=") | named(r"Budget\((\w+)=\d") <= options
    for call in (node for code in CODE for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id == "tool":
            assert {keyword.arg for keyword in call.keywords} <= TOOL_OPTIONS


def test_what_the_code_imports_exists():
    imports = [
        node
        for code in CODE
        for node in ast.parse(code).body
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.startswith("django")
    ]
    assert len(imports) > 5
    for node in imports:
        for alias in node.names:
            import_string(f"{node.module}.{alias.name}")


@pytest.mark.django_db
def test_the_demo_serves_them():
    skills = MCPClient("/guides/mcp").request("skills/list")["skills"]

    assert [skill["frontmatter"]["name"] for skill in skills] == ["operate-mcp-server", "write-mcp-tools"]
