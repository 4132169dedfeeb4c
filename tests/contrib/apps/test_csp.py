"""The origins of apps and the policy that is made of them."""

import pytest
from django.test import override_settings

from django_mcp.contrib.apps import csp
from django_mcp.contrib.apps.csp import Origins
from tests.tables import cases


@cases(
    ("text", "expected"),
    [
        ("https://api.shop.example", True),
        ("http://localhost:8000", True),
        ("wss://live.shop.example:1", True),
        ("https://*.shop.example", True),
        ("https://api.shop.example/", False),
        ("https://api.shop.example/v1", False),
        ("https://*", False),
        ("*", False),
        ("https:", False),
        ("data:", False),
        ("'self'", False),
        ("https://a.example; script-src *", False),
        ("https://a.example 'unsafe-eval'", False),
        ("https://a.example\nX: y", False),
        ("https://user@a.example", False),
        ("", False),
    ],
)
def test_an_origin_is_a_scheme_and_a_host(text, expected):
    assert csp.is_origin(text) is expected


@cases(
    ("declared", "url", "expected"),
    [
        ("https://a.example", "https://a.example/x?y", True),
        ("https://a.example", "//a.example/x", True),
        ("https://A.example", "https://a.EXAMPLE/x", True),
        ("https://a.example", "http://a.example/x", False),
        ("https://a.example", "https://a.example:444/x", False),
        ("https://a.example", "https://b.a.example/x", False),
        ("https://a.example", "https://a.example@b.example/x", False),
        ("https://*.a.example", "https://b.a.example/x", True),
        ("https://*.a.example", "https://a.example/x", False),
        ("https://*.a.example", "https://bad-a.example/x", False),
    ],
)
def test_a_url_is_covered_by_its_own_origin_and_by_a_wildcard(declared, url, expected):
    assert Origins(resources=(declared,)).covers("resources", url) is expected
    assert not Origins(connect=(declared,)).covers("resources", url)


def test_the_policy_grants_the_declared_origins_and_nothing_else():
    origins = Origins(connect=("https://a.example",), resources=("https://*.b.example",), frames=("https://c.example",))

    assert csp.policy(origins) == (
        "default-src 'none'; script-src 'unsafe-inline' https://*.b.example; "
        "style-src 'unsafe-inline' https://*.b.example; img-src data: https://*.b.example; "
        "media-src data: https://*.b.example; font-src https://*.b.example; connect-src https://a.example; "
        "frame-src https://c.example; base-uri 'none'; object-src 'none'; form-action 'none'"
    )
    assert csp.policy(Origins()) == (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        "font-src 'none'; connect-src 'none'; frame-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'"
    )
    assert csp.read_origins(origins.to_wire()) == origins


@cases("wire", [{"connectDomains": "https://a.example"}, {"frameDomains": ["*"]}, {"resourceDomains": [1]}])
def test_anything_but_origins_is_refused(wire):
    with pytest.raises(ValueError, match="origins"):
        csp.read_origins(wire)


@cases(
    ("static", "media", "expected"),
    [
        ("/static/", "", ()),
        ("https://cdn.example/s/", "/media/", ("https://cdn.example",)),
        ("https://cdn.example/s/", "//media.example:8/", ("https://cdn.example", "https://media.example:8")),
        ("https://cdn.example/s/", "https://CDN.example/m/", ("https://cdn.example",)),
    ],
)
def test_the_origins_of_files_are_those_of_absolute_urls(static, media, expected):
    with override_settings(STATIC_URL=static, MEDIA_URL=media):
        assert csp.file_origins() == expected
