"""Code that was written for django-mcp-server, with its import changed."""

import pytest
from django.contrib.auth.models import User

from django_mcp import MCPServer
from django_mcp.contrib import mcp_server
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint

pytestmark = pytest.mark.django_db


class urls:
    urlpatterns = []


@pytest.fixture
def client(monkeypatch, settings):
    server = MCPServer("moved", version="1.0")
    monkeypatch.setattr(mcp_server, "default_server", server)

    class SpeciesCount(mcp_server.MCPToolset):
        def _birds(self, search_string=None):
            return User.objects.filter(username__icontains=search_string or "")

        def increment_species(self, name: str, amount: int = 1) -> int:
            """Count some more.

            Args:
                name: of the species
            """
            return self._birds(name).count() + amount

        def who(self) -> str:
            """The name of the caller."""
            return self.request.user.get_username()

    class UserQuery(mcp_server.ModelQueryToolset):
        model = User
        exclude_fields = ["email", "password"]
        search_fields = ["username"]
        extra_instructions = "Names of users are in lower case."
        output_format = "csv"

        def get_queryset(self):
            """self.request can be used to filter the queryset"""
            return super().get_queryset().filter(is_active=True)

    from django.urls import path

    urls.urlpatterns[:] = [path("mcp", endpoint(server, public=True))]
    settings.ROOT_URLCONF = urls
    User.objects.create_user("gone", is_active=False)
    return MCPClient("/mcp", user=User.objects.create_user("ada"))


def test_classes_register_themselves(client):
    assert [tool["name"] for tool in client.list_tools()] == [
        "increment_species",
        "who",
        "list_users",
        "get_user",
        "count_users",
        "aggregate_users",
        "search_users",
    ]


def test_methods_are_tools(client):
    assert client.call_tool("increment_species", {"name": "a", "amount": 2}).text == "3"
    assert client.call_tool("who").text == "ada"


def test_rows_are_queried(client):
    found = client.call_tool("list_users", {"username__icontains": "A", "order_by": "-username"}).data["items"]

    assert [row["username"] for row in found] == ["ada"]
    assert not {"email", "password"} & set(found[0])
    assert client.call_tool("count_users").text == "1"
    assert [row["username"] for row in client.call_tool("search_users", {"query": "ad"}).data["items"]] == ["ada"]
    assert client.call_tool("list_users", {"password": "x"}).is_error


def test_instructions_are_in_the_descriptions(client):
    assert client.list_tools()[2]["description"] == "List users.\nNames of users are in lower case."


def test_a_base_class_without_a_model_is_none_yet():
    class Base(mcp_server.ModelQueryToolset):
        page_size = 5

    assert not hasattr(Base, "model")
