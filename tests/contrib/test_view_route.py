"""Views that need a request, or the database, to say what they take."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.utils import translation
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import permissions, serializers, viewsets

from django_mcp.contrib.viewset_toolset import ViewSetToolset
from django_mcp.testing import MCPClient
from tests.contrib.serving import arguments_of, serve

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def groups():
    return [Group.objects.create(name=name) for name in ("red", "green", "blue", "locked")]


class GroupSerializer(serializers.ModelSerializer):
    motto = serializers.CharField(write_only=True, required=False)

    class Meta:
        model = Group
        fields = ("id", "name", "motto")

    def create(self, validated_data):
        validated_data.pop("motto", None)
        return super().create(validated_data)


class OwnGroupViewSet(viewsets.ModelViewSet):
    """The commonest shape: each user's own rows."""

    serializer_class = GroupSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_fields = ["name"]

    def get_queryset(self):
        return self.request.user.groups.order_by("id")


class HelpdeskLike(viewsets.ModelViewSet):
    """The serializer is chosen by the user."""

    queryset = Group.objects.all()
    permission_classes = []

    def get_serializer(self, *args, **kwargs):
        serializer = GroupSerializer(*args, **kwargs)
        if not self.request.user.is_staff:
            del serializer.fields["motto"]
        return serializer


class BriefGroupSerializer(serializers.ModelSerializer):
    class Meta:
        model = Group
        fields = ("id",)


class NetBoxLike(viewsets.ModelViewSet):
    """Whether an answer is brief is in the query string, and asked before anything else."""

    queryset = Group.objects.all()
    serializer_class = GroupSerializer
    permission_classes = [permissions.DjangoModelPermissionsOrAnonReadOnly]

    def initialize_request(self, request, *args, **kwargs):
        request = super().initialize_request(request, *args, **kwargs)
        self.brief = request.query_params.get("brief")
        return request

    def get_serializer_class(self):
        return BriefGroupSerializer if self.request.query_params.get("brief") else super().get_serializer_class()


class Nested(viewsets.ModelViewSet):
    """Its URL has a variable, and nobody knows it while schemas are made."""

    serializer_class = GroupSerializer
    lookup_field = "name"
    filter_backends = [DjangoFilterBackend]
    filterset_fields = ["name"]

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Group.objects.none()
        return Group.objects.filter(user__username=self.kwargs["username"])


def test_a_view_that_reads_the_request_gets_the_callers_own(settings, ada, groups):
    class Own(ViewSetToolset):
        viewset = OwnGroupViewSet

    class Helpdesk(ViewSetToolset):
        viewset, prefix, actions = HelpdeskLike, "h_", ("create",)

    class NetBox(ViewSetToolset):
        viewset, prefix, actions = NetBoxLike, "n_", ("list", "create")
        arguments = {"list": {"brief": {"type": "boolean"}}}

    class Users(ViewSetToolset):
        viewset, prefix, url_arguments = Nested, "u_", ("username",)

    ada.groups.add(groups[1])
    client = serve(settings, Own, Helpdesk, NetBox, Users, user=ada)

    assert arguments_of(client) == {
        "list_own_groups": {"name"},
        "get_own_group": {"pk"},
        "h_create_group": {"name"},
        "n_list_groups": {"brief"},
        "u_list_nesteds": {"username", "name"},
        "u_get_nested": {"username", "name"},
    }
    assert [row["name"] for row in client.call_tool("list_own_groups").data] == ["green"]
    assert client.call_tool("get_own_group", {"pk": groups[0].pk}).is_error
    assert client.call_tool("n_list_groups", {"brief": True}).data[0].keys() == {"id"}
    assert [row["name"] for row in client.call_tool("u_list_nesteds", {"username": "ada"}).data] == ["green"]
    assert client.call_tool("h_create_group", {"name": "x", "motto": "y"}).text == (
        "Invalid arguments for h_create_group:\n- motto: Unknown argument"
    )

    ada.is_staff = True
    ada.save()
    ada.user_permissions.add(Permission.objects.get(codename="add_group"))
    staff = MCPClient("/own", user=User.objects.get(pk=ada.pk))
    assert arguments_of(staff)["h_create_group"] == {"name", "motto"}
    assert arguments_of(staff)["n_create_group"] == {"name", "motto"}
    assert staff.call_tool("h_create_group", {"name": "x", "motto": "y"}).data["name"] == "x"


class CustomFields(viewsets.ModelViewSet):
    """Fields that are rows, as django-helpdesk's."""

    queryset = Group.objects.all()
    authentication_classes = permission_classes = []

    def get_serializer(self, *args, **kwargs):
        serializer = GroupSerializer(*args, **kwargs)
        for user in User.objects.all():
            serializer.fields[f"says_{user}"] = serializers.CharField(required=False)
        return serializer


def test_nothing_is_asked_of_the_database_before_a_tool_is(settings, django_assert_num_queries):
    class Fields(ViewSetToolset):
        viewset, actions = CustomFields, ("create",)

    with django_assert_num_queries(0):
        client = serve(settings, Fields)

    assert arguments_of(client) == {"create_group": {"name", "motto"}}
    User.objects.create_user("bob")
    assert arguments_of(client) == {"create_group": {"name", "motto", "says_bob"}}


def test_what_cannot_be_told_is_left_out_and_takes_no_other_tool_with_it(settings, groups, caplog):
    class Picky(OwnGroupViewSet):
        permission_classes = []

        def get_serializer_class(self):
            return self.request.user.serializer

    class Bad(ViewSetToolset):
        viewset, actions, prefix = Picky, ("create",), "bad_"

    class Good(ViewSetToolset):
        viewset, actions = NetBoxLike, ("list",)

    client = serve(settings, Bad, Good)

    assert arguments_of(client) == {"list_groups": set()}
    (record,) = caplog.records
    assert "Bad.create: its arguments cannot be described (AttributeError(" in str(record.exc_info[1])
    assert "if getattr(self, 'swagger_fake_view', False)" in str(record.exc_info[1])
    assert client.call_tool("bad_create_picky", {}).text == (
        "The tool bad_create_picky cannot be used now. The server's log has the details."
    )


def test_a_schema_that_asks_nothing_of_the_caller_is_made_once_for_each_language():
    made = []

    class Counted(viewsets.ModelViewSet):
        queryset = Group.objects.all()

        def get_serializer(self, *args, **kwargs):
            made.append(self)
            return GroupSerializer()

    (_, options), *_ = type("Counts", (ViewSetToolset,), {"viewset": Counted, "actions": ("create",)}).tools()
    for language in ("en", "en", "de", "en"):
        with translation.override(language):
            options["describe"](None)

    assert len(made) == 2
