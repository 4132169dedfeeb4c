"""The pages and their sections: `index.md` says which page is in which section, in the lists that people read there.

Each of its headings becomes a part of the navigation. A page that no list names is in no section: Sphinx says so, and
the build fails. The pages at the root of the repository (CHANGELOG.md …) are copied into `project/` for the build.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

LISTED = re.compile(r"^\* \[(?P<title>[^\]]+)\]\((?P<path>[^)#]+\.md)\)(?:: (?P<about>.+))?$", re.MULTILINE)
REFERENCE = "\n## From the docstrings\n\n```{toctree}\n:maxdepth: 1\n:glob:\n\nreference/*\n```\n"


def sections_of(index: str) -> dict[str, list[re.Match[str]]]:
    """The pages that each section of `index.md` lists, by its heading."""
    _, *parts = re.split(r"^## (.+)\n", index, flags=re.MULTILINE)
    return {heading: list(LISTED.finditer(text)) for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def on_the_site(text: str) -> str:
    """The text of a page of `docs/`, with links to the root's pages as the site has them."""
    return re.sub(r"\]\(\.\./([A-Z_]+\.md)", r"](project/\1", text)


def with_navigation(index: str) -> str:
    """The text of `index.md`, with a tree of contents for each section."""
    trees = [
        f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n"
        + "\n".join(page["path"].removesuffix(".md") for page in pages)
        + "\n```\n"
        for heading, pages in sections_of(index).items()
    ]
    return "\n".join([index, *trees])


def read(docname: str, text: str) -> str:
    """The text that Sphinx takes for a page."""
    if "/" in docname:
        return text
    text = on_the_site(text)
    match docname:
        case "index":
            return with_navigation(text)
        case "api":
            return text + REFERENCE
    return text


def copy_project_pages(app: "Sphinx") -> None:
    """Writes the root's pages into `project/`, with their links to `docs/` as they are from there."""
    root, folder = Path(app.srcdir).parent, Path(app.srcdir) / "project"
    folder.mkdir(exist_ok=True)
    for page in root.glob("*.md"):
        text = re.sub(r"\]\(docs/", "](../", page.read_text(encoding="utf-8"))
        write_if_changed(folder / page.name, text)


def write_if_changed(path: Path, text: str) -> None:
    """Writes a file, and leaves the time of one that has this text already: Sphinx reads only what has changed."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def replace_source(app: "Sphinx", docname: str, source: list[str]) -> None:
    source[0] = read(docname, source[0])


def setup(app: "Sphinx") -> "ExtensionMetadata":
    app.connect("builder-inited", copy_project_pages)
    app.connect("source-read", replace_source)
    return {"parallel_read_safe": True}
