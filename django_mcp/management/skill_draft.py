"""A first SKILL.md for an app, for `manage.py startmcp --skill`."""

import re
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(-[a-z0-9]+)*")
"""The names that a skill may have (SEP-2640)."""

DRAFT: Final = """---
name: {name}
description: How to {words}. Use it when …
---

# {title}

1. Say which tools to call, in which order, and how to check what they return.
2. Say what to ask the user before anything is changed.

Put long tables and examples into files beside this one, and name them here: the model reads them when it needs them.
"""


def path_of(app_path: str, name: str) -> Path:
    """The place of a skill in an app."""
    return Path(app_path) / "skills" / name / "SKILL.md"


def draft(name: str) -> str:
    """The text of a first SKILL.md."""
    words = name.replace("-", " ")
    return DRAFT.format(name=name, words=words, title=words.capitalize())
