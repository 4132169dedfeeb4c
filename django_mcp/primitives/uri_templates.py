"""URI templates (RFC 6570): `{variable}` matches one segment, `{+variable}` any number, `{?a,b}` an optional query."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ImproperlyConfigured

MAX_LENGTHS: Final = (8192, 4096, 512)
"""How long a URI may be to match a template, by how many of its variables could end in more than one place.

`{a}-{b}` takes time in the square of the length, `{a}-{b}-{c}` in the cube, and it is a client that chooses the length.
"""

_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class URITemplate:
    """A template that URIs are matched against. `variables` are in the order in which they stand."""

    text: str
    variables: tuple[str, ...]
    pattern: re.Pattern[str]
    query: tuple[str, ...]
    max_length: int

    def match(self, uri: str) -> dict[str, str] | None:
        """The percent-decoded variables of a URI, or `None` when it is not one of this template's."""
        if len(uri) > self.max_length:
            return None
        path, question_mark, query = uri.partition("?") if self.query else (uri, "", "")
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values = {name: unquote(value) for name, value in found.groupdict().items()}
        if question_mark:
            sent = dict(parse_qsl(query, keep_blank_values=True))
            values |= {name: sent[name] for name in self.query if name in sent}
        return values


def is_template(uri: str) -> bool:
    return "{" in uri


def compile_template(text: str) -> URITemplate:
    """The template that a text spells. Raises `ImproperlyConfigured` for operators that cannot be matched backwards."""
    pattern, end, open_ended = "", 0, 0
    names: list[str] = []
    query: tuple[str, ...] = ()
    for expression in _EXPRESSION.finditer(text):
        pattern += re.escape(text[end : expression.start()])
        end = expression.end()
        body = expression[1]
        operator = body[:1] if body[:1] in ("+", "?") else ""
        variables = tuple(body.removeprefix(operator).split(","))
        _check(text, variables, operator, is_last=end == len(text))
        if operator == "?":
            query = variables
        else:
            follows = text[end : end + 1] if not text.startswith("{?", end) else ""
            open_ended += follows != "" and (operator == "+" or follows not in "/?#")
            pattern += f"(?P<{variables[0]}>{'.+' if operator else '[^/?#]+'})"
        names.extend(variables)
    if set("{}") & set(_EXPRESSION.sub("", text)) or len(set(names)) != len(names):
        raise ImproperlyConfigured(f"URI template {text!r}: a brace has no partner, or a variable stands twice.")
    if open_ended >= len(MAX_LENGTHS):
        raise ImproperlyConfigured(
            f"URI template {text!r}: part some of its variables by '/', so that each has its end."
        )
    return URITemplate(text, tuple(names), re.compile(pattern + re.escape(text[end:])), query, MAX_LENGTHS[open_ended])


def _check(text: str, variables: tuple[str, ...], operator: str, *, is_last: bool) -> None:
    legal = all(_VARIABLE.fullmatch(name) for name in variables)
    if not legal or (operator == "?" and not is_last) or (operator != "?" and len(variables) > 1):
        raise ImproperlyConfigured(
            f"URI template {text!r}: use {{variable}}, {{+variable}} for several segments, or {{?a,b}} at the end."
        )
