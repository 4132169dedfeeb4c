"""Fragments of HTML in results, which the script of an app puts into the page."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string

from django_mcp import ToolResult


def fragment(
    template: str, context: Mapping[str, Any] | None = None, *, text: str, data: Mapping[str, Any] | None = None
) -> ToolResult:
    """A result whose `html` is a rendered template, for the element that `data-mcp-target` names.

    `text` is for the model, and for clients that show no apps; `data` are further members of the structured content.
    """
    html = render_to_string(template, dict(context or {}))
    return ToolResult(content=text, structured={**(data or {}), "html": str(html)})
