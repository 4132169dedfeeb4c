"""Viewsets and views as tools: all that DRF does for a request happens, and the endpoint itself stays as it was."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponseRedirect
from django.test import Client
from django.urls import clear_url_caches, include, path
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from oauth2_provider.contrib.rest_framework import IsAuthenticatedOrTokenHasScope, OAuth2Authentication
from oauth2_provider.models import AccessToken
from rest_framework import permissions, serializers, versioning, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from django_mcp import MCPServer, tool_options
from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.contrib.viewset_toolset import ViewSetToolset, ViewToolset
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from tests.contrib.serving import arguments_of, serve
from tests.tables import cases

pytestmark = pytest.mark.django_db


class UserSerializer(serializers.ModelSerializer):
    password = serializers.CharField(write_only=True, min_length=3)

    class Meta:
        model = User
        fields = ("id", "username", "password")


class GroupSerializer(serializers.ModelSerializer):
    members = UserSerializer(source="user_set", many=True, read_only=True)
    motto = serializers.CharField(write_only=True, required=False, allow_null=True, help_text="In Latin.")

    class Meta:
        model = Group
        fields = ("id", "name", "members", "motto")

    def create(self, validated_data):
        validated_data.pop("motto", None)
        return super().create(validated_data)


class Pages(PageNumberPagination):
    page_size = 2


class NotLocked(permissions.BasePermission):
    message = "The group is locked."

    def has_object_permission(self, request, view, obj):
        return obj.name != "locked"


class Closed(BaseThrottle):
    closed = False

    def allow_request(self, request, view):
        return not self.closed

    def wait(self):
        return 60


class GroupViewSet(viewsets.ModelViewSet):
    """The groups."""

    queryset = Group.objects.order_by("id")
    serializer_class = GroupSerializer
    permission_classes = [permissions.IsAuthenticated, NotLocked]
    throttle_classes = [Closed]
    filter_backends = [SearchFilter, OrderingFilter, DjangoFilterBackend]
    search_fields = ["name"]
    ordering_fields = ["name"]
    filterset_fields = ["name", "user"]
    pagination_class = Pages
    versioning_class = versioning.AcceptHeaderVersioning

    @action(detail=True, methods=["post"], serializer_class=UserSerializer)
    def join(self, request, pk=None):
        """Add a user to a group."""
        group = self.get_object()
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        group.user_set.add(serializer.save())
        return Response({"joined": group.name}, status=201)

    @action(detail=False)
    def whoami(self, request):
        return Response(
            {
                "user": request.user.get_username(),
                "action": self.action,
                "method": request.method,
                "version": request.version,
                "basename": self.basename,
            }
        )

    @action(detail=False, permission_classes=[permissions.IsAdminUser])
    def secrets(self, request):
        return Response(["hunter2"])


class EchoView(APIView):
    """Say it again."""

    permission_classes = [permissions.AllowAny]

    def post(self, request, room):
        return Response({"room": room, "said": request.data})

    def delete(self, request, room):
        return Response(status=204)


class Unversioned(GroupViewSet):
    versioning_class = None


BEFORE = dict(vars(GroupViewSet))


class Groups(ViewSetToolset):
    viewset = GroupViewSet
    actions = ("list", "retrieve", "create", "update", "partial_update", "destroy", "join", "whoami", "secrets")
    version = "2.0"

    @tool_options(read_only=True)
    def count_groups(self) -> int:
        """How many there are."""
        return Group.objects.count()


class Echo(ViewToolset):
    view = EchoView
    methods = ("post", "delete")
    names = {"post": "echo"}
    url_arguments = ("room",)
    arguments = {"text": {"type": "string"}}


server = MCPServer("viewsets", version="1")
for toolset in (Groups, Echo):
    server.toolset(toolset)

router = DefaultRouter()
router.register("groups", GroupViewSet)


class urls:
    urlpatterns = [path("mcp", endpoint(server, public=True)), path("api/", include(router.urls))]


@pytest.fixture(autouse=True)
def routes(settings, monkeypatch):
    settings.ROOT_URLCONF = urls
    monkeypatch.setattr(Closed, "closed", False)


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def client(ada, connect):
    return connect("/mcp", user=ada)


@pytest.fixture
def groups():
    return [Group.objects.create(name=name) for name in ("red", "green", "blue", "locked")]


# Declaring


def test_the_tools_are_the_actions_that_are_named():
    hints = {name: dict(tool.definition["annotations"]) for name, tool in server.registry.tools.items()}
    assert {one.pop("title") for one in hints.values()} >= {"List groups", "Count groups", "Echo"}
    assert hints == {
        "list_groups": {"readOnlyHint": True},
        "get_group": {"readOnlyHint": True},
        "create_group": {"readOnlyHint": False},
        "replace_group": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
        "update_group": {"readOnlyHint": False, "destructiveHint": True},
        "delete_group": {"readOnlyHint": False, "destructiveHint": True},
        "group_join": {"readOnlyHint": False},
        "group_whoami": {"readOnlyHint": True},
        "group_secrets": {"readOnlyHint": True},
        "count_groups": {"readOnlyHint": True},
        "echo": {"readOnlyHint": False},
        "delete_echo": {"readOnlyHint": False, "destructiveHint": True},
    }


def test_arguments_are_what_the_action_reads():
    schemas = {name: tool.described(None).definition["inputSchema"] for name, tool in server.registry.tools.items()}
    name = {"type": "string", "maxLength": 150}
    motto = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "In Latin."}

    assert schemas["create_group"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": name, "motto": motto},
        "required": ["name"],
    }
    assert schemas["update_group"]["required"] == ["pk"]
    assert schemas["replace_group"]["required"] == ["pk", "name"]
    assert schemas["get_group"]["properties"] == {"pk": {"type": "integer"}}
    assert set(schemas["list_groups"]["properties"]) == {"search", "ordering", "name", "user", "page"}
    assert schemas["group_join"]["properties"].keys() == {"pk", "username", "password"}
    assert schemas["echo"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"room": {"type": "string"}, "text": {"type": "string"}},
        "required": ["room"],
    }


def test_docstrings_are_descriptions():
    descriptions = {name: tool.definition["description"] for name, tool in server.registry.tools.items()}

    assert descriptions["group_join"] == "Add a user to a group."
    assert descriptions["list_groups"] == "List groups.\n\nThe groups."
    assert descriptions["get_group"] == "Get group.\n\nThe groups."
    assert descriptions["echo"] == "Say it again."


@cases(
    ("attributes", "problem"),
    [
        ({"actions": ("burn",)}, "GroupViewSet has no action 'burn'"),
        ({"actions": "list"}, r"actions is 'list'\. It has to be a list or a tuple of names\."),
        ({"viewset": None}, r"viewset is missing\. It has to be a subclass of ViewSetMixin\."),
        ({"viewset": GroupViewSet.as_view({"get": "list"})}, r"viewset is <function .*\. It has to be a subclass of"),
        ({"actions": ("get_queryset",)}, "has no action 'get_queryset'"),
        (
            {"viewset": Unversioned, "version": "1"},
            "no versioning",
        ),
    ],
)
def test_what_the_viewset_has_not_is_refused(attributes, problem):
    with pytest.raises(ImproperlyConfigured, match=problem):
        list(type("Bad", (ViewSetToolset,), {"viewset": GroupViewSet, **attributes}).tools())


def test_a_method_that_the_view_has_not_is_refused():
    with pytest.raises(ImproperlyConfigured, match="has no method 'put'"):
        list(type("Bad", (ViewToolset,), {"view": EchoView, "methods": ("put",)}).tools())


def test_a_method_that_is_no_action_is_served_as_the_action_that_it_is_like(settings, groups):
    class PagesAPIViewSet(viewsets.GenericViewSet):
        """A viewset like Wagtail's, with its own methods and a router on the request."""

        model = Group
        authentication_classes = permission_classes = []

        def get_queryset(self):
            return Group.objects.order_by("id")[: int(self.request.GET.get("limit", 2))]

        def listing_view(self, request):
            return Response({"items": [f"{request.site}: {group.name}" for group in self.get_queryset()]})

        def detail_view(self, request, pk):
            return Response(Group.objects.get(pk=pk).name)

    class Pages(ViewSetToolset):
        viewset = PagesAPIViewSet
        actions = {"listing_view": "list", "detail_view": "retrieve"}
        arguments = {"listing_view": {"limit": {"type": "integer"}}}
        request_attributes = {"site": "example"}

    client = serve(settings, Pages)

    assert {tool["name"]: set(tool["inputSchema"]["properties"]) for tool in client.list_tools()} == {
        "list_groups": {"limit"},
        "get_group": {"pk"},
    }
    assert client.call_tool("list_groups", {"limit": 1}).data == {"items": ["example: red"]}
    assert client.call_tool("get_group", {"pk": groups[1].pk}).data == "green"
    for actions in (("listing_view",), {"listing_view": "listing"}):
        with pytest.raises(ImproperlyConfigured, match=r"like.*: actions = \{'listing_view': 'list'\}"):
            list(type("Bad", (ViewSetToolset,), {"viewset": PagesAPIViewSet, "actions": actions}).tools())


