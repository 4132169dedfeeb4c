"""The site's navigation is in the lists of docs/index.md; `make docs` builds the rest."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
INDEX = (DOCS / "index.md").read_text()


@pytest.fixture
def pages(monkeypatch):
    """The extension that reads the sections."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import pages

    yield pages
    sys.modules.pop("pages")


def test_each_page_is_in_one_section(pages):
    listed = [page["path"] for found in pages.sections_of(INDEX).values() for page in found]

    own = [path for path in listed if not path.startswith("../")]
    assert sorted(own) == sorted({page.name for page in DOCS.glob("*.md")} - {"index.md"})


def test_a_section_becomes_a_part_of_the_navigation(pages):
    index = "# A\n\nText.\n\n## How-to guides\n\n* [Tools](tools.md): functions\n* [Changes](../CHANGELOG.md)\n"

    shown = pages.read("index", index)

    assert shown == (
        "# A\n\nText.\n\n## How-to guides\n\n* [Tools](tools.md): functions\n* [Changes](project/CHANGELOG.md)\n\n"
        "```{toctree}\n:hidden:\n:caption: How-to guides\n\ntools\nproject/CHANGELOG\n```\n"
    )
