"""Skills in folders: `APP/skills/<name>/SKILL.md`, with the files beside it and below.

The files are read once, so that a digest and the bytes that it is of never differ in one process. Links that lead out
of the folder are refused, and so is all that is no ordinary file.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured

from . import frontmatter
from .skill import ENTRY, MAX_BYTES, Content, Skill

FOLDER: Final = "skills"
_SKIPPED: Final = ("__pycache__", "node_modules")
_SKIPPED_SUFFIXES: Final = (".pyc", "~")


def find_folders(labels: Iterable[str] | None) -> Iterator[tuple[str, Path]]:
    """The folders of the apps with these labels, or of all installed apps, with the labels."""
    for app in [*apps.get_app_configs()] if labels is None else map(_app, labels):
        folder = Path(app.path) / FOLDER
        if folder.is_dir():
            yield app.label, folder
        elif labels is not None:
            raise ImproperlyConfigured(f"Skills(apps=…): the app {app.label!r} has no folder {folder}.")


def read_skills(prefix: str, folder: Path) -> list[Skill]:
    """The skills below a folder, the enclosing one first; their paths begin with the prefix. Raises
    `ImproperlyConfigured` with the remedy.
    """
    roots = [str(path) for path in _walk(folder, folder.resolve()) if path.name == ENTRY]
    roots = sorted(Path(root).parent.relative_to(folder).as_posix() for root in roots)
    if "." in roots:
        raise ImproperlyConfigured(
            f"{folder / ENTRY}: put it in a folder named as the skill is: {FOLDER}/<name>/{ENTRY}."
        )
    contents: dict[Path, Content] = {}
    return [_read_skill(f"{prefix}/{root}", folder / root, contents) for root in roots]


def _app(label: str) -> AppConfig:
    try:
        return apps.get_app_config(label)
    except LookupError as error:
        raise ImproperlyConfigured(f"Skills(apps=…): {error} Write the label of an installed app.") from None


def _read_skill(path: str, folder: Path, contents: dict[Path, Content]) -> Skill:
    entry, files, size = folder / ENTRY, {}, 0
    for file in _walk(folder, folder.resolve()):
        # A nested skill's files are those of the skill around it too, and are kept once.
        content = contents[file] = contents.get(file) or _read(file)
        files[file.relative_to(folder).as_posix()] = content
        size += len(content.data)
        if size > MAX_BYTES:
            break  # The skill refuses it.
    text = files[ENTRY].text if ENTRY in files else _read(entry).text
    if text is None or text.startswith("\ufeff"):
        raise ImproperlyConfigured(f"{entry}: save it as UTF-8 without a byte order mark.")
    return Skill(path, frontmatter.read(text, str(entry)), files, origin=str(entry))


def _read(file: Path) -> Content:
    try:
        return Content(file.read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"{file}: it cannot be read ({error.strerror}).") from None


def _walk(folder: Path, top: Path) -> Iterator[Path]:
    """The files below a folder, without hidden ones. Raises `ImproperlyConfigured` for links out of `top`, links to
    folders, and devices.
    """
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in _SKIPPED or entry.name.endswith(_SKIPPED_SUFFIXES):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, top)
        elif not entry.is_file() or not path.resolve().is_relative_to(top):
            raise ImproperlyConfigured(f"{path}: a skill has ordinary files, and links to files in it: copy the file.")
        else:
            yield path
