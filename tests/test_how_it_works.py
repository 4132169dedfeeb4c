"""docs/how-it-works.md: the names that it gives exist, and its table of layers agrees with the imports."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "django_mcp"
TEXT = (PACKAGE.parent / "docs" / "how-it-works.md").read_text()
PLACES = sorted(set(re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", TEXT)))
LAYERS = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`[^|]+) \|", TEXT, re.MULTILINE)]


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_a_place_on_the_map_exists(file: str, name: str) -> None:
    tree: ast.AST = ast.parse((PACKAGE / file).read_text())
    for part in filter(None, name.split(".")):
        found = next((node for node in ast.walk(tree) if part in names_of(node)), None)
        assert found is not None, f"{file} has no {name}"
        tree = found


def names_of(node: ast.AST) -> list[str]:
    """The names that a statement defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def test_every_package_is_in_the_table_of_layers() -> None:
    assert sorted(name for row in LAYERS for name in row) == sorted(top_level())


def test_a_package_imports_only_those_below_it() -> None:
    level = {name: number for number, row in enumerate(LAYERS) for name in row}

    upwards = {
        f"{path.relative_to(PACKAGE)} imports {imported}"
        for path in modules()
        for imported in imports(path)
        if imported != package_of(path) and level[imported] <= level[package_of(path)]
    }

    assert not upwards


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts]


@cache
def top_level() -> frozenset[str]:
    """The packages and modules of django_mcp that have code."""
    return frozenset(map(package_of, modules()))


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """The packages of django_mcp that a module imports, anywhere but for type checkers."""
    for node in without_types(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            of_package = node.module == "django_mcp"
            imported = [f"django_mcp.{alias.name}" for alias in node.names] if of_package else [node.module]
        else:
            continue
        for module in imported:
            root, _, rest = module.partition(".")
            if root == "django_mcp":
                name = rest.partition(".")[0]
                yield name if name in top_level() else "__init__"


def without_types(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from without_types(node)
