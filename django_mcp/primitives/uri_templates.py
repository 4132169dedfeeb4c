"""URI templates (RFC 6570): `{variable}` matches one segment, `{+variable}` any number, `{?a,b}` an optional query."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ImproperlyConfigured

from . import uri_matching
from .uri_matching import Part, Variable

MAX_LENGTH: Final = 8192
"""The longest URI that is matched, in characters."""

_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class URITemplate:
    """A template to match URIs with. `variables` are in the order of the template.

    `pattern` is set if a regular expression can match without backtracking; other templates are matched by their parts.
    """

    text: str
    variables: tuple[str, ...]
    query: tuple[str, ...]
    parts: tuple[Part, ...]
    pattern: re.Pattern[str] | None

    def match(self, uri: str) -> dict[str, str] | None:
        """The percent-decoded variables of a URI, or `None` when it does not match.

        Takes time proportional to the URI's length, because clients choose the URI.
        """
        if len(uri) > MAX_LENGTH:
            return None
        path, question_mark, query = uri.partition("?") if self.query else (uri, "", "")
        variables = self._match_path(path)
        if variables is None:
            return None
        values = {name: unquote(value) for name, value in variables.items()}
        if question_mark:
            sent = dict(parse_qsl(query, keep_blank_values=True))
            values |= {name: sent[name] for name in self.query if name in sent}
        return values

    def _match_path(self, path: str) -> dict[str, str] | None:
        if self.pattern is None:
            return uri_matching.match(self.parts, path)
        match = self.pattern.fullmatch(path)
        return None if match is None else match.groupdict()


def is_template(uri: str) -> bool:
    return "{" in uri


def compile_template(text: str) -> URITemplate:
    """The compiled template of a text. Raises `ImproperlyConfigured` for operators that cannot be matched."""
    parts: list[Part] = []
    names: list[str] = []
    query: tuple[str, ...] = ()
    end = 0
    for expression in _EXPRESSION.finditer(text):
        parts.append(text[end : expression.start()])
        end = expression.end()
        body = expression[1]
        operator = body[:1] if body[:1] in ("+", "?") else ""
        variables = tuple(body.removeprefix(operator).split(","))
        _check(text, variables, operator, is_last=end == len(text))
        if operator == "?":
            query = variables
        else:
            parts.append(Variable(variables[0], is_open=bool(operator)))
        names.extend(variables)
    parts.append(text[end:])
    if set("{}") & set(_EXPRESSION.sub("", text)) or len(set(names)) != len(names):
        raise ImproperlyConfigured(f"URI template {text!r}: a brace has no partner, or a variable stands twice.")
    whole = tuple(part for part in parts if part)
    return URITemplate(text, tuple(names), query, whole, uri_matching.pattern_of(whole))


def _check(text: str, variables: tuple[str, ...], operator: str, *, is_last: bool) -> None:
    legal = all(_VARIABLE.fullmatch(name) for name in variables)
    if not legal or (operator == "?" and not is_last) or (operator != "?" and len(variables) > 1):
        raise ImproperlyConfigured(
            f"URI template {text!r}: use {{variable}}, {{+variable}} for several segments, or {{?a,b}} at the end."
        )