def test_arguments_that_a_view_reads_by_itself_are_declared(settings, groups):
    class Tickets(viewsets.ModelViewSet):
        queryset = Group.objects.order_by("id")
        serializer_class = GroupSerializer
        permission_classes = authentication_classes = []

        def get_queryset(self):
            status = self.request.query_params.get("status")
            return super().get_queryset().filter(**({"name": status} if status else {}))

        @action(detail=True, methods=["post"])
        def assign(self, request, pk=None):
            return Response({"to": request.data["to"], "loudly": request.query_params.get("loudly")})

    class Declared(ViewSetToolset):
        viewset, actions = Tickets, ("list", "assign")
        arguments = {
            "list": {"status": {"enum": ["red", "blue"]}},
            "assign": {"to": {"type": "string"}, "loudly": {"type": "boolean"}},
        }

    client = serve(settings, Declared)

    assert arguments_of(client) == {"list_groups": {"status"}, "group_assign": {"pk", "to", "loudly"}}
    assert [row["name"] for row in client.call_tool("list_groups", {"status": "blue"}).data] == ["blue"]
    assert client.call_tool("group_assign", {"pk": groups[0].pk, "to": "ada", "loudly": True}).data == {
        "to": "ada",
        "loudly": "true",
    }
    with pytest.raises(ImproperlyConfigured, match="arguments are by action"):
        list(type("Flat", (Declared,), {"arguments": {"status": {"type": "string"}}}).tools())


