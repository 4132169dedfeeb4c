"""Rows as resources: found by the fields in the URI, seen as declared, and otherwise not there."""

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from rest_framework import serializers

from django_mcp import MCPServer
from django_mcp.contrib.model_resource import ModelResource
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from testproject.airports.models import Leg
from tests.tables import cases

pytestmark = pytest.mark.django_db


class UserSerializer(serializers.ModelSerializer):
    seen_by = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("username", "seen_by")

    def get_seen_by(self, row):
        return self.context["request"].user.get_username()


def own(ctx):
    return User.objects.filter(pk=ctx.user.pk)


server = MCPServer("rows", version="1")
server.resource(
    ModelResource(
        "user://{username}",
        User,
        fields=("username", "is_staff", "date_joined"),
        model_permissions=False,
        complete=("username",),
    )
)
server.resource(ModelResource("id://{pk}", User, serializer=UserSerializer, model_permissions=False))
server.resource(ModelResource("me://{username}", User, fields=("username",), queryset=own, model_permissions=False))
server.resource(
    ModelResource("staff://{is_staff}", User, fields=("username",), many=True, limit=2, model_permissions=False)
)
server.resource(ModelResource("group://{name}", Group, fields=("name",)))
server.resource(
    ModelResource("named://{first_name}", User, fields=("username",), model_permissions=False, title="By first name")
)


class urls:
    urlpatterns = [path("mcp", endpoint(server, public=True))]


@pytest.fixture
def ada():
    return User.objects.create_user("ada", first_name="A")


@pytest.fixture
def client(settings, connect, ada):
    settings.ROOT_URLCONF = urls
    for name in ("bob", "cyd", "dee"):
        User.objects.create_user(name, is_staff=True, first_name="B")
    return connect("/mcp", user=ada)


def read(client, uri):
    [contents] = client.read_resource(uri)
    assert (contents["uri"], contents["mimeType"]) == (uri, "application/json")
    return json.loads(contents["text"])


def test_templates_are_listed_with_what_the_model_is_called(client):
    entries = {entry["uriTemplate"]: entry for entry in client.list_resource_templates()}

    assert entries["user://{username}"] == {
        "uriTemplate": "user://{username}",
        "name": "user",
        "description": "One user.",
        "mimeType": "application/json",
    }
    assert entries["staff://{is_staff}"]["name"] == "users"
    assert entries["named://{first_name}"]["title"] == "By first name"
    assert "group://{name}" not in entries


def test_a_row_is_its_fields_or_what_a_serializer_writes(client, ada):
    assert read(client, "user://ada") == {
        "username": "ada",
        "is_staff": False,
        "date_joined": ada.date_joined.isoformat().replace("+00:00", "Z"),
    }
    assert read(client, f"id://{ada.pk}") == {"username": "ada", "seen_by": "ada"}


def test_several_rows_are_bounded(client):
    assert read(client, "staff://true") == [{"username": "bob"}, {"username": "cyd"}]
    assert read(client, "staff://false") == [{"username": "ada"}]


@cases(
    "uri",
    [
        "user://nobody",
        "user://" + "x" * 500,
        "user://a%00",
        "id://0",
        "id://x",
        "id://" + "9" * 30,
        "me://bob",
        "named://B",
        "staff://perhaps",
        "group://editors",
    ],
)
def test_what_leads_to_no_row_is_not_found(client, uri):
    Group.objects.get_or_create(name="editors")

    with pytest.raises(MCPError, match="Resource not found") as refused:
        client.read_resource(uri)
    assert refused.value.data == {"uri": uri}


def test_rows_are_those_that_the_caller_may_see(client):
    assert read(client, "me://ada") == {"username": "ada"}


def test_the_models_view_permission_is_asked_for(client, connect, ada):
    Group.objects.create(name="editors")
    ada.user_permissions.add(Permission.objects.get(codename="view_group"))

    assert read(connect("/mcp", user=User.objects.get(pk=ada.pk)), "group://editors") == {"name": "editors"}


def test_values_are_suggested(client):
    reference = {"type": "ref/resource", "uri": "user://{username}"}

    assert client.complete(reference, "username", "A") == ["ada"]
    assert client.complete(reference, "username", "") == ["ada", "bob", "cyd", "dee"]


@cases("name", ["pk", "is_staff", "date_joined"])
def test_values_of_any_column_are_suggested(settings, ada, name):
    own = MCPServer("own", version="1")
    uri = f"own://{{{name}}}"
    own.resource(ModelResource(uri, User, fields=("username",), complete=(name,), model_permissions=False))
    settings.ROOT_URLCONF = type("own_urls", (), {"urlpatterns": [path("own", endpoint(own, public=True))]})

    assert MCPClient("/own").complete({"type": "ref/resource", "uri": uri}, name, "") == [str(getattr(ada, name))]


def test_no_value_begins_with_a_text_that_cannot_be_stored(client):
    assert client.complete({"type": "ref/resource", "uri": "user://{username}"}, "username", "\x00") == []


def test_one_query_reads_a_row(settings, ada, django_assert_num_queries):
    settings.ROOT_URLCONF = urls
    client = MCPClient("/mcp", user=ada, era="modern", lane="view")

    # And the savepoint that a test's own transaction makes of the call's.
    with django_assert_num_queries(1 + 2):
        client.read_resource("user://ada")


@cases(
    ("arguments", "problem"),
    [
        ({"fields": ("nothing",)}, "no field 'nothing'"),
        ({}, "either fields or a serializer"),
        ({"fields": ("username",), "serializer": UserSerializer}, "either fields or a serializer"),
    ],
)
def test_what_the_model_has_not_is_refused(arguments, problem):
    with pytest.raises(ImproperlyConfigured, match=problem):
        ModelResource("user://{username}", User, **arguments)


def test_a_variable_that_is_no_field_is_refused():
    with pytest.raises(ImproperlyConfigured, match="no field 'nickname'"):
        ModelResource("user://{nickname}", User, fields=("username",))


def test_a_completion_of_a_relation_is_refused():
    with pytest.raises(ImproperlyConfigured, match="no lookup 'istartswith'"):
        server.resource(ModelResource("x://{plan}", Leg, fields=("order",), complete=("plan",)))


def test_a_completion_of_what_is_no_variable_is_refused():
    with pytest.raises(ImproperlyConfigured, match="which is no variable"):
        server.resource(ModelResource("x://{username}", User, fields=("username",), complete=("email",)))
