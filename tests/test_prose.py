"""Docstrings and comments begin with their subject: a reader in a hurry must not decode them."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.tables import cases

ROOT = Path(__file__).parent.parent
FOLDERS = ("django_mcp", "benchmarks", "docs", "testproject", "tests")
SCRIPTS = ("manage.py", "noxfile.py", ".ci/audit", ".ci/conformance", ".ci/demo", ".ci/release")
RIDDLE = re.compile(r"(?:^|[.!?:]\s+|\n\s*\n\s*)(?:What|Who|Whoever|Whom|Whose|One that)\b[^.\n]*")


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, with their lines: those below attributes and settings too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def riddles(source: str) -> list[tuple[int, str]]:
    """The sentences that begin with a riddle, with the lines of their texts."""
    texts = [*docstrings(source), *comments(source)]
    return sorted((line, match.group().strip()) for line, text in texts for match in RIDDLE.finditer(text))


def sources(place: str) -> list[Path]:
    """The modules of a folder, or the script of this name."""
    own = [path for path in sorted((ROOT / place).rglob("*.py")) if ".cache" not in path.parts]
    return own or [ROOT / place]


@cases("place", [*FOLDERS, *SCRIPTS])
def test_no_sentence_begins_with_what_or_who(place):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {sentence}"
        for path in sources(place)
        for line, sentence in riddles(path.read_text(encoding="utf-8"))
    ]

    assert not found, "\n".join(["Name the subject first:", *found])


def test_riddles_are_found_wherever_they_stand():
    source = '"""A module. What it is."""\n\nX = 1  # Whoever asks.\n"""Who it is of."""\n# A why. One that asks.\n'

    assert riddles(source) == [(1, ". What it is"), (3, "Whoever asks"), (4, "Who it is of"), (5, ". One that asks")]
