"""Which resources there are, and when two of them are the same."""

import pytest
from django.test import RequestFactory
from django.urls import include, path, re_path

from django_mcp import MCPServer
from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.contrib.oauth.resources import canonical, fault_of, is_known, issuer, only_one
from django_mcp.urls import endpoint
from tests.tables import cases

server = MCPServer("resources", version="1")


class one:
    urlpatterns = [
        path("", include("django_mcp.contrib.oauth.urls")),
        path("deep/mcp", endpoint(server, authentication_classes=[OAuthAuthentication])),
        path("open/mcp", endpoint(server, public=True)),
        path("foreign/mcp", endpoint(server, authorization_servers=["https://auth.example.com"])),
    ]


class two:
    urlpatterns = [
        *one.urlpatterns,
        path("other/", endpoint(server, authentication_classes=[OAuthAuthentication])),
        path("<slug:tenant>/tools", endpoint(server, authentication_classes=[OAuthAuthentication])),
        re_path(r"^x$", lambda request: None),
    ]


def request():
    return RequestFactory().get("/", headers={"host": "api.example.com"})


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["*"]


@cases(
    ("resource", "same"),
    [
        ("https://Example.COM/MCP/", "https://example.com/MCP"),
        ("HTTPS://example.com", "https://example.com"),
        ("https://example.com/#part", "https://example.com"),
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
    ],
)
def test_resources_are_compared_without_regard_to_case_of_hosts_and_a_last_slash(resource, same):
    assert canonical(resource) == same


@cases(
    ("path", "known"),
    [
        ("/deep/mcp", True),
        ("/deep/mcp/", True),
        ("/open/mcp", False),
        ("/foreign/mcp", False),
        ("/deep", False),
        ("", False),
        ("/deep/mcp?x=y", False),
    ],
)
def test_the_endpoints_whose_tokens_are_issued_here_are_known(settings, path, known):
    settings.ROOT_URLCONF = one

    assert is_known(request(), f"http://api.example.com{path}") is known
    assert not is_known(request(), f"https://api.example.com{path}")
    assert not is_known(request(), f"http://evil.example.com{path}")


def test_a_path_with_variables_is_known_too(settings):
    settings.ROOT_URLCONF = two

    assert is_known(request(), "http://api.example.com/acme/tools")


def test_who_names_no_resource_means_the_only_one(settings):
    settings.ROOT_URLCONF = one
    assert only_one(request()) == "http://api.example.com/deep/mcp"
    settings.ROOT_URLCONF = two
    assert only_one(request()) is None


def test_a_token_is_for_exactly_one_endpoint(settings):
    settings.ROOT_URLCONF = two
    first, second = "http://api.example.com/deep/mcp", "http://api.example.com/other"

    assert fault_of(request(), [first]) is fault_of(request(), [first, f"{first}/"]) is None
    assert fault_of(request(), [first, second]) == "Name one resource: a token is for one endpoint."
    assert fault_of(request(), [first, "mcp"]) == "There is no resource mcp here."
    assert fault_of(request(), []) == "Name the resource that you ask for."


def test_the_issuer_is_what_the_settings_say_or_where_the_request_went(settings):
    assert issuer(request()) == "http://api.example.com"
    settings.MCP_PUBLIC_URL = "https://public.example.com/"
    assert issuer(request()) == "https://public.example.com"
