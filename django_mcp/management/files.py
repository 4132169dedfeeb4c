"""Files that commands write for other programs: read, changed in one place, and replaced as a whole."""

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def replace_file(path: Path, text: str) -> None:
    """Writes a file, so that a reader sees the old text or the new one. A new file is its owner's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}-")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if real.exists():
            os.chmod(name, real.stat().st_mode & 0o777)
        os.replace(name, real)
    except BaseException:
        os.unlink(name)
        raise


def merge_json(path: Path, addition: Mapping[str, Any]) -> str:
    """The text of a JSON file with a document merged into it: objects key by key, lists by their items. Raises
    `CommandError` for a file that is not plain JSON.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8") or "{}") if path.exists() else {}
    except (ValueError, RecursionError) as error:
        values = {"path": path, "error": error}
        raise CommandError(
            _("%(path)s is not plain JSON (%(error)s), and is kept. Add the entry by hand.") % values
        ) from None
    if not isinstance(document, dict):
        raise CommandError(_("%(path)s is not a JSON object, and is kept.") % {"path": path})
    return json.dumps(_merged(document, addition, depth=2), indent=2, ensure_ascii=False) + "\n"


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """`new` in `old`. The entry of a server, at the second level, is replaced as a whole."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if depth > 1 and isinstance(before, dict) and isinstance(value, Mapping):
            merged[key] = _merged(before, value, depth - 1)
        elif isinstance(before, list) and isinstance(value, list):
            merged[key] = [*before, *(item for item in value if item not in before)]
        else:
            merged[key] = value
    return merged


def append_toml(path: Path, tables: tuple[str, str], text: str) -> str:
    """The text of a TOML file with a table added at its end. Raises `CommandError` when it has the table already."""
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomllib.loads(before)
    except ValueError as error:
        raise CommandError(
            _("%(path)s is not TOML (%(error)s), and is kept.") % {"path": path, "error": error}
        ) from None
    outer, inner = tables
    if inner in document.get(outer, {}):
        if document[outer][inner] == tomllib.loads(text)[outer][inner]:
            return before
        values = {"path": path, "table": f"{outer}.{inner}"}
        raise CommandError(
            _("%(path)s has another [%(table)s] already, and is kept. Remove that table first.") % values
        )
    return f"{before.rstrip()}\n\n{text}" if before.strip() else text
