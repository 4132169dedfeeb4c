"""Cards are checked when the server is made, and by manage.py check."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import MCPServer
from django_mcp.contrib.cards import Cards
from tests.contrib.cards.serving import shop
from tests.tables import cases

pytestmark = pytest.mark.urls("tests.contrib.cards.serving")

KEY = "v=MCPv1; k=ed25519; p=" + "A" * 43 + "="


@cases(
    ("values", "cards", "said"),
    [
        ({"description": "x" * 101}, {}, "Cards(description=…)"),
        ({}, {}, "Cards(description=…)"),
        ({"description": "x", "version": ">=1"}, {}, "no single version"),
        ({"description": "x"}, {"namespace": "example"}, "no domain in reverse"),
        ({"description": "x"}, {"headers": [{"name": "X-Key", "isSecret": True, "default": "k"}]}, "leave it out"),
    ],
)
def test_a_card_that_breaks_a_rule_stops_the_start(values, cards, said):
    with pytest.raises(ImproperlyConfigured) as error:
        MCPServer("carded", **values, extensions=[Cards(**{"namespace": "com.example", **cards})])
    assert said in str(error.value)


def ids(settings, **values):
    for name, value in values.items():
        setattr(settings, name, value)
    return [message.id for message in shop.extensions[0].checks(shop)]


def test_the_checks_name_what_the_registry_would_refuse(settings):
    settings.ALLOWED_HOSTS = ["example.com"]
    assert ids(settings) == []
    assert ids(settings, MCP_REGISTRY_AUTH=KEY) == []
    assert ids(settings, MCP_REGISTRY_AUTH=KEY.replace("ed25519", "ecdsap384")) == ["django_mcp.E065"]
    assert ids(settings, MCP_REGISTRY_AUTH=KEY + "\n") == ["django_mcp.E065"]
    redirects = {"SECURE_SSL_REDIRECT": True, "SECURE_SSL_HOST": "www.example.com"}
    assert ids(settings, MCP_REGISTRY_AUTH=KEY, **redirects) == ["django_mcp.W066"]
    assert ids(settings, SECURE_SSL_HOST=None, PREPEND_WWW=True) == ["django_mcp.W066"]
    assert ids(settings, PREPEND_WWW=False, MCP_CARD_RATE="often") == ["django_mcp.E066"]
    assert ids(settings, MCP_CARD_RATE=None, ALLOWED_HOSTS=["*"]) == ["django_mcp.W067"]
    assert ids(settings, MCP_PUBLIC_URL="https://example.com") == []
