"""manage.py mcp_card prints server.json, and checks it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.contrib.cards import serving

pytestmark = pytest.mark.urls("tests.contrib.cards.serving")


def run(**options):
    said = StringIO()
    call_command("mcp_card", server=options.pop("server", serving.shop.name), stdout=said, **options)
    return said.getvalue()


def test_it_prints_server_json(tmp_path):
    text = run(url="https://example.com/")

    assert json.loads(text) == {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "com.example/shop",
        "description": "Find products.",
        "version": "1.4.0",
        "title": "The shop",
        "websiteUrl": "https://e.com",
        "icons": [{"src": "https://e.com/i.png"}],
        "remotes": [{"type": "streamable-http", "url": "https://example.com/shop"}],
    }
    file = tmp_path / "server.json"
    file.write_text(text)
    assert run(url="https://example.com", check=str(file)) == "It keeps the rules.\n"
    file.write_text(text.replace("1.4.0", "1.3.0"))
    with pytest.raises(CommandError, match=r"server.json is not what this command prints"):
        run(url="https://example.com", check=str(file))
    for broken in ("{", "[" * 100_000):
        file.write_text(broken)
        with pytest.raises(CommandError, match="cannot be read as JSON"):
            run(url="https://example.com", check=str(file))


def test_it_fails_for_what_the_registry_refuses():
    with pytest.raises(CommandError, match="is not https: set MCP_PUBLIC_URL"):
        run(url="http://example.com", check="")
    with pytest.raises(CommandError, match="Say where clients reach the server"):
        run()
    with pytest.raises(CommandError, match=r"Name a server with cards, --server .*shop"):
        run(server="cardless", url="https://example.com")


def test_it_prints_the_card_and_the_catalog():
    card = json.loads(run(url="https://example.com", kind="card", server="slashed"))
    assert card["remotes"][0]["url"] == "https://example.com/slashed/"
    entries = json.loads(run(url="https://example.com", kind="catalog"))
    assert entries[0]["url"] == "https://example.com/shop/server-card"
