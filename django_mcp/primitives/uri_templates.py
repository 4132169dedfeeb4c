"""URI templates (RFC 6570): `{variable}` matches one segment, `{+variable}` any number, `{?a,b}` an optional query."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ImproperlyConfigured

_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class URITemplate:
    """A template that URIs are matched against. `variables` are in the order in which they stand."""

    text: str
    variables: tuple[str, ...]
    pattern: re.Pattern[str]
    query: tuple[str, ...]

    def match(self, uri: str) -> dict[str, str] | None:
        """The percent-decoded variables of a URI, or `None` when it is not one of this template's."""
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
    pattern, end = "", 0
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
            pattern += f"(?P<{variables[0]}>{'.+' if operator else '[^/?#]+'})"
        names.extend(variables)
    if len(set(names)) != len(names):
        raise ImproperlyConfigured(f"URI template {text!r}: a variable stands twice.")
    return URITemplate(text, tuple(names), re.compile(pattern + re.escape(text[end:])), query)


def _check(text: str, variables: tuple[str, ...], operator: str, *, is_last: bool) -> None:
    legal = all(_VARIABLE.fullmatch(name) for name in variables)
    if not legal or (operator == "?" and not is_last) or (operator != "?" and len(variables) > 1):
        raise ImproperlyConfigured(
            f"URI template {text!r}: use {{variable}}, {{+variable}} for several segments, or {{?a,b}} at the end."
        )
