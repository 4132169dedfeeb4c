"""The template tags: the script, and static files inline or by their URL."""

import re

import pytest
from django.template import TemplateSyntaxError
from django.test import override_settings

from django_mcp import MCPServer
from django_mcp.contrib.apps import app
from django_mcp.contrib.apps.documents import render
from tests.tables import cases

SERVER = MCPServer('"><script>', version="1")


@pytest.fixture
def rendered(shop, tmp_path, settings):
    """Renders a template with static files of a folder."""
    settings.STATICFILES_DIRS = [tmp_path]
    files = {
        "a.css": "b::after { content: '</STYLE>' } é",
        "a.js": "const a = '</Script><!--'",
        "a.mjs": "export {}",
        "a.svg": "<svg/>",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def of(source, **options):
        shop["t.html"] = "{% load mcp_apps %}" + source
        return render(SERVER, app("t.html", **options), {})

    return of


def test_the_script_is_inline_and_its_data_is_escaped(rendered):
    html = rendered("{% mcp_app %}", name="<b>").html

    assert re.match(r'<script data-mcp-app="{&quot;name&quot;: &quot;&lt;b&gt;&quot;, &quot;version&quot;', html)
    assert html.count("</script>") == 1
    assert not re.search(r"\beval\b|new Function|innerHTML = [^h]|https?://", html)


def test_static_files_are_inline_where_static_url_has_no_host(rendered):
    document = rendered(
        "{% mcp_static 'a.css' %}{% mcp_static 'a.js' %}{% mcp_static 'a.mjs' %}{% mcp_static 'a.svg' %}"
    )

    assert document.html == (
        "<style>b::after { content: '<\\/style>' } é</style><script>const a = '\\x3c/script>\\x3c!--'</script>"
        '<script type="module">export {}</script>data:image/svg+xml;base64,PHN2Zy8+'
    )
    assert document.origins.resources == ()


@override_settings(STATIC_URL="https://cdn.example/s/")
def test_static_files_are_named_where_static_url_has_a_host_and_their_origin_is_granted(rendered):
    document = rendered(
        "{% mcp_static 'a.css' %}{% mcp_static 'a.js' %}{% mcp_static 'a.mjs' %}{% mcp_static 'a.svg' %}",
        resources=["https://own.example"],
    )

    assert document.html == (
        '<link rel="stylesheet" href="https://cdn.example/s/a.css"><script src="https://cdn.example/s/a.js"></script>'
        '<script src="https://cdn.example/s/a.mjs" type="module"></script>https://cdn.example/s/a.svg'
    )
    assert document.origins.resources == ("https://own.example", "https://cdn.example")
    inline = rendered("{% mcp_static 'a.js' inline=True %}")
    assert inline.html.startswith("<script>const a")
    assert inline.origins.resources == ()


@cases(
    ("source", "message"),
    [
        ("{% mcp_static 'none.css' %}", "there is no such static file"),
        ("{% mcp_static '../settings.py' %}", "there is no such static file"),
        ("{% mcp_static 'a.css' inline=False %}", "needs a STATIC_URL with a host"),
        ("{% mcp_form 'none' as form %}", r"no tool of .* has a form \(there are: none\)"),
        ("{% include 'part.html' only %}", "what it includes without only"),
    ],
)
def test_a_wrong_use_names_the_remedy(rendered, shop, source, message):
    shop["part.html"] = "{% load mcp_apps %}{% mcp_app %}"

    with pytest.raises(TemplateSyntaxError, match=message):
        rendered(source)


def test_a_part_of_a_template_has_the_tags_too(rendered, shop):
    shop["part.html"] = "{% load mcp_apps %}{% mcp_static 'a.svg' %}"

    assert rendered("{% include 'part.html' %}").html.startswith("data:image/svg+xml")
