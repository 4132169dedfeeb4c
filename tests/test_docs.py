"""README.md and docs/: what they show runs, and what they name exists.

A block that is fenced as `python` is executed, those of a page one after another in one module that stands in the
airports app, so that `from .models import Airport` means what it says; tools register on a server of the page's own,
which answers at /mcp. `pycon` blocks are doctests in that module. `python sketch` is for code that is part of something
else: it need only compile. The code of recipes.md runs in tests/recipes. `json` and `yaml` must parse. The README's
quickstart is typed into a new project, word for word.
"""

import ast
import doctest
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import types
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import airportsdata
import pytest
import yaml
from django.contrib.auth.models import User
from django.db.models.signals import post_delete, post_save
from django.urls import path

import django_mcp
from django_mcp import MCPServer
from django_mcp.conf import Settings, setting_names
from django_mcp.signals import session_opened
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from testproject.airports.models import Airport, TripPlan
from testproject.clients import client_configurations
from tests import live_site
from tests.tables import cases

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
SECURITY = ROOT / "SECURITY.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (?P<path>[\w/]+\.py)\n")

urlpatterns = [path("mcp", endpoint(public=True))]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what it says it is, its text, and the line of the page on which that begins."""

    page: Path
    info: str
    code: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str:
        """The file that its first line names, or nothing."""
        named = NAMED.match(self.code)
        return named["path"] if named else ""


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, fence["info"].strip(), fence["code"], text.count("\n", 0, fence.start("code")) + 1)
        for fence in FENCE.finditer(text)
    ]


BLOCKS = [block for page in (README, *PAGES) for block in blocks_of(page)]


# Code


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MCPServer:
    """A default server on which nothing is registered."""
    fresh = MCPServer("docs", version="1.0")
    monkeypatch.setattr(django_mcp, "default_server", fresh)
    for decorator in ("tool", "toolset", "resource", "prompt"):
        monkeypatch.setattr(django_mcp, decorator, getattr(fresh, decorator))
    return fresh


@pytest.fixture
def airports(db: None) -> None:
    # Loaded late: pytest imports this before Django is ready.
    from testproject.airports.management.commands.load_airports import airport_from

    rows = airportsdata.load("ICAO")
    Airport.objects.bulk_create(airport_from(rows[code]) for code in ("BIKF", "EGLL", "EGKK", "KJFK"))


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forgets the receivers that a page connects."""
    signals = (post_save, post_delete, session_opened)
    for signal in signals:
        monkeypatch.setattr(signal, "receivers", signal.receivers.copy())
    yield
    monkeypatch.undo()
    for signal in signals:
        signal.sender_receivers_cache.clear()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """An empty module of the airports app."""
    module = types.ModuleType("testproject.airports.documented")
    module.__package__ = "testproject.airports"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@cases("block", [block for block in BLOCKS if block.info.startswith("python")])
def test_python_in_the_documentation_compiles(block: Block) -> None:
    assert block.info in ("python", "python sketch")
    compile(block.code, str(block), "exec")


@cases("block", [block for block in BLOCKS if block.info == "yaml"])
def test_yaml_in_the_documentation_is_yaml(block: Block) -> None:
    assert all(isinstance(document, dict) for document in yaml.safe_load_all(block.code))


@cases("block", [block for block in BLOCKS if block.info == "json"])
def test_json_in_the_documentation_is_json(block: Block) -> None:
    json.loads(block.code)


@pytest.mark.django_db
@pytest.mark.urls("tests.test_docs")
@pytest.mark.usefixtures("server", "airports", "receivers")
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "recipes.md"], ids=lambda page: page.name)
def test_the_code_of_a_page_does_what_the_page_says(page: Path, module: types.ModuleType) -> None:
    for block in blocks_of(page):
        if block.info == "python":
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), vars(module))
        elif block.info == "pycon":
            run_doctest(block, vars(module))
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    assert result.wasSuccessful(), result.failures + result.errors