# Calling


def test_a_list_is_filtered_ordered_searched_and_paged(client, groups):
    def names(**arguments):
        return [group["name"] for group in client.call_tool("list_groups", arguments).data["results"]]

    assert names() == ["red", "green"]
    assert names(page=2) == ["blue", "locked"]
    assert names(search="re") == ["red", "green"]
    assert names(ordering="-name") == ["red", "locked"]
    assert names(name="blue") == ["blue"]
    assert client.call_tool("list_groups", {"page": 9}).text == "Invalid page."

    first = client.call_tool("list_groups", {"search": "e", "ordering": "name"}).data
    assert [first[key] for key in ("count", "next", "previous")] == [
        4,
        {"search": "e", "ordering": "name", "page": 2},
        None,
    ]
    second = client.call_tool("list_groups", first["next"]).data
    assert (second["next"], second["previous"]) == (None, {"search": "e", "ordering": "name"})


def test_a_row_is_read_as_the_serializer_writes_it(client, groups, ada):
    groups[0].user_set.add(ada)

    assert client.call_tool("get_group", {"pk": groups[0].pk}).data == {
        "id": groups[0].pk,
        "name": "red",
        "members": [{"id": ada.pk, "username": "ada"}],
    }


@cases("pk", [10**9, "x", "\x00", [1], 10**30, None, {"a": 1}])
def test_a_row_that_is_not_there_is_said_to_the_model(client, groups, pk):
    result = client.call_tool("get_group", {"pk": pk})

    assert (result.is_error, "Traceback" in result.text) == (True, False)


def test_rows_are_written(client):
    created = client.call_tool("create_group", {"name": "new", "motto": None}).data
    assert client.call_tool("update_group", {"pk": created["id"], "name": "newer"}).data["name"] == "newer"
    assert client.call_tool("replace_group", {"pk": created["id"], "name": "newest"}).data["name"] == "newest"
    assert client.call_tool("delete_group", {"pk": created["id"]}).text == "Done."
    assert not Group.objects.exists()


