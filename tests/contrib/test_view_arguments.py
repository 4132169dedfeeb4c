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
