"""Text as people type it: without case, accents or punctuation, so that "sao paulo" finds São Paulo."""

from __future__ import annotations

import re
import unicodedata

# Letters that Unicode does not take apart.
_SPELT_OUT = str.maketrans({"æ": "ae", "ð": "d", "đ": "d", "\u0131": "i", "ł": "l", "ø": "o", "þ": "th"})
# Apostrophes of every shape (O'Hare), and soft hyphens.
_LEFT_OUT = re.compile("['\u2018\u2019\u02bb\u02bc\u00ad]")
# More than any airport's own text, and less than a database finds too long to look for.
_MAX_LENGTH = 250


def fold(text: str) -> list[str]:
    """The words of the text, folded: letters and digits only, so they are safe in any database."""
    decomposed = unicodedata.normalize("NFKD", _LEFT_OUT.sub("", text[:_MAX_LENGTH]).casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"\w+", letters.translate(_SPELT_OUT))
