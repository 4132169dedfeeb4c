"""Copies for models: each page as Markdown beside its HTML (`tools.md` beside `tools.html`), and `llms.txt`.

A page that is written in Markdown is copied. The reference, which is made from docstrings, is rendered as Markdown.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from docutils import nodes
from pages import on_the_site, sections_of
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def write_copies(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    source, out = Path(app.srcdir), Path(app.outdir)
    for docname in sorted(app.env.found_docs):
        page = source / f"{docname}.md"
        if page.exists():
            text = page.read_text(encoding="utf-8")
            (out / f"{docname}.md").write_text(text if "/" in docname else on_the_site(text), encoding="utf-8")
    render_reference(app)
    (out / "llms.txt").write_text(llms(app), encoding="utf-8")


def render_reference(app: Sphinx) -> None:
    """Writes the Markdown of the pages that are made from docstrings, out of the documents that are read already."""
    pages = sorted((Path(app.srcdir) / "reference").glob("*.rst"))
    with TemporaryDirectory() as folder:
        other = Sphinx(app.srcdir, app.confdir, folder, app.doctreedir, "markdown", status=None, warning=None)
        other.build(filenames=[str(page) for page in pages])
        for page in (Path(folder) / "reference").glob("*.md"):
            # A model knows `str`, and pays for each link to it.
            text = FOREIGN_LINK.sub(r"\1", page.read_text(encoding="utf-8"))
            (Path(app.outdir) / "reference" / page.name).write_text(text, encoding="utf-8")


FOREIGN_LINK = re.compile(r"\[([^\]]+)\]\(https://docs\.(?:python\.org|djangoproject\.com)[^)]*\)")


def llms(app: Sphinx) -> str:
    """The list of the pages, each with a line about it, in the form of https://llmstxt.org."""
    index = on_the_site((Path(app.srcdir) / "index.md").read_text(encoding="utf-8"))
    sections = {
        heading: [entry(page["title"], page["path"], page["about"]) for page in pages]
        for heading, pages in sections_of(index).items()
    }
    made = sorted(name for name in app.env.found_docs if name.startswith("reference/"))
    sections["Reference"] += [
        entry(app.env.titles[name].astext(), f"{name}.md", "from the docstrings") for name in made
    ]
    lists = [f"## {heading}\n\n" + "\n".join(entries) + "\n" for heading, entries in sections.items()]
    return "\n".join([f"# django_mcp {app.config.release}\n\n> {ABOUT}\n", *lists])


ABOUT = "Model Context Protocol (MCP) endpoints for Django: tools, resources and prompts of a project, for its users."


def entry(title: str, path: str, about: str | None) -> str:
    return f"- [{title}]({path})" + (f": {about}" if about else "")


def pass_through(translator: nodes.NodeVisitor, node: nodes.Node) -> None:
    """Renders the children of a node, and nothing for itself."""


def setup(app: Sphinx) -> ExtensionMetadata:
    app.setup_extension("sphinx_markdown_builder")
    # The star before keyword-only arguments is one.
    app.add_node(nodes.abbreviation, override=True, markdown=(pass_through, pass_through))
    app.connect("build-finished", write_copies)
    return {"parallel_read_safe": True}
