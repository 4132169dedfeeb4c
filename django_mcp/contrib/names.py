"""Names of tools from names of models: ASCII words joined by underscores, the same in every language of the project.

A model's verbose names are for people and translated. A tool's name is for programs: it comes from the model's class.
"""

import re
import unicodedata
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_IRREGULAR: Final = {"person": "people", "child": "children", "man": "men", "woman": "women", "quiz": "quizzes"}

_claimed: dict[str, str] = {}
"""The label of the model that first used each noun; another model with the same name gets its app's label as a
prefix.
"""


def noun_of(model: Any) -> str:
    """The noun for a row in the names of a model's tools: `trip_plan` for `TripPlan`, or `geo_country` if another app's
    `Country` came first. Raises `ImproperlyConfigured` for a class whose name has no ASCII letters.
    """
    noun, label = snake(model.__name__), str(model._meta.label)
    if not noun:
        raise ImproperlyConfigured(f"{label}: the class's name has no ASCII letters to name tools by; give noun=….")
    return noun if _claimed.setdefault(noun, label) == label else f"{snake(model._meta.app_label)}_{noun}"


def snake(name: str) -> str:
    """The words of a class's name in lower case: `api_token` for `APIToken`. Accents are removed."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "_".join(_WORD.findall(plain)).lower()


def plural(noun: str) -> str:
    """The English plural of a noun's last word: `countries`, `addresses`, `boxes`. `news` and `settings` are plurals
    already.
    """
    *before, word = noun.split("_")
    return "_".join([*before, _plural(word)])


def _plural(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    if word.endswith("is"):
        return f"{word[:-2]}es"
    if re.search(r"(ss|us|as|x|z|ch|sh)$", word):
        return f"{word}es"
    return word if word.endswith("s") else f"{word}s"
