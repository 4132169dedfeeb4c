"""The head of a SKILL.md: YAML between two lines of three hyphens, with at least `name` and `description`.

Clients compare the head that a server lists with the one that they read in the file, with YAML libraries of either
version. A value that YAML 1.1 and 1.2 read differently is therefore refused, like all that JSON does not have.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

NAME: Final = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(-[a-z0-9]+)*")
SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""A part of the path before the name."""

DESCRIPTION_CHARACTERS: Final = 1024
"""The longest description (agentskills.io)."""

_HEAD: Final = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,14})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+][0-9]+)?")
_NUMBER_OF_1_2: Final = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""Plain scalars that are numbers in YAML 1.2, and may be texts in 1.1."""

_RESERVED: Final = "io.modelcontextprotocol/"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")


def read(text: str, label: str) -> dict[str, Any]:
    """The frontmatter of a SKILL.md as JSON. Raises `ImproperlyConfigured` with the remedy; `label` names the file."""
    head = _HEAD.match(text)
    if head is None:
        raise ImproperlyConfigured(f"{label}: begin it with frontmatter: a line ---, name: …, description: …, and ---.")
    members = _parse(head[1], label)
    if not isinstance(members, dict):
        raise ImproperlyConfigured(f"{label}: its frontmatter is no mapping: write lines such as name: refund-order.")
    check(members, label)
    return members


def write(members: Mapping[str, str]) -> str:
    """The frontmatter of these texts, which a JSON string quotes as YAML does."""
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in members.items()]
    return f"---\n{''.join(lines)}---\n\n"


def check(members: Mapping[str, Any], label: str) -> None:
    """Raises `ImproperlyConfigured` when the name, the description or the metadata break a rule (SEP-2640)."""
    name, description = members.get("name"), members.get("description")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ImproperlyConfigured(
            f"{label}: {name!r} is no name of a skill: 1 to 64 of a-z, 0-9 and single hyphens, as in 'refund-order'."
        )
    if not isinstance(description, str) or not description.strip():
        raise ImproperlyConfigured(f"{label}: give it a description, by which a model chooses the skill.")
    if len(description) > DESCRIPTION_CHARACTERS:
        raise ImproperlyConfigured(f"{label}: its description is longer than {DESCRIPTION_CHARACTERS} characters.")
    metadata = members.get("metadata")
    if isinstance(metadata, dict) and any(key.startswith(_RESERVED) for key in metadata):
        raise ImproperlyConfigured(f"{label}: keys of metadata that begin with {_RESERVED!r} are the protocol's own.")


def one_line(text: str) -> str:
    """A text without line breaks and control characters, which YAML would have to escape in its own way."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def _parse(head: str, label: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ImproperlyConfigured(
            f"{label}: PyYAML reads its frontmatter: pip install 'django-mcp-endpoints[skills]'."
        ) from None
    try:
        if any(isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken) for token in yaml.scan(head)):
            raise ImproperlyConfigured(f"{label}: its frontmatter has an alias or a tag: write the value itself.")
        return _value(yaml.compose(head, yaml.SafeLoader), label)
    except (yaml.YAMLError, RecursionError) as error:
        raise ImproperlyConfigured(f"{label}: its frontmatter is no YAML ({one_line(str(error))}).") from None


def _value(node: Any, label: str) -> Any:
    """The JSON value of a node of YAML."""
    if node is None:
        return None
    if node.id == "sequence":
        return [_value(item, label) for item in node.value]
    if node.id == "mapping":
        return _mapping(node, label)
    return node.value if node.style is not None else _plain(node, label)


def _mapping(node: Any, label: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = _value(key, label)
        if not isinstance(name, str):
            raise ImproperlyConfigured(f"{label}: the key {name!r} of its frontmatter is no text: put it in quotes.")
        if name in found:
            raise ImproperlyConfigured(f"{label}: its frontmatter has {name!r} twice: keep one of them.")
        found[name] = _value(value, label)
    return found


def _plain(node: Any, label: str) -> Any:
    """The value of a scalar without quotes, if both versions of YAML read it alike."""
    text: str = node.value
    if text.lower() in _CONSTANTS and text in (text.lower(), text.capitalize(), text.upper()):
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if node.tag == "tag:yaml.org,2002:str" and not _NUMBER_OF_1_2.fullmatch(text):
        return text
    raise ImproperlyConfigured(
        f"{label}: clients read {text!r} in its frontmatter in different ways: put it in quotes."
    )
