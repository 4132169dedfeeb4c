"""Filter sets of django-filter as arguments."""

import django_filters
import pytest
from django.contrib.auth.models import Group, User

from django_mcp import MCPServer, ToolError
from django_mcp.contrib import filtersets
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests.tables import cases

pytestmark = pytest.mark.django_db


class UserFilters(django_filters.FilterSet):
    joined_after = django_filters.DateFilter(field_name="date_joined", lookup_expr="date__gt", label="Joined after")
    kind = django_filters.ChoiceFilter(field_name="is_staff", choices=[("1", "Staff"), ("0", "Others")])
    group = django_filters.ModelMultipleChoiceFilter(field_name="groups", queryset=Group.objects.all())

    class Meta:
        model = User
        fields = {"username": ["icontains"], "is_active": ["exact"], "id": ["gt"]}


class Users(ModelToolset):
    model = User
    fields = ("username",)
    operations = ("list", "count")
    filters = ("is_superuser",)
    filterset = UserFilters
    model_permissions = False


server = MCPServer("filters", version="1")
server.toolset(Users)


class urls:
    urlpatterns = [__import__("django.urls", fromlist=["path"]).path("mcp", endpoint(server, public=True))]


@pytest.fixture
def client(settings):
    settings.ROOT_URLCONF = urls
    for name in ("ada", "bob", "cyd"):
        User.objects.create_user(name, is_staff=name == "ada", is_active=name != "cyd")
    return MCPClient("/mcp")


def names(client, **arguments):
    result = client.call_tool("list_users", arguments)
    return result.text if result.is_error else [row["username"] for row in result.data["items"]]


def test_each_filter_is_described():
    properties = server.registry.tools["list_users"].definition["inputSchema"]["properties"]

    assert {name: (schema.get("type"), schema.get("enum")) for name, schema in properties.items()} == {
        "is_superuser": ("boolean", None),
        "joined_after": ("string", None),
        "kind": (None, ["1", "0"]),
        "group": ("array", None),
        "username__icontains": ("string", None),
        "is_active": ("boolean", None),
        "id__gt": ("number", None),
        "page": ("integer", None),
        "limit": ("integer", None),
    }
    # A label that says no more than the name is not repeated; a choice says what it means.
    assert properties["joined_after"] == {"type": "string"}

    assert properties["kind"] == {"enum": ["1", "0"], "description": "1: Staff; 0: Others"}
    assert properties["group"] == {"type": "array", "items": {"type": "string"}}


def test_rows_are_filtered(client):
    assert names(client) == ["ada", "bob", "cyd"]
    assert names(client, kind="1") == ["ada"]
    assert names(client, is_active=False) == ["cyd"]
    assert names(client, username__icontains="B", is_active=True) == ["bob"]
    assert names(client, joined_after="2999-01-01") == []
    assert names(client, is_superuser=True) == []
    assert client.call_tool("count_users", {"is_active": True}).data in (2, {"result": 2})


def test_several_values_are_taken(client):
    editors, authors = Group.objects.create(name="editors"), Group.objects.create(name="authors")
    User.objects.get(username="ada").groups.add(editors)
    User.objects.get(username="bob").groups.add(authors)

    assert names(client, group=[editors.pk, authors.pk]) == ["ada", "bob"]
    assert names(client, group=[editors.pk]) == ["ada"]


@cases(
    ("arguments", "text"),
    [
        ({"joined_after": "soon"}, "- joined_after: Enter a valid date."),
        ({"kind": "2"}, "- kind: Select a valid choice. 2 is not one of the available choices."),
        ({"password": "x"}, "Unknown argument"),
        ({"username": "ada"}, "Unknown argument"),
        ({"joined_after": {"a": 1}}, "- joined_after: Enter a valid date."),
    ],
)
def test_what_a_filter_refuses_is_told_by_name(client, arguments, text):
    assert text in names(client, **arguments)


def test_a_value_of_true_is_what_a_query_string_has_for_it():
    assert filtersets.query_of({"a": True, "b": [False, 1], "c": None}).urlencode() == "a=true&b=false&b=1"


def test_a_filter_set_of_nothing_has_no_filters():
    assert filtersets.schemas_of(None) == {}


def test_what_is_refused_is_said_to_the_model():
    with pytest.raises(ToolError, match="joined_after: Enter a valid date"):
        filtersets.apply(UserFilters, {"joined_after": "soon"}, User.objects.all())
