"""A rendered document as a check reads it: its addresses, its code, and the tools that it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_KINDS: Final = {
    ("script", "src"): "resources",
    ("link", "href"): "resources",
    ("img", "src"): "resources",
    ("image", "href"): "resources",
    ("use", "href"): "resources",
    ("audio", "src"): "resources",
    ("video", "src"): "resources",
    ("video", "poster"): "resources",
    ("source", "src"): "resources",
    ("track", "src"): "resources",
    ("input", "src"): "resources",
    ("iframe", "src"): "frames",
    ("base", "href"): "base_uris",
}
"""How a page uses the address in an attribute. Links are opened by the host, and need no origin."""

_LINKS: Final = frozenset({("a", "href"), ("area", "href")})
_ACTIONS: Final = frozenset({("form", "action"), ("button", "formaction"), ("input", "formaction")})
_CSS: Final = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
_CALLS: Final = re.compile(
    r"(?:fetch|WebSocket|EventSource|sendBeacon)\(\s*['\"`]((?:https?|wss?):)?(//[^'\"`]+)"
    r"|import\(?\s*['\"]((?:https?:)?//[^'\"]+)"
)
_EVAL: Final = re.compile(r"\beval\s*\(|\bnew\s+Function\s*\(")


@dataclass(slots=True)
class Found:
    """Everything in a document that a host may refuse, or that a template should not hold."""

    has_doctype: bool = False
    addresses: list[tuple[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    uses_eval: bool = False
    has_data_font: bool = False
    talks: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Found()
        self._inside = ""

    def handle_decl(self, decl: str) -> None:
        self.found.has_doctype |= decl.lower().split() == ["doctype", "html"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            self._read(tag, name, value or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self._read_css(data)
        elif self._inside == "script":
            self._read_script(data)

    def _read(self, tag: str, name: str, value: str) -> None:
        found, name = self.found, name.removeprefix("xlink:")
        if name == "style":
            self._read_css(value)
        elif name.startswith("on"):
            self._read_script(value)
        elif name == "data-mcp-tool":
            found.tools.append(value)
        elif name == "srcset":
            found.addresses += [("resources", one.split()[0]) for one in value.split(",") if one.strip()]
        elif (tag, name) in _ACTIONS:
            found.actions.append(value)
        elif (tag, name) in _LINKS:
            found.links.append(value)
        elif (tag, name) in _KINDS:
            found.addresses.append((_KINDS[tag, name], value.strip()))

    def _read_css(self, text: str) -> None:
        self.found.has_data_font |= "@font-face" in text and re.search(r"url\(\s*['\"]?data:", text) is not None
        self.found.addresses += [("resources", one or other) for one, other in _CSS.findall(text)]

    def _read_script(self, text: str) -> None:
        found = self.found
        found.uses_eval |= _EVAL.search(text) is not None
        found.talks |= "ui/initialize" in text
        for scheme, rest, module in _CALLS.findall(text):
            found.addresses.append(("resources", module) if module else ("connect", f"{scheme or 'https:'}{rest}"))


def inspect(html: str) -> Found:
    """The findings in a document."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def relative_addresses(found: Found) -> Iterator[str]:
    """The addresses that lead nowhere, because a document in a conversation has no site of its own."""
    for _, address in found.addresses:
        if not re.match(r"[a-z][a-z0-9+.-]*:|//|#|$", address, re.IGNORECASE):
            yield address
    for address in found.links:
        if not re.match(r"https?:|mailto:|tel:|#|$", address, re.IGNORECASE):
            yield address