class SameValue(doctest.OutputChecker):
    """Takes a dict whose keys are in another order for the same: pages put first what matters to readers."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        try:
            return bool(ast.literal_eval(want.strip()) == ast.literal_eval(got.strip()))
        except (ValueError, SyntaxError):
            return False


def run_doctest(block: Block, names: dict[str, Any]) -> None:
    found = doctest.DocTestParser().get_doctest(block.code, names, str(block), str(block.page), block.line - 1)
    assert found.examples, f"{block} has no prompt"
    said: list[str] = []
    runner = doctest.DocTestRunner(SameValue(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(found, out=said.append, clear_globs=False)
    names.update(found.globs)
    assert not runner.failures, "".join(said)


def test_the_readme_asks_the_user_in_both_eras(
    module: types.ModuleType, server: MCPServer, airports: None, django_user_model: type[User], settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.test_docs"
    [asking] = [block for block in blocks_of(README) if block.info == "python" and not block.file]
    example = vars(import_module("testproject.airports.mcp"))
    vars(module).update({name: value for name, value in example.items() if name[:2] != "__"}, tool=server.tool)
    exec(compile(asking.code, str(asking), "exec"), vars(module))
    ada = django_user_model.objects.create_user("ada")

    for era in ("handshake", "modern"):
        for sure, said in ((False, "The trip was kept."), (True, "The trip was deleted.")):
            trip = TripPlan.objects.create(owner=ada, name="Home")
            answers = {"elicit": {"sure": sure}}
            client = MCPClient("/mcp", era=era, user=ada, answers=answers)

            assert client.call_tool("delete_trip", {"trip_id": trip.pk}).text == said
            assert TripPlan.objects.filter(pk=trip.pk).exists() is not sure


def test_the_readme_quotes_the_example_app() -> None:
    [quoted] = [block for block in blocks_of(README) if block.file.startswith("testproject/")]
    source = (ROOT / quoted.file).read_text()

    for statement in ast.parse(quoted.code).body:
        assert isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        assert in_full(quoted.code, statement) in source


def in_full(code: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The source of a function with its decorators."""
    first = min(decorator.lineno for decorator in function.decorator_list)
    return "\n".join(code.splitlines()[first - 1 : function.end_lineno])


def test_the_readmes_quickstart_is_at_most_15_lines_of_code() -> None:
    typed = [block for block in blocks_of(README) if block.file and not block.file.startswith("testproject/")]
    lines = [line for block in typed for line in block.code.splitlines() if line.strip() and not line.startswith("#")]

    assert len(lines) <= 15


def test_the_readme_configures_clients_as_the_demo_does() -> None:
    configured = client_configurations("mysite", "http://127.0.0.1:8000/mcp")
    shown = [block.code for block in blocks_of(README) if block.info == "json"]

    assert shown == [f"{configuration.text}\n" for configuration in configured]


# The quickstarts, typed into a new project


