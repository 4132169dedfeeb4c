"""Texts that each reader gets in their own language: titles, descriptions and schemas with `gettext_lazy`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Final, TypeAlias

from django.utils.functional import Promise

Words: TypeAlias = str | Promise
"""A text, or a lazy one, which is translated when it is read."""

TRANSLATING: Final = frozenset({"django.utils.translation", "django.utils.text", "_operator"})
"""The modules of functions whose result depends on their arguments and on the language alone."""


def lazy_texts(value: Any) -> Iterator[Promise]:
    """The lazy texts that are anywhere in a definition."""
    if isinstance(value, dict):
        yield from lazy_texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from lazy_texts(inner)
    elif isinstance(value, Promise):
        yield value


def follows_language(text: Promise) -> bool:
    """Whether a lazy text says the same whenever the same language is active: it is made by Django's translations, such
    as `gettext_lazy` and `format_lazy`. Another may say something else for each tenant.
    """
    _, parts = text.__reduce__()  # Its function, and the function's arguments.
    return _follow_language(parts)


def _follow_language(part: Any) -> bool:
    if isinstance(part, Promise):
        return follows_language(part)
    # By its type, because a lazy object claims to be of the class of its value.
    kind = type(part)
    if issubclass(kind, dict):
        return all(map(_follow_language, part.values()))
    if issubclass(kind, list | tuple):
        return all(map(_follow_language, part))
    if issubclass(kind, str | int | float | NoneType | type):
        return True
    return getattr(part, "__module__", None) in TRANSLATING


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
    revision, and by language if it differs; none, where the language does not say which texts it has.
    """

    declared: dict[str, Any]
    is_translated: bool = field(init=False, default=False)
    is_kept: bool = field(init=False, default=True)
    written: dict[str, bytes] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts = list(lazy_texts(self.declared))
        object.__setattr__(self, "is_translated", bool(texts))
        object.__setattr__(self, "is_kept", all(map(follows_language, texts)))

    @property
    def definition(self) -> dict[str, Any]:
        """The entry, with its texts in the active language."""
        definition: dict[str, Any] = in_words(self.declared) if self.is_translated else self.declared
        return definition
