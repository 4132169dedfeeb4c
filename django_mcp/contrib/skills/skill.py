"""A skill: its path, its frontmatter, and its files as they are served."""

import hashlib
import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from django_mcp import EmbeddedResource
from django_mcp.primitives.access import Permission

ENTRY: Final = "SKILL.md"
MARKDOWN: Final = "text/markdown"
MAX_FILES: Final = 512
MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest skill that clients should have to take (SEP-2640)."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, which never change, and their digest."""

    data: bytes
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Once: every client asks for the digests of all files.
        object.__setattr__(self, "digest", f"sha256:{hashlib.sha256(self.data).hexdigest()}")

    @property
    def text(self) -> str | None:
        """The bytes as text, if the client gets the same bytes back from it; a byte order mark stays."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def described(self, uri: str) -> dict[str, Any]:
        """The file's entry in a skill's list of files."""
        return {"uri": uri, "digest": self.digest, "size": len(self.data)}

    def as_resource(self, path: str) -> EmbeddedResource:
        mime_type = mime_type_of(path, is_text=self.text is not None)
        if self.text is not None:
            return EmbeddedResource("", text=self.text, mime_type=mime_type)
        return EmbeddedResource("", blob=self.data, mime_type=mime_type)


@dataclass(eq=False)
class Skill:
    """A skill. `path` is that of its URIs, as in `skill://<path>/SKILL.md`; `files` are its files by their path in it.

    `entry` makes the SKILL.md of a skill whose `files` have none: once, at first use, or anew for each reader if it
    `is_dynamic`, which has no digests then.
    """

    path: str
    frontmatter: Mapping[str, Any]
    files: Mapping[str, Content]
    entry: Callable[..., Any] | None = None
    is_dynamic: bool = False
    permission: Permission | Iterable[Permission] | None = None
    scopes: tuple[str, ...] = ()
    origin: str = ""
    outermost: str = ""
    """The path of the outermost skill around it, whose files its own are too."""
    _lock: Any = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        if self.path.rpartition("/")[2] != self.name:
            raise ImproperlyConfigured(f"{self.origin}: its folder is named as the skill is: {self.name!r}.")
        for path in self.files:
            check_path(path, self.origin)
        if len(self.files) > MAX_FILES or sum(len(one.data) for one in self.files.values()) > MAX_BYTES:
            raise ImproperlyConfigured(
                f"{self.origin}: a skill has at most {MAX_FILES} files and {MAX_BYTES} bytes: divide it, or link to "
                "what is large."
            )

    @property
    def name(self) -> str:
        return str(self.frontmatter["name"])

    @property
    def uri(self) -> str:
        return self.uri_of(ENTRY)

    def uri_of(self, path: str = "") -> str:
        """The URI of a file or a folder in the skill; without a path, of the skill's own folder."""
        return f"skill://{quote(f'{self.path}/{path}'.rstrip('/'), safe='/')}"

    @property
    def paths(self) -> list[str]:
        """The paths of all files, SKILL.md first."""
        return [ENTRY, *sorted(path for path in self.files if path != ENTRY)]

    def content_of(self, path: str) -> Content:
        """The content of a file that is the same for all."""
        return self._entry if path == ENTRY and self.entry is not None else self.files[path]

    def described(self) -> dict[str, Any]:
        """The skill as `skills/list` shows it."""
        files: Any = "dynamic"
        if not self.is_dynamic:
            files = [self.content_of(path).described(self.uri_of(path)) for path in self.paths]
        return {"uri": self.uri, "frontmatter": dict(self.frontmatter), "resources": files}

    @property
    def _entry(self) -> Content:
        # Two threads must not make two: a text may say when it was made.
        with self._lock:
            return self._made

    @cached_property
    def _made(self) -> Content:
        assert self.entry is not None
        return Content(str(self.entry()).encode())


def mime_type_of(path: str, *, is_text: bool) -> str:
    """The MIME type by the name of a file."""
    if path.endswith(".md"):
        return MARKDOWN
    guessed = mimetypes.guess_type(path)[0]
    return guessed or ("text/plain" if is_text else "application/octet-stream")


def check_path(path: str, label: str) -> None:
    """Raises `ImproperlyConfigured` for a path that could lead out of the skill, or that no URI could name."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or not path.isprintable() or "\\" in path:
        raise ImproperlyConfigured(
            f"{label}: {path!r} is no path of a file in a skill: write it as 'scripts/check.py'."
        )
