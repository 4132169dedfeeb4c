"""The catalogues of `django_mcp/locale`: written from the marked strings, and compiled. `make messages` runs this.

Babel does here what makemessages and compilemessages do with the tools of GNU gettext, so nobody has to install those.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "django_mcp"
LOCALE: Final = PACKAGE / "locale"
LANGUAGES: Final = ("de", "es", "fr", "ja", "zh_Hans")
DOMAINS: Final = ("django", "djangojs")
"""Django's names for the strings of modules and templates, and for those of scripts."""

JAVASCRIPT: Final = {"encoding": "utf-8", "parse_template_string": True}
"""Calls in the holes of template strings are found too."""

KEYWORDS: Final = DEFAULT_KEYWORDS | {
    f"{name}{end}": DEFAULT_KEYWORDS[name]
    for name in ("gettext", "ngettext", "pgettext", "npgettext")
    for end in ("_lazy", "_noop")
}


def templates() -> list[Path]:
    return sorted(PACKAGE.rglob("templates/**/*.html"))


def scripts() -> list[Path]:
    """The sources of the page's script; others get their words from a template."""
    return sorted(PACKAGE.glob("page/scripts/*.js"))


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "migrations")


@cache
def marked(domain: str = "django") -> Catalog:
    """The marked strings of the package, without translations."""
    catalog = Catalog()
    for path in scripts() if domain == "djangojs" else (*modules(), *templates()):
        for _line, message, comments, context in _extract(path):
            place = (path.relative_to(ROOT).as_posix(), 1)
            catalog.add(message, None, locations=[place], auto_comments=comments, context=context)
    return catalog


def _extract(path: Path) -> Iterator[Any]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return extract("javascript", io.BytesIO(source.encode()), {"gettext": None}, (), JAVASCRIPT)
    if path.suffix == ".html":
        # Django leaves calls of gettext, and an X for any other character. In brackets, indentation means nothing.
        source = f"(\n{templatize(source, origin=str(path))}\n)"
    return extract("python", io.BytesIO(source.encode()), KEYWORDS, ("Translators:",), {"encoding": "utf-8"})


def path_of(language: str, domain: str = "django", suffix: str = ".po") -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain}{suffix}"


def read(language: str, domain: str = "django") -> Catalog:
    """The catalogue of a language; one without entries, if there is none."""
    path = path_of(language, domain)
    if not path.exists():
        return Catalog(
            language,
            project="django_mcp",
            version="0.1",
            header_comment=f"# django_mcp in {Locale.parse(language).english_name}: see CONTRIBUTING.md.",
            last_translator="django_mcp contributors",
            language_team=str(Locale.parse(language).english_name),
            msgid_bugs_address="none",
            revision_date=datetime(2026, 11, 29, tzinfo=UTC),
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, domain: str) -> list[str]:
    """Writes and compiles a language's catalogue, and returns the strings that have no translation yet."""
    catalog = read(language, domain)
    # An entry that a similar one resembles is left empty: a guess would look like a translation.
    catalog.update(marked(domain), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    with path_of(language, domain).open("wb") as file:
        # Line numbers would change, and conflict, with every commit.
        write_po(file, catalog, width=100, sort_output=True, include_lineno=False)
    with path_of(language, domain, ".mo").open("wb") as file:
        write_mo(file, catalog)
    return [str(entry.id) for entry in catalog if entry.id and not is_translated(entry)]


def is_translated(entry: Any) -> bool:
    texts = entry.string if isinstance(entry.string, list | tuple) else [entry.string]
    return all(texts) and not entry.fuzzy


if __name__ == "__main__":
    for each, its_domain in product(LANGUAGES, DOMAINS):
        missing = update(each, its_domain)
        print(f"{path_of(each, its_domain).relative_to(ROOT)}: {len(missing)} to translate")
        print(*(f"    {text}" for text in missing), sep="\n", end="\n" if missing else "")
