"""docs/how-it-works.md: the names that it gives exist, and its table of layers is the one that the tests enforce."""

import ast
import re
import tomllib
from pathlib import Path

from tests.tables import cases

PACKAGE = Path(__file__).parent.parent / "django_mcp"
TEXT = (PACKAGE.parent / "docs" / "how-it-works.md").read_text()
PLACES = sorted(set(re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", TEXT)))


@cases(("file", "name"), PLACES)
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


def test_the_table_of_layers_is_that_of_the_contract() -> None:
    contracts = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [set(layer.split(" | ")) for layer in contracts[0]["layers"]]

    shown: list[set[str]] = [set() for _ in layers]
    for number, names in re.findall(r"^\| (\d+) \| (`[^|]+) \|", TEXT, re.MULTILINE):
        shown[int(number) - 1].update(re.findall(r"`(\w+)`", names))

    assert shown == layers
