"""The first words of an SQL statement, and whether it is a single statement: without a parser, and only if certain.

Databases disagree on comments, quotes and backslashes. A text that two of them could read differently counts as
unknown, and the caller must refuse it.
"""

import re
from typing import Any, Final

_COMMENT: Final = r"--[^\n]*|/\*.*?\*/"
_COMMENT_MYSQL: Final = r"--(?=[\s\x00-\x20]|$)[^\n]*|\#[^\n]*|/\*.*?\*/"
_QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`"""
_FLAGS: Final = re.DOTALL | re.ASCII

_GAP: Final = {
    "mysql": re.compile(rf"(?:\s|\(|{_COMMENT_MYSQL})*", _FLAGS),
    "": re.compile(rf"(?:\s|\(|{_COMMENT})*", _FLAGS),
}
_OPAQUE: Final = {
    "mysql": re.compile(f"{_QUOTED}|{_COMMENT_MYSQL}", _FLAGS),
    "": re.compile(f"{_QUOTED}|{_COMMENT}", _FLAGS),
}
_WORD: Final = re.compile(r"[A-Za-z]+")
_WORDS: Final = 3

_NESTED: Final = re.compile(r"/\*(?:(?!\*/).)*/\*", _FLAGS)
"""PostgreSQL nests comments; other databases do not."""

_EXECUTED: Final = re.compile(r"/\*M?!")
"""MySQL and MariaDB execute these comments."""

_AMBIGUOUS: Final = re.compile(r"\\|\$|\x00|\r(?!\n)")
"""A backslash may or may not escape, a dollar may begin a quote, and a lone carriage return ends some comments."""


def head_of(sql: str, vendor: str) -> str:
    """The first words of a statement, at most three, in upper case: "ROLLBACK TO SAVEPOINT". "" unless it is certainly
    one statement.
    """
    if _NESTED.search(sql) or (vendor == "mysql" and _EXECUTED.search(sql)) or not _is_one(sql, vendor):
        return ""
    gap, place = _GAP.get(vendor, _GAP[""]), 0
    words: list[str] = []
    while len(words) < _WORDS and (word := _WORD.match(sql, _end(gap, sql, place))):
        words.append(word[0].upper())
        place = word.end()
    return " ".join(words)


def text_of(sql: Any, connection: Any) -> str:
    """A statement as text; it may also be composed by a driver (`psycopg.sql`), or be bytes."""
    if hasattr(sql, "as_string"):
        return str(sql.as_string(connection.connection))
    return sql.decode("utf-8", "replace") if isinstance(sql, bytes) else str(sql)


def _is_one(sql: str, vendor: str) -> bool:
    if ";" not in sql.rstrip("; \t\r\n"):
        return True
    if _AMBIGUOUS.search(sql):
        return False
    bare = _OPAQUE.get(vendor, _OPAQUE[""]).sub(" ", sql).rstrip("; \t\r\n")
    return not any(character in bare for character in ";'\"`")


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
