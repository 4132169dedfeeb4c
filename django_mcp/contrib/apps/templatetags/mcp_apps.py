"""`{% load mcp_apps %}`: the script of an app, its static files, and the forms of its tools."""

import base64
import json
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django import template
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.template import Context, TemplateSyntaxError
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from django_mcp.contrib.apps.csp import is_absolute, origin_of
from django_mcp.contrib.apps.documents import NAME, Rendering

register = template.Library()

SCRIPT: Final = Path(__file__).parent.parent / "templates" / "django_mcp" / "apps" / "app.js"


@register.simple_tag(takes_context=True)
def mcp_app(context: Context) -> SafeString:
    """The script that talks with the host: once, in the head of the document."""
    rendering = _rendering(context, "mcp_app")
    info = json.dumps({"name": rendering.app.name, "version": rendering.server.version})
    return format_html('<script data-mcp-app="{}">{}</script>', info, mark_safe(_script()))


@register.simple_tag(takes_context=True)
def mcp_static(context: Context, path: str, inline: bool | None = None) -> SafeString:
    """A script, a style sheet or an image of the static files: by its URL where STATIC_URL is absolute, else inline.

    An image becomes the address for an `src`; a `.js` or `.css` file its whole element.
    """
    rendering = _rendering(context, "mcp_static")
    url = staticfiles_storage.url(path)
    if inline or (inline is None and not is_absolute(url)):
        return _inlined(path)
    if not is_absolute(url):
        raise TemplateSyntaxError(f"{{% mcp_static {path!r} inline=False %}} needs a STATIC_URL with a host.")
    rendering.used.add(origin_of(url))
    if path.endswith((".js", ".mjs")):
        kind = mark_safe(' type="module"') if path.endswith(".mjs") else ""
        return format_html('<script src="{}"{}></script>', url, kind)
    if path.endswith(".css"):
        return format_html('<link rel="stylesheet" href="{}">', url)
    return format_html("{}", url)


@register.simple_tag(takes_context=True)
def mcp_form(context: Context, tool: str) -> Any:
    """The empty form of a tool: `{% mcp_form "order_save" as form %}`."""
    rendering = _rendering(context, "mcp_form")
    if tool not in rendering.forms:
        known = ", ".join(sorted(rendering.forms)) or "none"
        raise TemplateSyntaxError(
            f"{{% mcp_form {tool!r} %}}: no tool of {rendering.server.name} with this name has a form (there are: "
            f'{known}). It needs @form_tool(…) below @tool(visibility="app").'
        )
    return rendering.forms[tool]()


def _rendering(context: Context, tag: str) -> Rendering:
    rendering = context.get(NAME)
    if not isinstance(rendering, Rendering):
        raise TemplateSyntaxError(
            f"{{% {tag} %}} is for the template of an app, and for what it includes without only."
        )
    return rendering


@lru_cache(maxsize=1)
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")


def _inlined(path: str) -> SafeString:
    data = _read(path)
    if path.endswith((".js", ".mjs")):
        # In a script these occur in texts and regular expressions alone, where \x3c is the same as <.
        text = _replaced(_replaced(data.decode(), "</script", "\\x3c/script"), "<!--", "\\x3c!--")
        kind = ' type="module"' if path.endswith(".mjs") else ""
        return mark_safe(f"<script{kind}>{text}</script>")
    if path.endswith(".css"):
        text = _replaced(data.decode(), "</style", "<\\/style")
        return mark_safe(f"<style>{text}</style>")
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return format_html("data:{};base64,{}", kind, base64.b64encode(data).decode())


def _replaced(text: str, found: str, by: str) -> str:
    """A text with each of one piece, in any case, replaced."""
    lower, parts, start = text.lower(), [], 0
    while (place := lower.find(found, start)) >= 0:
        parts += [text[start:place], by]
        start = place + len(found)
    return "".join((*parts, text[start:]))


def _read(path: str) -> bytes:
    """The bytes of a static file: its source, or where that is not deployed, the file that was collected."""
    try:
        found = finders.find(path)
        if isinstance(found, str):
            return Path(found).read_bytes()
        stored = getattr(staticfiles_storage, "stored_name", lambda name: name)(path)
        with staticfiles_storage.open(stored) as file:
            return bytes(file.read())
    except (OSError, ValueError, ImproperlyConfigured, SuspiciousFileOperation) as error:
        raise TemplateSyntaxError(f"{{% mcp_static {path!r} %}}: there is no such static file ({error}).") from error
