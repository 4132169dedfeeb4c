"""Secrets that a checkout makes up once and keeps to itself, in untracked files that only their owner can read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file at `path`, made with `make` when there is none yet.

    Processes that start together get the same secret: each writes its own complete file, and only the first one's link
    takes the name. Raises `OSError` where the folder cannot be written.
    """
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{make()}\n")
            os.link(name, path)
        except FileExistsError:
            pass  # Another process was first: its secret is the one.
        finally:
            os.unlink(name)
    return path.read_text(encoding="utf-8").strip()
