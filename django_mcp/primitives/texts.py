"""Texts that each reader gets in their own language: titles, descriptions and schemas with `gettext_lazy`."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.utils.functional import Promise

Words: TypeAlias = str | Promise
"""A text, or a lazy one, which is translated when it is read."""


def is_translated(value: Any) -> bool:
    """Whether a lazy text is anywhere in a definition."""
    if isinstance(value, dict):
        return any(map(is_translated, value.values()))
    return any(map(is_translated, value)) if isinstance(value, list | tuple) else isinstance(value, Promise)


def in_words(value: Any) -> Any:
    """The definition with its lazy texts in the active language."""
    if isinstance(value, dict):
        return {key: in_words(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_words(inner) for inner in value]
    return str(value) if isinstance(value, Promise) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Base of the primitives. `declared` is the entry in a list, whose texts may be lazy; `written` keeps its JSON, by
    revision, and by language if it differs.
    """

    declared: dict[str, Any]
    is_translated: bool = field(init=False, default=False)
    written: dict[str, bytes] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_translated", is_translated(self.declared))

    @property
    def definition(self) -> dict[str, Any]:
        """The entry, with its texts in the active language."""
        definition: dict[str, Any] = in_words(self.declared) if self.is_translated else self.declared
        return definition
