"""The shape of the package, kept by the tests: who may import whom, and that every module has its tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "django_mcp"
TESTS = ROOT / "tests"

WITHOUT_TESTS = {
    "exceptions.py": "declares; what raises them is tested",
    "methods/request.py": "declares; every journey uses it",
    "contrib/oauth/apps.py": "declares; its checks are tested",
    "contrib/tokens/apps.py": "declares",
    "contrib/oauth/urls.py": "declares; its views are tested",
}
"""Modules with no test module of their own, and why."""


def test_the_import_contracts_hold(capsys, monkeypatch):
    """They are in pyproject.toml. What breaks one is in the output."""
    # It would silence every logger that there is already.
    monkeypatch.setattr(cli, "_configure_logging", lambda verbose: None)
    code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)

    output = capsys.readouterr().out
    assert code == 0, output
    assert " 0 broken" in output


def test_every_module_has_its_test_module():
    modules = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}

    without = {
        module.as_posix() for module in modules if "migrations" not in module.parts and not own_tests(module).exists()
    }

    assert sorted(without - WITHOUT_TESTS.keys()) == []


def own_tests(module: Path) -> Path:
    folder = module.parent.parent if module.parent.name == "commands" else module.parent
    return TESTS / folder / f"test_{module.name}"


def imports(path: Path) -> Iterator[str]:
    """The modules that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("layer", "foreign"),
    [
        ("protocol", ("django.", "rest_framework", "channels", "asgiref", "asyncio")),
        ("primitives", ("django.db", "django.http", "rest_framework", "channels")),
        ("methods", ("django.db", "rest_framework", "channels")),
    ],
)
def test_a_layer_without_io_imports_nothing_that_does_some(layer, foreign):
    """Beside the contracts, which see what comes through other modules: this one says it of each module's own lines."""
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (PACKAGE / layer).rglob("*.py")
        for name in imports(path)
        if name.startswith(foreign) and not is_for_types(path, name)
    }

    assert not found


def is_for_types(path: Path, name: str) -> bool:
    """Whether a module imports a name only where a type checker looks."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return any(
                name == f"{inner.module}.{alias.name}"
                for inner in node.body
                if isinstance(inner, ast.ImportFrom)
                for alias in inner.names
            )
    return False
