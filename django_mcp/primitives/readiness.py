"""Objections to a tool: the rules of MCP directories (Anthropic's, ChatGPT's) and of the APIs of models."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from .schemas import Schema, walk

MAX_CHARACTERS: Final = 16 * 1024
"""A longer definition is too large: this is about 4 000 tokens, sent to the model with every message."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HINTS: Final = ("readOnlyHint", "destructiveHint")
_SCHEMAS: Final = ("inputSchema", "outputSchema")
_COMBINATIONS: Final = ("anyOf", "oneOf", "allOf")


def objections(tool: Mapping[str, Any]) -> list[str]:
    """Reasons to refuse a tool, each with its remedy after the first ": "; empty when there are none. `tool` is its
    entry in `tools/list`.
    """
    return list(_object_to(tool))


def _object_to(tool: Mapping[str, Any]) -> Iterator[str]:
    annotations = tool.get("annotations", {})
    if not _NAME.fullmatch(tool["name"]):
        yield _("models' APIs take names of at most 64 letters, digits, '_' and '-': pass name=")
    if not str(tool.get("description", "")).strip():
        yield _("no description: write a docstring, or pass description=")
    if not str(tool.get("title", "")).strip() or not str(annotations.get("title", "")).strip():
        yield _("no title: pass title=")
    if not any(hint in annotations for hint in _HINTS):
        yield _("no hint of what it does: pass read_only= or destructive=")
    for place in _SCHEMAS:
        if place in tool:
            yield from _object_to_schema(place, tool[place])
    size = len(json.dumps(tool, ensure_ascii=False, separators=(",", ":")))
    if size > MAX_CHARACTERS:
        text = _("too large: %(size)d characters of at most %(most)d; shorten its texts, or take fewer arguments")
        yield text % {"size": size, "most": MAX_CHARACTERS}


def _object_to_schema(place: str, schema: Schema) -> Iterator[str]:
    if place == "inputSchema" and "properties" not in schema:
        yield _('inputSchema has no properties: say "properties": {} where there are no arguments')
    if place == "inputSchema" and (combination := next((key for key in _COMBINATIONS if key in schema), None)):
        text = _("inputSchema has %(keyword)s at its root, which models' APIs do not take: describe one object")
        yield text % {"keyword": combination}
    for _place, reference, path in _broken_references(place, schema):
        text = _("%(place)s refers to %(reference)r at %(path)s, where there is nothing")
        yield text % {"place": place, "reference": reference, "path": path}


def broken_references(tool: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The references in a tool's schemas that lead nowhere: "inputSchema" or "outputSchema", the reference, and its
    path.
    """
    for place in _SCHEMAS:
        if place in tool:
            yield from _broken_references(place, tool[place])


def _broken_references(place: str, schema: Schema) -> Iterator[tuple[str, str, str]]:
    for path, node in walk(schema):
        reference = node.get("$ref")
        if isinstance(reference, str) and not _leads_somewhere(reference, schema):
            yield place, reference, "/".join(path) or "its root"


def _leads_somewhere(reference: str, schema: Schema) -> bool:
    """Whether a reference points into this same schema, by a path (RFC 6901) or an anchor."""
    if reference != "#" and not reference.startswith("#/"):
        return any(reference == f"#{node.get('$anchor')}" for _, node in walk(schema))
    node: Any = schema
    for key in reference.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(key)] if key.isdecimal() and int(key) < len(node) else None
        else:
            node = node.get(key) if isinstance(node, Mapping) else None
    return node is not None
