"""Matching a path with the parts of a URI template, in time proportional to the path's length.

A regular expression for `{a}-{b}-{c}` backtracks, which takes cubic time. Here each part is tried once, at all
positions of the path together: a set of positions is the bits of one integer. Position 0 is before the first character
and has the highest bit; the end of the path is bit 0.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_SEPARATORS: Final = re.compile(r"[/?#]")
_LINE_ENDS: Final = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in a path: `{name}`, or `{+name}`, which may contain separators. Its value is never empty."""

    name: str
    is_open: bool

    @property
    def stops(self) -> re.Pattern[str]:
        """The characters that a value cannot contain."""
        return _LINE_ENDS if self.is_open else _SEPARATORS


Part: TypeAlias = str | Variable


def pattern_of(parts: tuple[Part, ...]) -> re.Pattern[str] | None:
    """A regular expression for parts in which each variable ends at a separator or at the end of the path; `None` for
    others, because their expression would backtrack.
    """
    pattern = ""
    for part, following in zip(parts, (*parts[1:], None), strict=True):
        if isinstance(part, str):
            pattern += re.escape(part)
        elif following is None or (not part.is_open and isinstance(following, str) and following[0] in "/?#"):
            # Possessive: takes as much as possible and never backtracks.
            pattern += f"(?P<{part.name}>{'.' if part.is_open else '[^/?#]'}++)"
        else:
            return None
    return re.compile(pattern)


def match(parts: tuple[Part, ...], path: str) -> dict[str, str] | None:
    """The variables of a path that consists of the parts, else `None`. If there are several ways, the first variable is
    the longest possible, then the second, and so on.
    """
    if isinstance(parts[0], str) and not path.startswith(parts[0]):
        return None
    begins = [1]
    sets: dict[str | re.Pattern[str], int] = {}
    for part in reversed(parts):
        begins.append(_begins(part, path, begins[-1], sets))
        if not begins[-1]:
            return None
    if not begins.pop() >> len(path):
        return None
    values: dict[str, str] = {}
    place = 0
    for part in parts:
        ends = begins.pop()
        if isinstance(part, str):
            place += len(part)
        else:
            start, place = place, _last_end(part, path, place, ends)
            values[part.name] = path[start:place]
    return values


def _begins(part: Part, path: str, ends: int, sets: dict[str | re.Pattern[str], int]) -> int:
    """The positions where a part can begin, given those where it can end. `sets` caches what equal parts share."""
    if isinstance(part, str):
        if part not in sets:
            sets[part] = _bits(_occurrences(part, path), path)
        return sets[part] & (ends << len(part))
    if part.stops not in sets:
        # All characters except the stops; the end of the path has none.
        stops = _bits((stop.start() for stop in part.stops.finditer(path)), path)
        sets[part.stops] = (2 << len(path)) - 2 & ~stops
    inside = sets[part.stops]
    last_characters = (ends << 1) & inside
    # The addition carries from a last character through all characters before it, up to a stop.
    return inside & ~(inside + last_characters) | last_characters


def _last_end(variable: Variable, path: str, start: int, ends: int) -> int:
    """The last position where the value that begins at `start` can end. It exists."""
    stop = variable.stops.search(path, start)
    after = len(path) - stop.start() if stop else 0
    reachable = ends >> after
    return len(path) - after - ((reachable & -reachable).bit_length() - 1)


def _occurrences(text: str, path: str) -> Iterator[int]:
    at = path.find(text)
    while at >= 0:
        yield at
        at = path.find(text, at + 1)


def _bits(places: Iterable[int], path: str) -> int:
    bits = bytearray(b"0") * (len(path) + 1)
    for place in places:
        bits[place] = ord("1")
    return int(bits, 2)
