"""README.md and docs/: what they show runs, and what they name exists.

A block that is fenced as `python` is executed, those of a page one after another in one module that stands in the
airports app, so that `from .models import Airport` means what it says; tools register on a server of the page's own,
which answers at /mcp. `pycon` blocks are doctests in that module. `python sketch` is for code that is part of something
else: it need only compile. `json` must parse. The README's quickstart is typed into a new project, word for word.
"""

import ast
import doctest
import json
import re
import subprocess
import sys
import types
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airportsdata
import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_delete, post_save
from django.urls import path

import django_mcp
from django_mcp import MCPServer
from django_mcp.conf import Settings, setting_names
from django_mcp.signals import session_opened
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from testproject.airports.models import Airport
from testproject.clients import client_configurations
from tests import live_site

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
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
    for decorator in ("tool", "resource", "prompt"):
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


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.info.startswith("python")], ids=str)
def test_python_in_the_documentation_compiles(block: Block) -> None:
    assert block.info in ("python", "python sketch")
    compile(block.code, str(block), "exec")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.info == "json"], ids=str)
def test_json_in_the_documentation_is_json(block: Block) -> None:
    json.loads(block.code)


@pytest.mark.django_db
@pytest.mark.urls("tests.test_docs")
@pytest.mark.usefixtures("server", "airports", "receivers")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