@dataclass(slots=True)
class Desk:
    """Where somebody sits who follows a page: a folder, its shell, and the server that runs meanwhile."""

    folder: Path
    listening: socket.socket
    environment: dict[str, str]
    python: str = sys.executable
    server: "subprocess.Popen[bytes] | None" = None

    def follow(self, page: Path) -> None:
        """Types the blocks of a page, those that are quoted from the example project left out."""
        for block in blocks_of(page):
            if block.file and not block.file.startswith("testproject/"):
                self.write(block)
            elif block.info == "console" and "make " not in block.code:
                self.run(block)

    def write(self, block: Block) -> None:
        """Adds a block to the end of the file that it names, and makes the file if it is missing. A block that is a
        single import replaces the file's own import of the same name.
        """
        path = self.folder / block.file
        code = block.code.replace("127.0.0.1:8000", f"127.0.0.1:{self.listening.getsockname()[1]}")
        text = path.read_text() if path.exists() else ""
        if single := re.fullmatch(r"# .*\n(from \S+ import (\w+))\n", code):
            text, count = re.subn(rf"^from \S+ import {single[2]}$", single[1], text, flags=re.MULTILINE)
            assert count == 1, f"{block.file} has no import of {single[2]}"
        else:
            text += f"\n\n{code}"
        path.write_text(text)

    def run(self, block: Block) -> None:
        """The commands of a block, each with the output that stands below it, if any does."""
        for entry in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
            command, _, expected = entry.partition("\n")
            program, *arguments = shlex.split(command)
            if program in ("pip", "export"):
                continue
            if program == "uvicorn":
                self.serve(arguments)
                continue
            said = self.call({"python": [], "django-admin": ["-m", "django"]}[program] + arguments)
            if token := re.search(r"Generated token (\w+)", said):
                self.environment["TOKEN"] = token[1]
            assert not expected or doctest.OutputChecker().check_output(expected, said, doctest.ELLIPSIS), said

    def call(self, arguments: list[str]) -> str:
        made = subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    def serve(self, arguments: list[str]) -> None:
        log = self.folder / "log"
        with log.open("w") as output:
            self.server = subprocess.Popen(
                [self.python, "-m", "uvicorn", *arguments, "--fd", str(self.listening.fileno())],
                cwd=self.folder,
                env=self.environment,
                pass_fds=[self.listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        live_site.wait_until_served(f"http://127.0.0.1:{self.listening.getsockname()[1]}/admin/login/", log)


@contextmanager
def desk_in(folder: Path, **environment: str) -> Iterator[Desk]:
    """A desk in an empty folder, whose shell has these variables beside its own."""
    own = {name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH")}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        desk = Desk(folder, listening, own | environment)
        yield desk
        if desk.server is not None:
            live_site.stop(desk.server)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, PYTHONPATH=str(ROOT)) as desk:
        yield desk


@pytest.mark.project
@pytest.mark.parametrize("page", [README, ROOT / "docs" / "quickstart.md"], ids=lambda page: page.name)
def test_who_follows_a_quickstart_word_for_word_gets_the_answers_that_it_shows(page: Path, desk: Desk) -> None:
    desk.follow(page)

    assert desk.server is not None


# Names


def rows_of(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables that begin with a name in backquotes: the other cells, by that name."""
    text = (ROOT / "docs" / page).read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    return {name: re.split(r" \| ", cells) for name, cells in rows}


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: ast.literal_eval(default.strip("`")) for name, (default, _) in rows_of("settings.md").items()}

    assert sorted(documented) == setting_names()
    assert documented == {f"MCP_{name}": vars(Settings)[name] for name in Settings.__annotations__}


@cases("page", [README, *PAGES])
def test_settings_that_a_page_names_exist(page: Path) -> None:
    misspelt = {"MCP_SESION_TTL_SECONDS"} if page.name == "troubleshooting.md" else set()

    assert set(re.findall(r"\bMCP_[A-Z][A-Z_]+", page.read_text())) - misspelt <= set(setting_names())


# Prose


@cases("page", [README, CHANGELOG, CONTRIBUTING, SECURITY, *PAGES])
def test_a_sentence_begins_with_its_subject(page: Path) -> None:
    """Sentences, headings, items and cells that begin otherwise must be read twice."""
    text = FENCE.sub("\n", page.read_text())
    one_line = re.sub(r"\n(?=[^\n#*|\-\d])", " ", text)

    assert (
        re.findall(r"(?:^[#*\-\d. ]*|[.!?:]\S{0,2} |\| )((?:What|Who|Whoever|One that)\b.{0,40})", one_line, re.M) == []
    )


# The README's tree


def test_the_readme_shows_the_tree_as_it_is() -> None:
    (tree,) = [block.code for block in blocks_of(README) if block.info == "text"]
    shown = re.findall(r"^( *)([\w./]+)", tree, re.MULTILINE)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert sorted(name.rstrip("/") for indent, name in shown if not indent) == sorted(top_level(tracked, 0))
    package = [path for path in tracked if path.startswith("django_mcp/")]
    assert sorted(name.rstrip("/") for indent, name in shown if indent) == sorted(top_level(package, 1))


def top_level(paths: list[str], depth: int) -> set[str]:
    return {path.split("/")[depth] for path in paths}


UNITS = {"KiB": 1024, "MiB": 1024 * 1024}


def test_the_limits_of_the_threat_model_are_the_defaults() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    limits = re.findall(r"`(MCP_[A-Z_]+)` \((\d[\d ]*\d|\d)(?: (KiB|MiB))?[,) a-z]", text)
    said = {name: int(number.replace(" ", "")) * UNITS.get(unit, 1) for name, number, unit in limits}

    assert len(said) > 25
    assert said == {name: vars(Settings)[name.removeprefix("MCP_")] for name in said}


@cases("page", [README, *PAGES])
def test_the_tests_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"\btests/[\w/]+(?:\.py)?", page.read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


# Links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made where the page is shown."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cases("page", [README, *PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", FENCE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.is_file(), target
        assert not anchor or anchor in anchors(found), target


def test_every_page_is_reached_from_the_readme_and_the_index() -> None:
    pages = {page.name for page in PAGES}

    assert set(re.findall(r"\(docs/([\w-]+\.md)\)", README.read_text())) >= pages - {"index.md"}
    assert set(re.findall(r"\(([\w-]+\.md)\)", (ROOT / "docs" / "index.md").read_text())) >= pages - {"index.md"}
