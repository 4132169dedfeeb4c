"""No generated tool or resource tells of a field that was not declared, in what it says or by what it finds."""

import django_filters
import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import path
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework import filters, serializers, viewsets

from django_mcp import MCPServer
from django_mcp.contrib.admin_toolset import AdminToolset
from django_mcp.contrib.model_resource import ModelResource
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.contrib.viewset_toolset import ViewSetToolset
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint

pytestmark = pytest.mark.django_db

SECRET = "hunter2secret"


class UserAdmin(admin.ModelAdmin):
    fields = ("username", "date_joined")
    readonly_fields = ("date_joined",)
    search_fields = ("username",)


class AdminUsers(AdminToolset):
    model = User
    admin_class = UserAdmin
    operations = ("list", "get", "search", "count", "aggregate", "create", "update")
    filters = ("username",)
    ordering = ("username",)
    prefix = "admin_"


class UserSerializer(serializers.ModelSerializer):
    email = serializers.EmailField(write_only=True, required=False)

    class Meta:
        model = User
        fields = ("id", "username", "email")


class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
    permission_classes = []
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["username"]
    ordering_fields = ["username"]


class ViewSetUsers(ViewSetToolset):
    viewset = UserViewSet
    actions = ("list", "retrieve", "create", "update", "partial_update")
    prefix = "api_"


class Named(django_filters.FilterSet):
    class Meta:
        model = User
        fields = ["username"]


class ModelUsers(ModelToolset):
    model = User
    fields = ("id", "username")
    operations = ("list", "get", "count", "aggregate", "create", "update")
    filters = ("id__gte",)
    filterset = Named
    ordering = ("username",)
    model_permissions = False

    def prepare(self, row):
        row.password = row.password or "!"


server = MCPServer("leaks", version="1")
for toolset in (AdminUsers, ViewSetUsers, ModelUsers):
    server.toolset(toolset)
server.resource(
    ModelResource("user://{username}", User, fields=("id",), model_permissions=False, complete=("username",))
)
server.resource(ModelResource("users://{id}", User, fields=("username",), many=True, model_permissions=False))


class urls:
    urlpatterns = [path("mcp", endpoint(server, public=True))]


HIDDEN = ["password", "email", "last_name", "email__startswith", "password__contains", "groups__name", "is_superuser"]
NAMES = [
    *HIDDEN,
    *("username", "id", "id__gte", "pk", "pks", "page", "limit", "order_by", "ordering", "search", "query"),
    *("function", "field", "group_by", "changes", "date_joined"),
]
SECRETS = [SECRET, SECRET[:5], f"{SECRET}@example.com", "-email", "email", "password", "last_name", "-password"]
values = st.one_of(
    st.sampled_from(SECRETS),
    st.text(max_size=5),
    st.integers(-5, 10**20),
    st.booleans(),
    st.none(),
    st.dictionaries(st.sampled_from([*HIDDEN, "username"]), st.sampled_from(SECRETS) | st.integers(0, 5), max_size=2),
    st.lists(st.sampled_from(SECRETS) | st.integers(0, 5), max_size=2),
)


@pytest.fixture
def root(settings):
    settings.ROOT_URLCONF = urls
    return User.objects.create_superuser("root", password="x")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    name=st.sampled_from(list(server.registry.tools)),
    arguments=st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    uri=st.sampled_from(["user://eve", f"user://{SECRET}", "users://1", f"users://{SECRET}", "user://eve?password=x"]),
)
@example(name="api_list_users", arguments={"ordering": "-email", "search": SECRET}, uri="user://eve")
def test_what_was_not_declared_is_not_told(root, name, arguments, uri):
    # Those that an example before this one made, under names that it was told.
    User.objects.exclude(username__in=("root", "eve")).delete()
    eve, _ = User.objects.update_or_create(
        username="eve", defaults={"email": f"{SECRET}@example.com", "last_name": SECRET, "password": f"md5${SECRET}$x"}
    )
    eve.groups.add(Group.objects.get_or_create(name=SECRET)[0])
    mentioned = SECRET in str(arguments)
    client = MCPClient("/mcp", user=root)
    before = client.call_tool("count_users", {}).text
    try:
        said = str(client.call_tool(name, arguments).raw)
    except MCPError as error:
        said = str(error)
    try:
        said += str(client.read_resource(uri)) if SECRET not in uri else ""
    except MCPError as error:
        said += str(error)

    assert mentioned or SECRET not in said
    kept = User.objects.get(pk=eve.pk)
    assert kept.password == f"md5${SECRET}$x"
    assert kept.is_superuser is False
    assert not name.startswith(("list", "get", "search", "count", "admin_list", "admin_get")) or (
        client.call_tool("count_users", {}).text == before
    )
