"""`manage.py check` looks at what apps declare, and asks no database for it."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import path
from rest_framework import serializers, viewsets

from django_mcp import MCPServer
from django_mcp.contrib.viewset_toolset import ViewSetToolset
from django_mcp.urls import endpoint


@pytest.fixture
def server(settings):
    """A server with an endpoint, and no other."""
    own = MCPServer("own", version="1")
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("<slug:tenant>/mcp", endpoint(own, public=True))]})
    return own


OF_OTHERS = ("django_mcp.W003", "django_mcp.W049")
"""A test of its own has each: here the lane is not mounted, and tools describe themselves alike."""


def check():
    found = [message for message in run_checks(tags=["mcp"]) if message.id not in OF_OTHERS]
    return [(message.id, message.msg) for message in found]


def test_an_endpoint_with_nothing_on_it_is_named_and_one_that_is_not_called(settings):
    settings.ROOT_URLCONF = type(
        "urls", (), {"urlpatterns": [path("<slug:tenant>/mcp", endpoint(MCPServer("empty"))), path("mcp", endpoint)]}
    )

    assert [(message.id, message.msg) for message in run_checks(tags=["mcp"])] == [
        ("django_mcp.W031", "The endpoint /<slug:tenant>/mcp has no tool, no resource and no prompt."),
        ("django_mcp.E033", "/mcp leads to the function endpoint itself."),
    ]
    with pytest.raises(ImproperlyConfigured, match="called where it is mounted"):
        Client().get("/mcp")


class GroupSerializer(serializers.ModelSerializer):
    class Meta:
        model = Group
        fields = ("name",)


class AsksTheDatabase(viewsets.ModelViewSet):
    queryset = Group.objects.all()

    def get_serializer(self, *args, **kwargs):
        try:
            User.objects.count()
        except Exception as error:
            raise TypeError("It is not told by the exception's class.") from error
        return GroupSerializer()


class AsksTheUser(AsksTheDatabase):
    def get_serializer(self, *args, **kwargs):
        return self.request.user.company.serializer


class TakesAFile(AsksTheDatabase):
    def get_serializer(self, *args, **kwargs):
        return type("Upload", (serializers.Serializer,), {"picture": serializers.FileField()})()


class Plain(AsksTheDatabase):
    def get_serializer(self, *args, **kwargs):
        return GroupSerializer()


def test_what_cannot_be_told_without_a_caller_is_named_and_what_needs_a_database_waits(server):
    for viewset in (AsksTheDatabase, AsksTheUser, TakesAFile, Plain):
        attributes = {"viewset": viewset, "actions": ("create",), "prefix": f"{viewset.__name__}_"}
        server.toolset(type(f"{viewset.__name__}Tools", (ViewSetToolset,), attributes))

    (user, told), (file, refused) = check()

    assert (user, file) == ("django_mcp.W034", "django_mcp.E034")
    assert told.startswith("own, tool 'AsksTheUser_create_group': AsksTheUserTools.create: its arguments cannot be")
    assert refused == (
        "own: the tool 'TakesAFile_create_group' cannot be used. TakesAFileTools.create: picture takes a file, which "
        "no JSON holds. Use a serializer without it, or with required=False for it: have get_serializer_class() choose "
        "it by self.action."
    )


def test_a_tool_that_takes_a_model_much_to_read_is_named(server, settings):
    settings.MCP_LARGE_TOOL_BYTES = 300

    @server.tool(description="long " * 60)
    def talk() -> str:
        return ""

    ((code, told),) = check()
    assert (code, told.partition(" takes ")[0]) == ("django_mcp.W030", "own: the tool 'talk'")

    settings.MCP_LARGE_TOOL_BYTES = None
    assert check() == []


def test_a_docstring_that_describes_what_is_no_argument_is_named(server):
    @server.tool
    def book(title: str, pages: int = 1) -> str:
        """Make a book.

        Args:
            titel: its title
            pages: how many
        """
        return title

    assert check() == [
        ("django_mcp.W035", "own: the docstring of the tool 'book' describes titel, which it does not take.")
    ]


def test_one_name_for_two_functions_of_a_module_is_named_and_a_repeated_declaration_is_not(server):
    for _ in range(2):

        @server.prompt
        def repeated() -> str:
            return ""

    @server.tool
    def twice() -> int:
        return 1

    @server.tool
    def twice() -> int:  # noqa: F811
        return 2

    ((code, told),) = check()
    assert (code, told.partition(", by ")[0]) == ("django_mcp.W036", "own: the tool 'twice' is declared twice")


def test_a_permission_that_no_model_has_is_named_where_models_alone_have_permissions(server, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]

    @server.tool(permission=["auth.view_user", "auth.viw_user"])
    def see() -> str:
        return ""

    @server.resource("x://y", permission="nowhere.add_it")
    def y() -> str:
        return ""

    assert check() == [
        (
            "django_mcp.W037",
            "own: tool 'see' asks for the permission 'auth.viw_user', which no installed model has.",
        ),
        (
            "django_mcp.W037",
            "own: resource 'x://y' asks for the permission 'nowhere.add_it', which no installed model has.",
        ),
    ]
    settings.AUTHENTICATION_BACKENDS = ["tests.checks.test_declarations.Rules"]
    assert check() == []


class Rules:
    """Permissions that are code."""

    def has_perm(self, user, permission, obj=None):
        return True


def test_a_tool_that_only_reads_and_destroys_is_refused(server):
    with pytest.raises(ImproperlyConfigured, match="a tool that only reads destroys nothing"):
        server.tool(read_only=True, destructive=True)(check)


def test_a_reference_in_a_schema_that_leads_nowhere_is_named(server):
    schema = {
        "type": "object",
        "$defs": {"book": {"$anchor": "book", "type": "object"}},
        "properties": {
            "by_path": {"$ref": "#/$defs/book"},
            "by_anchor": {"$ref": "#book"},
            "shelf": {"items": {"$ref": "#/$defs/shelf"}},
        },
    }
    server.tool(lambda **arguments: None, name="shelve", input_schema=schema)

    (message,) = run_checks(tags=["mcp"])
    assert (message.id, message.msg, message.hint) == (
        "django_mcp.E050",
        "own: inputSchema of the tool 'shelve' refers to '#/$defs/shelf' at properties/shelf/items, where there is "
        "nothing.",
        'Define it under "$defs" at the root of the schema, or write it out.',
    )
