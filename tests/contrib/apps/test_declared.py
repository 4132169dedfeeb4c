"""The declaration of an app."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib.apps import app
from django_mcp.contrib.apps.csp import Origins
from tests.tables import cases


@cases(
    ("template", "uri"),
    [
        ("shop/orders.html", "ui://shop/orders"),
        ("orders.html", "ui://orders"),
        ("shop/my orders.app.html", "ui://shop/my%20orders"),
    ],
)
def test_the_uri_comes_from_the_template(template, uri):
    assert app(template).uri == uri


@cases(
    ("options", "message"),
    [
        ({"uri": "http://shop/orders"}, "starts with ui://"),
        ({"uri": "ui://shop/{id}"}, "no variables"),
        ({"uri": ""}, "starts with ui://"),
        ({"connect": "https://a.example"}, r"connect is a list: connect=\['https://a.example'\]"),
        ({"resources": ["https://a.example/x"]}, "without a path"),
        ({"frames": ["*"]}, "is no origin"),
        ({"permissions": ["usb"]}, "permissions are of camera, .* not 'usb'"),
        ({"scopes": "trips"}, r"scopes is a list"),
    ],
)
def test_a_wrong_declaration_names_the_remedy(options, message):
    with pytest.raises(ImproperlyConfigured, match=f"The app 'a.html'.*{message}"):
        app("a.html", **options)


def test_hosts_are_told_what_was_declared_and_no_more():
    assert app("a.html").meta(Origins()) == {"ui": {}}
    full = app("a.html", base_uris=["https://a.example"], permissions=["camera"], border=True, domain="a.host.example")
    assert full.meta(full.origins) == {
        "ui": {
            "csp": {"baseUriDomains": ["https://a.example"]},
            "permissions": {"camera": {}},
            "domain": "a.host.example",
            "prefersBorder": True,
        }
    }
