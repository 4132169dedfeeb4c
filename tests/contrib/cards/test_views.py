"""The documents over HTTP (E-125 … E-130, E-136)."""

import pytest
from django.core.cache import cache
from django.urls import path

from django_mcp.contrib.cards import views
from django_mcp.protocol.versions import HANDSHAKE_VERSIONS, MODERN_VERSIONS
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests.contrib.cards import serving

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.contrib.cards.serving")]

BOTH = [*HANDSHAKE_VERSIONS, *MODERN_VERSIONS]
CATALOG = '<http://testserver/.well-known/ai-catalog.json>; rel="ai-catalog"'
SHARED = ("version", "title", "websiteUrl", "icons", "description")


def test_the_card_agrees_with_the_live_server(client):
    response = client.get("/shop/server-card?x=1", headers={"accept": "text/html"})

    assert response.headers["Content-Type"] == "application/mcp-server-card+json"
    card = response.json()
    assert card == {
        "$schema": "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
        "name": "com.example/shop",
        "description": "Find products.",
        "version": "1.4.0",
        "title": "The shop",
        "websiteUrl": "https://e.com",
        "icons": [{"src": "https://e.com/i.png"}],
        "remotes": [{"type": "streamable-http", "url": "http://testserver/shop", "supportedProtocolVersions": BOTH}],
    }
    live = MCPClient("/shop").initialize()
    info = live["_meta"]["io.modelcontextprotocol/serverInfo"]
    assert {name: card[name] for name in SHARED} == {name: info[name] for name in SHARED}
    assert "extensions" not in live["capabilities"]


@pytest.mark.parametrize(
    ("card", "url"),
    [
        ("/slashed/server-card", "http://testserver/slashed/"),
        ("/of/ada/mcp/server-card", "http://testserver/of/ada/mcp"),
    ],
)
def test_the_url_is_that_of_the_endpoint_above(client, card, url):
    [remote] = client.get(card).json()["remotes"]

    assert remote["url"] == url
    if "slashed" in card:
        assert remote["supportedProtocolVersions"] == [*MODERN_VERSIONS]
        assert remote["headers"] == [{"name": "X-Key", "isSecret": True}]


def test_it_is_public_cacheable_and_conditional(client, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    settings.ALLOWED_HOSTS = ["testserver"]
    response = client.get("/shop/server-card")

    assert response.headers["Cache-Control"] == "public, max-age=3600"
    for answer in (response, client.options("/shop/server-card")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET"
        assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type, If-None-Match"
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    same = client.get("/shop/server-card", headers={"if-none-match": response.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert [one.headers["Link"] for one in (response, same)] == [CATALOG, CATALOG]
    assert client.head("/shop/server-card").status_code == 200
    assert client.post("/shop/server-card").status_code == 405


def test_a_host_that_anybody_may_name_is_not_cached(client, settings):
    settings.ALLOWED_HOSTS = ["*"]
    response = client.get("/shop/server-card", headers={"host": "evil.example"})
    assert response.headers["Cache-Control"] == "no-store"

    settings.MCP_PUBLIC_URL = "https://shop.example.com"
    response = client.get("/shop/server-card", headers={"host": "evil.example"})
    assert response.json()["remotes"][0]["url"] == "https://shop.example.com/shop"

    settings.ALLOWED_HOSTS, settings.MCP_PUBLIC_URL = ["shop.example.com"], ""
    assert client.get("/shop/server-card", headers={"host": "evil.example"}).status_code == 400


def test_a_server_without_cards_has_none(client):
    for url in ("/plain/server-card", "/shopserver-card", "/shop/server-card/", "/server-card"):
        assert client.get(url).status_code == 404


def test_the_catalog_lists_each_endpoint_with_a_card(client, settings):
    response = client.get("/.well-known/ai-catalog.json")

    assert response.headers["Content-Type"] == "application/ai-catalog+json"
    card = "application/mcp-server-card+json"
    assert response.json() == {
        "specVersion": "1.0",
        "entries": [
            {"identifier": "urn:air:example.com:shop", "type": card, "url": "http://testserver/shop/server-card"},
            {"identifier": "urn:air:example.com:slashed", "type": card, "url": "http://testserver/slashed/server-card"},
        ],
    }
    for entry in response.json()["entries"]:
        assert client.get(entry["url"].removeprefix("http://testserver")).json()["name"].startswith("com.example/")
    settings.MCP_CATALOG_IDENTIFIER, settings.MCP_CATALOG_SPEC_VERSION = "urn:air:{publisher}:mcp:{name}", "0.9"
    changed = client.get("/.well-known/ai-catalog.json").json()
    assert (changed["specVersion"], changed["entries"][0]["identifier"]) == ("0.9", "urn:air:example.com:mcp:shop")


def test_the_proof_for_the_registry_is_a_line_of_text(client, settings):
    assert client.get("/.well-known/mcp-registry-auth").status_code == 404

    settings.MCP_REGISTRY_AUTH = "v=MCPv1; k=ed25519; p=" + "A" * 43 + "="
    response = client.get("/.well-known/mcp-registry-auth", headers={"accept": "text/plain"})
    assert (response.status_code, response.content.decode()) == (200, settings.MCP_REGISTRY_AUTH)
    assert response.headers["Content-Type"] == "text/plain"


class OnlyOne:
    """A URLconf with one endpoint that has a card, with its alias and without a catalog."""

    urlpatterns = (
        path("shop", endpoint(serving.shop, public=True)),
        path("plain", endpoint(serving.plain, public=True)),
        path(".well-known/mcp/server-card.json", views.only_card),
    )


def test_the_only_card_has_an_alias_at_the_root(client, settings):
    assert client.get("/.well-known/mcp/server-card.json").status_code == 404  # There are two here.

    settings.ROOT_URLCONF = OnlyOne
    own, alias = client.get("/shop/server-card"), client.get("/.well-known/mcp/server-card.json")
    assert (alias.status_code, alias.json(), alias.headers["ETag"]) == (200, own.json(), own.headers["ETag"])
    assert alias.headers["Content-Type"] == "application/mcp-server-card+json"
    assert "Link" not in alias.headers


def test_an_address_that_asks_too_often_is_told_to_wait(client, settings):
    cache.clear()
    settings.MCP_CARD_RATE = "2/minute"
    documents = ("/shop/server-card", "/.well-known/ai-catalog.json", "/.well-known/mcp/server-card.json")
    forged = {"x-forwarded-for": "203.0.113.9"}

    answers = [client.get(url, headers=forged if number else {}) for number, url in enumerate(documents)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert answers[2].headers["Access-Control-Allow-Origin"] == "*"
    assert client.options("/shop/server-card").status_code == 204
    assert client.get("/shop/server-card", REMOTE_ADDR="203.0.113.9").status_code == 200
    settings.MCP_CARD_RATE = None
    assert client.get("/shop/server-card").status_code == 200
    cache.clear()
