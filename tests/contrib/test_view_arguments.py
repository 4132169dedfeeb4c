"""The arguments of a view's action."""

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from django_mcp.contrib.viewset_toolset import ViewSetToolset
from tests.contrib.serving import arguments_of, serve

pytestmark = pytest.mark.django_db


def test_a_file_is_left_out_where_it_need_not_be_given_and_refused_with_a_way_out_where_it_must(settings):
    class Upload(serializers.Serializer):
        name = serializers.CharField()
        picture = serializers.FileField()

    class Uploads(viewsets.ModelViewSet):
        """A file."""

        queryset = Group.objects.all()
        serializer_class = Upload
        permission_classes = authentication_classes = []

    class Tools(ViewSetToolset):
        viewset, actions = Uploads, ("create", "partial_update")

    client = serve(settings, Tools)

    assert arguments_of(client) == {"update_group": {"pk", "name"}}
    (_, options), *_ = Tools.tools()
    with pytest.raises(ImproperlyConfigured) as refused:
        options["describe"](None)
    assert str(refused.value).endswith(
        "Tools.create: picture takes a file, which no JSON holds. Use a serializer without it, or with required=False "
        "for it: have get_serializer_class() choose it by self.action."
    )


def test_an_action_takes_what_its_view_says_and_no_serializer_means_no_body(settings):
    class Switches(viewsets.GenericViewSet):
        """Switches."""

        permission_classes = authentication_classes = []
        lookup_field = "name"

        def get_queryset(self):
            return Group.objects.all()

        @action(detail=True, methods=["post"])
        def flip(self, request, name):
            return Response(f"{name} is {request.data.get('to', 'on')}")

        def retrieve(self, request, name):
            return Response(name)

    class Tools(ViewSetToolset):
        viewset, actions = Switches, ("retrieve", "flip")

    client = serve(settings, Tools)

    schemas = {tool["name"]: tool["inputSchema"]["properties"] for tool in client.list_tools()}
    assert schemas == {"get_switches": {"name": {"type": "string"}}, "switches_flip": {"name": {"type": "string"}}}
    assert client.call_tool("switches_flip", {"name": "red"}).text == '"red is on"'


@pytest.mark.parametrize(
    ("attributes", "found", "missed"),
    [
        ({}, {"a.b": "str"}, ("", "a/b", "../b")),
        ({"lookup_value_regex": "[a-z]{2}"}, {"ab": "str"}, ("", "abc", "a1", "ab\n")),
        ({"lookup_value_regex": ".+"}, {"a/b": "str"}, ("",)),
        ({"lookup_value_converter": "int"}, {"7": "int"}, ("", "x", "-1")),
        ({"lookup_value_converter": "uuid"}, {"12345678-1234-5678-1234-567812345678": "UUID"}, ("x",)),
    ],
)
def test_a_lookup_is_one_that_the_router_takes_from_a_url(settings, attributes, found, missed):
    class Named(viewsets.ViewSet):
        """Names."""

        permission_classes = authentication_classes = []

        def retrieve(self, request, pk):
            return Response(type(pk).__name__)

    class Tools(ViewSetToolset):
        viewset, actions = type("Limited", (Named,), attributes), ("retrieve",)

    client = serve(settings, Tools)

    [tool] = client.list_tools()
    assert {pk: client.call_tool(tool["name"], {"pk": pk}).data for pk in found} == found
    assert {client.call_tool(tool["name"], {"pk": pk}).text for pk in missed} == {"Not found."}
