"""Arguments for the audit: without secret values, and cut.

The result is always JSON, whatever a client sent, and takes time in proportion to what is kept.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

from django_mcp.primitives.sensitive import ALL

REDACTED: Final = "[redacted]"
MORE: Final = "…"

MAX_KEY: Final = 100
"""The most characters of an argument's name."""

MAX_DEPTH: Final = 12

MIN_SECRET: Final = 4
"""A shorter value is not looked for in messages: it would take away parts of words."""

MAX_SECRETS: Final = 20

_SHORT: Final = 6
"""A word of this length or more is found anywhere in a name; a shorter one (`pin`) must be a word of it."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# A name ends at the next delimiter, so that each character is read once.
_QUERY: Final = re.compile(r"([?&;])([^=?&;]+)=([^&;#]*)")
# In JSON within JSON, the quotation marks have backslashes.
_NAME: Final = re.compile(r'"([^"\\]{1,100})\\*"\s*:')
_USERINFO: Final = re.compile(r"(//[^/@:]*):[^/@]*@")


@lru_cache(maxsize=8)
def matcher(words: tuple[str, ...]) -> Callable[[str], bool]:
    """A function that says of an argument's name whether its value is secret; it remembers names."""
    return lru_cache(maxsize=4096)(partial(_is_secret, words))


def is_secret(name: str, words: tuple[str, ...]) -> bool:
    """Whether an argument's name says that its value is secret."""
    return matcher(words)(name)


def _is_secret(words: tuple[str, ...], name: str) -> bool:
    parts = [part.lower() for part in _WORD.findall(name)]
    joined, spaced = "".join(parts), f" {' '.join(parts)} "
    for word in words:
        wanted = [part.lower() for part in _WORD.findall(word)]
        if not wanted:
            # A word of another script.
            if word.casefold() in name.casefold():
                return True
            continue
        squashed = "".join(wanted)
        if f" {' '.join(wanted)} " in spaced or (len(squashed) >= _SHORT and squashed in joined):
            return True
    return False


class Redaction:
    """The redaction of one call: `sensitive` are the names of its secret parameters, `words` those of MCP_AUDIT_REDACT.

    `kept()` leaves at most about `characters` of a value. `scrub()` takes the secrets that it found out of a text.
    """

    __slots__ = ("_characters", "_is_named_secret", "_left", "_secrets", "_sensitive")

    def __init__(self, sensitive: frozenset[str], words: tuple[str, ...], characters: int) -> None:
        self._sensitive = sensitive
        self._is_named_secret = matcher(words)
        self._left = self._characters = characters
        self._secrets: list[str] = []

    @property
    def spent(self) -> int:
        """About the characters that were kept."""
        return self._characters - max(self._left, 0)

    @property
    def has_secrets(self) -> bool:
        return bool(self._secrets)

    def kept(self, value: Any, depth: int = 0) -> Any:
        """The value without secrets, cut."""
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int | float):
            self._left -= 8
            return value if not isinstance(value, int) or abs(value) < 10**30 else MORE
        if depth >= MAX_DEPTH or self._left <= 0:
            return MORE
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._items(value, depth)
        return self._text(type(value).__name__)

    def scrub(self, text: str) -> str:
        """The text without the secret values, the longest first."""
        # One character holds the places: a client could choose secrets that occur in REDACTED, and multiply it.
        forms = {form for secret in self._secrets if len(secret) <= len(text) for form in _forms_of(secret)}
        for secret in sorted(forms, key=len, reverse=True):
            text = text.replace(secret, "\0")
        return text.replace("\0", REDACTED) if self._secrets else text

    def uri(self, uri: str) -> str:
        """A URI without its password, and without secret values of its query."""
        uri = _USERINFO.sub(rf"\1:{REDACTED}@", uri)
        return self.scrub(_QUERY.sub(self._query, uri)) if "=" in uri or self._secrets else uri

    def _query(self, match: re.Match[str]) -> str:
        is_kept = not self._is_named_secret(unquote(match[2])[:MAX_KEY])
        return match[0] if is_kept else f"{match[1]}{match[2]}={REDACTED}"

    def _text(self, text: str) -> str:
        # Models send objects as JSON texts too. One with a secret is left out whole, since it may be no valid JSON.
        if text.lstrip()[:1] in ("{", "[") and any(map(self._is_secret, _NAME.findall(text[: max(self._left, 0)]))):
            return self._hide(text)
        left, self._left = max(self._left, 0), self._left - len(text)
        return text if len(text) <= left else f"{text[:left]}{MORE} ({len(text)} characters)"

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for number, (name, item) in enumerate(value.items()):
            if self._left <= 0:
                kept[MORE] = f"{len(value) - number} more"
                break
            key = str(name)[:MAX_KEY]
            self._left -= len(key) + 4
            kept[key] = self._hide(item) if self._is_secret(key) else self.kept(item, depth + 1)
        return kept

    def _items(self, value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        kept: list[Any] = []
        for number, item in enumerate(value):
            if self._left <= 0:
                kept.append(f"{MORE} ({len(value) - number} more)")
                break
            self._left -= 2
            kept.append(self.kept(item, depth + 1))
        return kept

    def _is_secret(self, name: str) -> bool:
        return self._sensitive is ALL or name in self._sensitive or self._is_named_secret(name)

    def _hide(self, value: Any) -> str:
        """Notes the secret values within a value, so that a message that repeats one can be cleaned."""
        waiting = [value]
        while waiting and len(self._secrets) < MAX_SECRETS:
            one = waiting.pop()
            if isinstance(one, Mapping):
                waiting += list(one.values())[:MAX_SECRETS]
                # Keys come after all values: most are names of fields.
                waiting[:0] = islice(one, MAX_SECRETS)
            elif isinstance(one, list | tuple):
                waiting += one[:MAX_SECRETS]
            elif not isinstance(one, bool) and one is not None:
                text = one if isinstance(one, str) else str(one)
                if len(text) >= MIN_SECRET:
                    self._secrets.append(text)
        return REDACTED


def _forms_of(secret: str) -> Iterator[str]:
    """A secret as messages repeat it: as it is, and with the escapes of Python and of JSON."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
