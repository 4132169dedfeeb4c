"""Fragments of HTML in results."""

from django_mcp import ToolResult
from django_mcp.contrib.apps import fragment


def test_a_fragment_is_rendered_and_escaped_beside_its_data_and_its_text(shop):
    shop["rows.html"] = "{% for row in rows %}<li>{{ row }}</li>{% endfor %}"

    assert fragment("rows.html", {"rows": ["<a>", 1]}, text="2 rows", data={"total": 2}) == ToolResult(
        content="2 rows", structured={"total": 2, "html": "<li>&lt;a&gt;</li><li>1</li>"}
    )
    assert fragment("rows.html", text="none").structured == {"html": ""}
