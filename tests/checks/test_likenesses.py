"""`manage.py check` compares tools with each other."""

import pytest
from django.core.checks import run_checks
from django.urls import path

from django_mcp import MCPServer
from django_mcp.urls import endpoint


@pytest.fixture
def server(settings):
    """A server with an endpoint."""
    own = MCPServer("own", version="1")
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("mcp", endpoint(own))]})
    return own


def found(number):
    return [(one.msg, one.hint) for one in run_checks(tags=["mcp"]) if one.id == f"django_mcp.{number}"]


def test_names_that_a_model_may_take_for_each_other_are_named_once(server):
    for name in ("list_trip", "listTrip", "list-trip", "ItemO", "1tem0", "items", "trip", "trips"):
        server.tool(lambda: None, name=name)

    hint = "Give them names that differ in a word."
    assert found("W048") == [
        ("own: a model may take the tools 'list_trip', 'listTrip', 'list-trip' for each other.", hint),
        ("own: a model may take the tools 'ItemO', '1tem0' for each other.", hint),
    ]


def test_tools_with_one_description_are_named_and_those_without_any_are_not(server):
    for number in range(7):
        server.tool(lambda: None, name=f"tool_{number}", description="Find  a\ntrip.")
        server.tool(lambda: None, name=f"silent_{number}")
    server.tool(lambda: None, name="other", description="Find a trip of last year.")

    assert found("W049") == [
        (
            "own: the tools 'tool_0', 'tool_1', 'tool_2', 'tool_3', 'tool_4' and 2 more have the same description.",
            "Say in each docstring, or in description=, when a model should call this tool and not the other.",
        )
    ]