def test_what_the_serializer_refuses_is_told_by_field(client, groups):
    assert client.call_tool("create_group", {"name": "red"}).text == "- name: group with this name already exists."
    assert client.call_tool("create_group", {"name": ["x"]}).text == "- name: Not a valid string."
    assert "name" in client.call_tool("create_group", {}).text
    assert client.call_tool("create_group", {"name": "x", "id": 7}).is_error
    assert Group.objects.count() == 4


def test_object_permissions_hold(client, groups):
    assert client.call_tool("get_group", {"pk": groups[3].pk}).text == "The group is locked."
    assert client.call_tool("delete_group", {"pk": groups[3].pk}).text == "The group is locked."
    assert Group.objects.filter(name="locked").exists()


def test_who_may_not_use_the_view_does_not_see_its_tools(connect, client, ada):
    anonymous = connect("/mcp")
    assert [tool["name"] for tool in anonymous.list_tools()] == ["count_groups", "echo", "delete_echo"]
    with pytest.raises(MCPError, match="Unknown tool: list_groups"):
        anonymous.call_tool("list_groups")

    assert "group_secrets" not in [tool["name"] for tool in client.list_tools()]
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    staff = connect("/mcp", user=User.objects.get(pk=ada.pk))
    assert staff.call_tool("group_secrets").text == '["hunter2"]'


def test_throttles_hold(client, monkeypatch):
    monkeypatch.setattr(Closed, "closed", True)

    result = client.call_tool("group_whoami")

    assert (result.is_error, result.text) == (True, "Request was throttled. Expected available in 60 seconds.")


def test_the_view_sees_the_caller_the_action_and_the_version(client):
    assert client.call_tool("group_whoami").data == {
        "user": "ada",
        "action": "whoami",
        "method": "GET",
        "version": "2.0",
        "basename": "group",
    }


def test_an_extra_action_takes_its_own_serializer(client, groups):
    joined = client.call_tool("group_join", {"pk": groups[1].pk, "username": "bob", "password": "secret"})

    assert joined.data == {"joined": "green"}
    assert groups[1].user_set.get().username == "bob"
    assert client.call_tool("group_join", {"pk": groups[1].pk, "username": "cy", "password": "x"}).text == (
        "- password: Ensure this field has at least 3 characters."
    )


def test_a_plain_view_is_called_with_its_url_arguments(client):
    assert client.call_tool("echo", {"room": "hall", "text": "ah\x00"}).data == {
        "room": "hall",
        "said": {"text": "ah\x00"},
    }
    assert client.call_tool("delete_echo", {"room": "hall"}).text == "Done."


@pytest.mark.parametrize(
    "response", [HttpResponseRedirect("/login/"), Response(status=302, headers={"Location": "/login/"})]
)
def test_a_redirect_is_told_and_not_followed(settings, response):
    """It may lead to a page that asks for a login."""

    class Door(APIView):
        permission_classes = [permissions.AllowAny]

        def delete(self, request):
            return response

    class Doors(ViewToolset):
        view = Door
        methods = ("delete",)

    client = serve(settings, Doors)

    [tool] = client.list_tools()
    assert client.call_tool(tool["name"]).text == "The view redirects to /login/."


# The endpoint itself


def test_the_endpoint_answers_the_same_bytes_as_before(ada, groups):
    http = Client()
    http.force_login(ada)

    class Untouched(GroupViewSet):
        """The groups."""

    fresh = DefaultRouter()
    fresh.register("groups", Untouched)
    urls.urlpatterns.append(path("fresh/", include((fresh.urls, "fresh"), namespace="fresh")))
    try:
        clear_url_caches()
        for address in ("groups/?page=2", "groups/?search=re&ordering=-name", f"groups/{groups[0].pk}/", "groups/0/"):
            published, untouched = http.get(f"/api/{address}"), http.get(f"/fresh/{address}")
            assert published.content == untouched.content.replace(b"/fresh/", b"/api/")
            assert published.status_code == untouched.status_code
            assert dict(published.headers) == dict(untouched.headers) | {
                "Content-Length": published.headers["Content-Length"]
            }
    finally:
        urls.urlpatterns.pop()
        clear_url_caches()
    # DRF's own as_view() notes a few things on the class, for a router as for us.
    assert {name: vars(GroupViewSet)[name] for name in BEFORE} == BEFORE


