"""How an SQL statement begins, and whether it is only one: read without a parser, and only as far as one can be sure.

Databases disagree on comments, quotes and backslashes. A text that two of them could read in two ways is answered as
unknown, for the caller to refuse. Knows no connection.
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
"""PostgreSQL nests comments, and others do not."""

_EXECUTED: Final = re.compile(r"/\*M?!")
"""MySQL and MariaDB execute these comments."""

_AMBIGUOUS: Final = re.compile(r"\\|\$|\x00|\r(?!\n)")
"""A backslash escapes by a setting, a dollar may begin a quote, a lone carriage return ends some comments."""


def head_of(sql: str, vendor: str) -> str:
    """The first words of a statement, at most three, in capitals: "ROLLBACK TO SAVEPOINT". "" when it is not certain to
    be one statement.
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
    """A statement as text: also one that a driver composes (`psycopg.sql`), or that is bytes."""
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
