"""Values of a command's arguments, NAME=VALUE, as a JSON Schema asks for them."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def pair_of(text: str, option: str) -> tuple[str, str]:
    """The name and the text of NAME=VALUE. Raises `CommandError`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CommandError(_("%(option)s %(text)r is not NAME=VALUE.") % {"option": option, "text": text})
    return name, value


def arguments_of(pairs: list[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call from `--arg NAME=VALUE`, each in the type that the tool's schema has. A name that is
    given several times is a list.
    """
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, value = pair_of(pair, "--arg")
        texts.setdefault(name, []).append(value)
    properties = schema.get("properties", {})
    return {name: value_of(given, properties.get(name, {})) for name, given in texts.items()}


def value_of(texts: list[str], schema: Mapping[str, Any]) -> Any:
    """The value of texts: text where the schema takes nothing else, a list where it takes one, and otherwise JSON, or
    the text where it is no JSON.
    """
    if len(texts) > 1 or (_types(schema) == {"array"} and not texts[0].lstrip().startswith("[")):
        items = schema.get("items", {})
        return [value_of([text], items if isinstance(items, Mapping) else {}) for text in texts]
    if _types(schema) == {"string"}:
        return texts[0]
    try:
        return json.loads(texts[0])
    except (ValueError, RecursionError):
        return texts[0]


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The types that a schema takes, without null; empty when it does not say."""
    if "enum" in schema and "type" not in schema:
        return {"string"} if all(isinstance(value, str) for value in schema["enum"]) else set()
    named = schema.get("type", [])
    branches = [branch for key in ("anyOf", "oneOf") for branch in schema.get(key, [])]
    types = {named} if isinstance(named, str) else set(named)
    for branch in branches:
        types |= _types(branch) if isinstance(branch, Mapping) else set()
    return types - {"null"}