def test_the_endpoint_asks_for_its_own_credentials(groups, ada):
    MCPClient("/mcp", user=ada).call_tool("list_groups")

    assert Client().get("/api/groups/").status_code == 403


# The credential


class Tokens(OAuth2Authentication):
    """The toolkit's, in front of the API and of the endpoint alike."""


class Claims(BaseAuthentication):
    def authenticate(self, request):
        return User.objects.get(username="ada"), {"tenant": request.headers["x-tenant"], "scope": ""}


class OfTheTenant(permissions.BasePermission):
    def has_permission(self, request, view):
        return type(request.successful_authenticator) is Claims and request.auth["tenant"] == "acme"


class ScopedGroups(GroupViewSet):
    authentication_classes = [Tokens]
    permission_classes = [IsAuthenticatedOrTokenHasScope]
    required_scopes = ["write"]
    versioning_class = None


class TenantsView(APIView):
    """The tenant of the caller."""

    authentication_classes = [Claims]
    permission_classes = [OfTheTenant]

    def get(self, request):
        return Response({"tenant": request.auth["tenant"]})


scoped = MCPServer("scoped viewsets", version="1")
scoped.toolset(type("Scoped", (ViewSetToolset,), {"viewset": ScopedGroups, "actions": ("list", "create")}))
scoped.toolset(type("Tenants", (ViewToolset,), {"view": TenantsView, "names": {"get": "tenant"}}))
scoped_router = DefaultRouter()
scoped_router.register("groups", ScopedGroups, basename="scoped")


class scoped_urls:
    urlpatterns = [
        path("toolkit", endpoint(scoped, authentication_classes=[Tokens], permission_classes=[])),
        path("own", endpoint(scoped, authentication_classes=[OAuthAuthentication], permission_classes=[])),
        path("claims", endpoint(scoped, authentication_classes=[Claims])),
        path("api/", include(scoped_router.urls)),
    ]


@pytest.mark.parametrize("where", ["toolkit", "own"])
def test_a_token_may_do_by_tool_what_it_may_over_http(settings, lane, ada, where):
    settings.ROOT_URLCONF = scoped_urls
    for scope in ("read", "read write"):
        AccessToken.objects.create(
            user=ada,
            token=scope.replace(" ", "-"),
            token_checksum=hashlib.sha256(scope.replace(" ", "-").encode()).hexdigest(),
            expires=timezone.now() + timedelta(hours=1),
            scope=scope,
            resource=[f"http://testserver/{path}" for path in ("own", "toolkit", "api/groups/")],
        )

    def over_http(token):
        bearer = {"authorization": f"Bearer {token}"}
        return Client().post("/api/groups/", {"name": f"http {token}"}, headers=bearer).status_code

    def tools(token):
        client = MCPClient(f"/{where}", headers={"authorization": f"Bearer {token}"}, **lane)
        return client, [tool["name"] for tool in client.list_tools()]

    assert (over_http("read"), over_http("read-write")) == (403, 201)
    reader, seen = tools("read")
    assert seen == []
    with pytest.raises(MCPError, match="Unknown tool: create_group"):
        reader.call_tool("create_group", {"name": "mcp"})
    writer, seen = tools("read-write")
    assert seen == ["list_groups", "create_group"]
    assert writer.call_tool("create_group", {"name": "mcp"}).data["name"] == "mcp"


def test_a_view_sees_the_claims_of_a_token_and_who_checked_them(settings, lane, ada):
    settings.ROOT_URLCONF = scoped_urls
    acme = MCPClient("/claims", headers={"x-tenant": "acme"}, **lane)
    other = MCPClient("/claims", headers={"x-tenant": "other"}, **lane)

    assert acme.call_tool("tenant").data == {"tenant": "acme"}
    assert "tenant" not in [tool["name"] for tool in other.list_tools()]
    with pytest.raises(MCPError, match="Unknown tool: tenant"):
        other.call_tool("tenant")
