"""Scopes that there are, and those that no server knows."""

import pytest
from django.urls import include, path

from django_mcp import MCPServer
from django_mcp.contrib.tokens.scopes import fault_of
from django_mcp.urls import endpoint

server = MCPServer("scoped", version="1")


@server.tool(scopes=["tool:use"])
def use() -> str:
    """Use it."""
    return ""


@server.resource("note://{pk}", scopes=["note:read"])
def note(pk: int) -> str:
    """A note."""
    return ""


class urls:
    endpoints = [path("<slug:tenant>/mcp", endpoint(server, scopes_supported=["own:code"]))]
    urlpatterns = [path("below/", include(endpoints))]


@pytest.fixture(autouse=True)
def routes(settings):
    settings.ROOT_URLCONF = urls


def test_a_scope_is_known_that_something_asks_for_an_endpoint_names_or_the_project_issues():
    assert fault_of(["tool:use", "note:read", "own:code", "airports:read"]) is None
    assert fault_of([]) is None


def test_another_is_told_with_those_that_there_are():
    fault = fault_of(["tool:use", "tool:sue"])

    assert fault.startswith("No server knows the scope 'tool:sue'. There are airports:read, ")
    assert fault.endswith(". An endpoint names more with scopes_supported=[…].")
