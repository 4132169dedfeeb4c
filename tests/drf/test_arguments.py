"""Serializers and Django forms in the signature of a tool."""

import pytest
from asgiref.sync import sync_to_async
from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from rest_framework import serializers

from django_mcp import Context, MCPServer, Toolset
from django_mcp.urls import endpoint
from tests.tables import cases

pytestmark = pytest.mark.django_db


class GroupSerializer(serializers.ModelSerializer):
    by = serializers.SerializerMethodField()
    note = serializers.CharField(write_only=True, required=False)

    class Meta:
        model = Group
        fields = ("id", "name", "by", "note")

    def get_by(self, row) -> str:
        return self.context["request"].user.get_username()

    def create(self, validated_data):
        validated_data.pop("note", None)
        return super().create(validated_data)


class SearchForm(forms.Form):
    words = forms.CharField(max_length=10, help_text="what to look for")
    limit = forms.IntegerField(min_value=1, required=False)
    user = forms.ModelChoiceField(queryset=User.objects.all(), required=False)


server = MCPServer("arguments", version="1")


@server.tool
def create(group: GroupSerializer) -> GroupSerializer:
    """Create.

    Args:
        group: what to create
    """
    group.save()
    return group


@server.tool
async def create_async(group: GroupSerializer) -> GroupSerializer:
    """Create, in a coroutine."""
    return await sync_to_async(group.save)()


@server.tool
def create_many(groups: list[GroupSerializer], ctx: Context) -> list[GroupSerializer]:
    """Create some."""
    ctx.info("creating")
    return groups.save()


@server.tool(read_only=True)
def groups() -> list[GroupSerializer]:
    """All of them."""
    return Group.objects.order_by("name")


@server.tool(read_only=True)
async def groups_async() -> list[GroupSerializer]:
    """All of them, in a coroutine."""
    return Group.objects.order_by("name")


@server.tool(read_only=True)
def find(name: str, group: GroupSerializer | None = None) -> GroupSerializer | None:
    """One, or none."""
    return Group.objects.filter(name=group.validated_data["name"] if group else name).first()


@server.tool(read_only=True)
def search(form: SearchForm) -> list[str]:
    """Look."""
    return [form.cleaned_data["words"], str(form.cleaned_data["limit"])]


@server.toolset
class Groups(Toolset):
    def rename(self, group: GroupSerializer) -> GroupSerializer:
        """Rename the first."""
        return group.update(Group.objects.first(), group.validated_data)


class urls:
    urlpatterns = [__import__("django.urls", fromlist=["path"]).path("mcp", endpoint(server, public=True))]


@pytest.fixture
def client(settings, connect):
    settings.ROOT_URLCONF = urls
    return connect("/mcp", user=User.objects.create_user("ada"))


READS = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 150}, "note": {"type": "string"}},
    "required": ["name"],
}
WRITES = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string", "maxLength": 150}, "by": {"type": "string"}},
}


def test_schemas_are_the_serializers():
    definitions = {name: tool.definition for name, tool in server.registry.tools.items()}

    assert definitions["create"]["inputSchema"]["properties"] == {"group": {**READS, "description": "what to create"}}
    assert definitions["create"]["outputSchema"] == WRITES
    assert definitions["create_many"]["inputSchema"]["properties"] == {"groups": {"type": "array", "items": READS}}
    assert definitions["groups"]["outputSchema"] == {"type": "array", "items": WRITES}
    assert definitions["rename"]["inputSchema"]["properties"] == {"group": READS}
    assert definitions["find"]["inputSchema"]["required"] == ["name"]


def test_a_forms_schema_is_its_fields():
    assert server.registry.tools["search"].definition["inputSchema"]["properties"]["form"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "words": {"type": "string", "maxLength": 10, "description": "what to look for"},
            "limit": {"type": "integer", "minimum": 1},
            "user": {"type": "string"},
        },
        "required": ["words"],
    }


@pytest.mark.parametrize("tool", ["create", "create_async"])
def test_an_argument_arrives_validated_and_a_result_is_what_the_serializer_writes(client, tool):
    result = client.call_tool(tool, {"group": {"name": "red", "note": "x", "id": 99}})

    assert result.data == {"id": Group.objects.get().pk, "name": "red", "by": "ada"}


@cases("tool", ["create", "create_async"])
@cases(
    ("group", "line"),
    [
        ({"name": "taken"}, "- group.name: group with this name already exists."),
        ({}, "- group.name: This field is required."),
        ([], "- group: Invalid data. Expected a dictionary, but got list."),
        ("x", "- group: Invalid data. Expected a dictionary, but got str."),
        (None, "- group: No data provided"),
        ({"name": "a\x00"}, "- group.name: Null characters are not allowed."),
    ],
)
def test_what_the_serializer_refuses_is_told_to_the_model(client, tool, group, line):
    Group.objects.get_or_create(name="taken")

    result = client.call_tool(tool, {"group": group})

    assert (result.is_error, result.text) == (True, f"Invalid arguments:\n{line}")


def test_lists_go_in_and_out(client):
    result = client.call_tool("create_many", {"groups": [{"name": "b"}, {"name": "a"}]})

    assert [row["name"] for row in _listed(result)] == ["b", "a"]
    for tool in ("groups", "groups_async"):
        assert [row["name"] for row in _listed(client.call_tool(tool))] == ["a", "b"]
    wrong = client.call_tool("create_many", {"groups": [{"name": "c"}, {}]})
    assert wrong.text == "Invalid arguments:\n- groups.1.name: This field is required."
    assert Group.objects.count() == 2


def _listed(result):
    return result.data["result"] if isinstance(result.data, dict) else result.data


def test_an_optional_one_may_be_left_out(client):
    Group.objects.create(name="red")

    # Of either an object or nothing, the handshake era sees an object around it.
    found = client.call_tool("find", {"name": "red"}).data
    assert found.get("result", found)["name"] == "red"
    nothing = client.call_tool("find", {"name": "x", "group": {"name": "blue"}}).data
    assert nothing in (None, {"result": None})
    assert not client.call_tool("find", {"name": "x", "group": {"name": "blue"}}).is_error
    assert not client.call_tool("find", {"name": "x", "group": None}).is_error


def test_a_toolsets_method_takes_them_too(client):
    Group.objects.create(name="red")

    assert client.call_tool("rename", {"group": {"name": "blue"}}).data["name"] == "blue"


def test_a_form_that_must_come_is_not_null(client):
    assert client.call_tool("search", {"form": None}).text == "Invalid arguments:\n- form: Input should be an object"


def test_a_form_arrives_bound_and_valid(client):
    assert _listed(client.call_tool("search", {"form": {"words": "red", "limit": 3}})) == ["red", "3"]
    assert client.call_tool("search", {"form": {"words": "x" * 11, "limit": 0}}).text == (
        "Invalid arguments:\n"
        "- form.words: Ensure this value has at most 10 characters (it has 11).\n"
        "- form.limit: Ensure this value is greater than or equal to 1."
    )
    assert "- form.other: Unknown argument" in client.call_tool("search", {"form": {"other": 1}}).text
    assert "- form: Input should be an object" in client.call_tool("search", {"form": []}).text
    assert client.call_tool("search", {"form": {"words": {"a": ["b"]}, "limit": []}}).is_error


def test_a_serializer_of_files_is_refused_at_start_up():
    class Upload(serializers.Serializer):
        picture = serializers.FileField()

    with pytest.raises(ImproperlyConfigured, match="upload cannot be an argument: picture takes a file"):

        @server.tool
        def keep(upload: Upload) -> str:
            return "kept"
