"""The rows of a model as tools: what is declared works, and nothing else can be read, filtered, sorted or written."""

import inspect
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count, Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_mcp import MCPServer, tool_options
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from testproject.airports.models import Airport, Leg, TripPlan
from tests.answering import MODERN, ask
from tests.tables import cases

pytestmark = pytest.mark.django_db

CREATED = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Airports(ModelToolset):
    model = Airport
    fields = ("icao", "iata", "name", "country", "elevation_ft")
    operations = ("list", "get", "search", "count", "aggregate")
    filters = ("country", "elevation_ft__gte", "iata__in", "name__icontains")
    ordering = ("name", "elevation_ft")
    search_fields = ("name", "city")
    page_size = 2
    max_page_size = 5
    model_permissions = False


class Countries(ModelToolset):
    model = Airport
    fields = ("icao",)
    operations = ("list", "search")
    search_fields = ("city",)
    prefix = "sorted_"
    page_size = 1
    model_permissions = False

    def get_queryset(self):
        return super().get_queryset().order_by("country")


class Trips(ModelToolset):
    model = TripPlan
    fields = ("id", "name", "created_at", "owner__username")
    operations = ("list", "get", "create", "update", "delete")

    def get_queryset(self):
        return super().get_queryset().filter(owner_id=self.user.pk)

    def prepare(self, row):
        row.owner_id = self.user.pk

    @tool_options(read_only=True)
    def longest_name(self) -> str:
        """The longest name."""
        return max((trip.name for trip in self.get_queryset()), key=len, default="")


class Legs(ModelToolset):
    model = Leg
    fields = ("id", "plan", "order", "origin", "origin__name", "destination", "destination__city")
    operations = ("list", "create")
    model_permissions = False

    def get_related_queryset(self, name):
        rows = super().get_related_queryset(name)
        return rows.filter(owner_id=self.user.pk) if name == "plan" else rows


class Users(ModelToolset):
    model = User
    fields = ("username", "is_active")
    operations = ("aggregate",)
    model_permissions = False


server = MCPServer("models", version="1")
for toolset in (Airports, Countries, Trips, Legs, Users):
    server.toolset(toolset)


class urls:
    urlpatterns = [__import__("django.urls", fromlist=["path"]).path("mcp", endpoint(server, public=True))]


@pytest.fixture
def airports():
    rows = [
        ("EGLL", "LHR", "London Heathrow", "London", "GB", 83),
        ("EHAM", "AMS", "Schiphol", "Amsterdam", "NL", -11),
        ("KJFK", "JFK", "John F Kennedy", "New York", "US", 13),
        ("EGKK", "LGW", "London Gatwick", "London", "GB", 203),
    ]
    for icao, iata, name, city, country, elevation in rows:
        Airport.objects.create(
            icao=icao, iata=iata, name=name, city=city, country=country, elevation_ft=elevation, latitude=0, longitude=0
        )


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def client(settings, ada):
    settings.ROOT_URLCONF = urls
    for codename in ("view_tripplan", "add_tripplan", "change_tripplan", "delete_tripplan"):
        ada.user_permissions.add(Permission.objects.get(codename=codename))
    return MCPClient("/mcp", user=User.objects.get(username="ada"))


def icaos(result):
    return [row["icao"] for row in result.data["items"]]


# Declaring


def hints(tool):
    return {name: value for name, value in tool.definition["annotations"].items() if name.endswith("Hint")}


def test_the_tools_are_those_of_the_operations():
    tools = {name: hints(tool) for name, tool in server.registry.tools.items()}

    reads = {"readOnlyHint": True}
    assert tools == {
        "list_airports": reads,
        "get_airport": reads,
        "search_airports": reads,
        "count_airports": reads,
        "aggregate_airports": reads,
        "aggregate_users": reads,
        "sorted_list_airports": reads,
        "sorted_search_airports": reads,
        "list_trip_plans": reads,
        "get_trip_plan": reads,
        "create_trip_plan": {"readOnlyHint": False},
        "update_trip_plan": {"readOnlyHint": False, "destructiveHint": True},
        "delete_trip_plan": {"readOnlyHint": False, "destructiveHint": True},
        "longest_name": reads,
        "list_legs": reads,
        "create_leg": {"readOnlyHint": False},
    }


def test_the_docstring_of_a_toolset_is_in_the_description_of_each_of_its_tools():
    class Visited(Airports):
        """Those that the user has been to.

        Not those of trips that are only planned.
        """

    class Again(Visited):
        operations = ("get",)

    descriptions = [inspect.getdoc(function) for function, _ in (*Visited.tools(), *Again.tools())]

    assert descriptions[0] == (
        "List airports.\n\nThose that the user has been to.\n\nNot those of trips that are only planned."
    )
    assert descriptions[1].startswith("One airport.\n\nThose that")
    assert descriptions[-1] == "One airport."


def test_schemas_say_what_the_model_says():
    tools = server.registry.tools

    assert tools["list_airports"].definition["inputSchema"]["properties"]["country"] == {
        "type": "string",
        "maxLength": 2,
        "description": "ISO 3166-1 alpha-2 code.",
    }
    assert tools["list_airports"].definition["inputSchema"]["properties"]["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 5,
        "default": 2,
        "description": "rows of a page",
    }
    assert tools["create_trip_plan"].definition["inputSchema"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "maxLength": 100}},
        "required": ["name"],
    }
    order = tools["create_leg"].definition["inputSchema"]["properties"]["order"]
    assert order == {"type": "integer", "minimum": 0}
    assert tools["get_trip_plan"].definition["inputSchema"]["properties"]["pk"] == {
        "type": "integer",
        "description": "its key",
    }


class Nothing(ModelToolset):
    model = Airport
    fields = ("icao",)


@cases(
    ("attributes", "message"),
    [
        ({"operations": ["lst"]}, "no such operations: lst"),
        ({"model": None}, r"model is missing\. It has to be a subclass of Model\."),
        ({"model": "airports.Airport"}, r"model is 'airports\.Airport'\. It has to be a subclass of Model\."),
        ({"fields": None}, r"fields is missing\. It has to be a list or a tuple of names\."),
        ({"fields": "icao"}, r"fields is 'icao'\. It has to be a list or a tuple of names\."),
        ({"operations": "list"}, r"operations is 'list'\. It has to be"),
        ({"fields": ["icao", "nothing"]}, "Airport has no field 'nothing'"),
        ({"fields": ["name__length"]}, "name leads nowhere"),
        ({"filters": ["nothing"]}, "Airport has no field 'nothing'"),
        ({"filters": ["name__regex"]}, "name leads nowhere"),
        ({"filters": ["page"]}, "use page__exact"),
        ({"operations": ["search"]}, "search needs search_fields"),
        ({"model": TripPlan, "fields": ["legs"]}, "no field 'legs' .* give Leg a toolset of its own"),
        ({"model": Airport, "fields": ["code"]}, "no field 'code' .* add a method to the toolset"),
        ({"model": User, "fields": ["groups__name"]}, "groups leads to many rows: name it alone"),
        ({"model": User, "fields": ["id"], "ordering": ["groups"]}, "sorted by 'groups'"),
        ({"model": User, "fields": ["id"], "search_fields": ["groups"]}, "no words can be looked for in 'groups'"),
        ({"model": Leg, "fields": ["id"], "search_fields": ["origin"]}, "no words can be looked for in 'origin'"),
        ({"filters": ["country__year"]}, "country leads nowhere"),
        ({"operations": ["create"]}, "a new Airport needs icao, name, country"),
        ({"fields": ["icao", "a", "b"]}, r"Broken:\n- Airport has no field 'a' .*\n- Airport has no field 'b'"),
        (
            {"model": Leg, "fields": ["origin__name"], "operations": ["update"], "writable": ["origin"]},
            "'origin__name' would read any row, since a client may write 'origin': say in get_related_queryset",
        ),
    ],
)
def test_what_cannot_work_says_what_to_change(attributes, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        MCPServer("x").toolset(type("Broken", (Nothing,), attributes))


# Reading


def test_a_list_is_filtered_sorted_and_paged(client, airports):
    first = client.call_tool("list_airports", {"order_by": "-elevation_ft"})
    assert (icaos(first), first.data["next_page"]) == (["EGKK", "EGLL"], 2)

    second = client.call_tool("list_airports", {"order_by": "-elevation_ft", "page": 2})
    assert (icaos(second), second.data["next_page"]) == (["KJFK", "EHAM"], None)
    assert second.data["items"][0] == {
        "icao": "KJFK",
        "iata": "JFK",
        "name": "John F Kennedy",
        "country": "US",
        "elevation_ft": 13,
    }

    assert icaos(client.call_tool("list_airports", {"country": "GB", "elevation_ft__gte": 100})) == ["EGKK"]
    assert icaos(client.call_tool("list_airports", {"iata__in": ["AMS", "JFK"]})) == ["EHAM", "KJFK"]
    assert icaos(client.call_tool("list_airports", {"name__icontains": "schip"})) == ["EHAM"]


def test_rows_that_an_order_holds_equal_are_paged_by_their_keys(client, airports):
    listed = [icaos(client.call_tool("sorted_list_airports", {"page": page})) for page in (1, 2, 3, 4)]
    assert listed == [["EGKK"], ["EGLL"], ["EHAM"], ["KJFK"]]

    found = [icaos(client.call_tool("sorted_search_airports", {"query": "London", "page": page})) for page in (1, 2)]
    assert found == [["EGKK"], ["EGLL"]]


def test_one_is_got_by_its_key_and_a_missing_one_is_said(client, airports):
    assert client.call_tool("get_airport", {"pk": "EHAM"}).data["name"] == "Schiphol"

    missing = client.call_tool("get_airport", {"pk": "XXXX"})
    assert (missing.is_error, missing.text) == (True, "There is no airport XXXX.")


def test_a_search_wants_all_words_somewhere(client, airports):
    assert icaos(client.call_tool("search_airports", {"query": "london gat"})) == ["EGKK"]
    assert icaos(client.call_tool("search_airports", {"query": "  "})) == []


def test_rows_are_counted_and_summed_up(client, airports):
    def aggregate(**arguments):
        return client.call_tool("aggregate_airports", arguments).data

    assert client.call_tool("count_airports", {"country": "GB"}).text == "2"
    assert aggregate(function="max", field="elevation_ft") == [{"group": None, "value": 203}]
    assert aggregate(function="count", group_by="country", elevation_ft__gte=0) == [
        {"group": "GB", "value": 2},
        {"group": "US", "value": 1},
    ]
    refused = client.call_tool("aggregate_airports", {"function": "sum", "field": "name"})
    assert (refused.is_error, refused.text) == (True, "field: sum is of numbers: elevation_ft.")


@cases(
    "rows",
    [
        lambda: User.objects.filter(groups__name__startswith="g").distinct(),
        lambda: User.objects.annotate(size=Count("groups")),
        lambda: User.objects.annotate(size=Count("groups")).filter(size__gt=1),
    ],
)
def test_a_row_that_a_query_joins_several_times_is_in_a_group_once(rows):
    groups = [Group.objects.get_or_create(name=name)[0] for name in ("g1", "g2")]
    for name in ("ada", "bob"):
        User.objects.get_or_create(username=name)[0].groups.set(groups)
    joining = type("Joining", (Users,), {"get_queryset": lambda self: rows()})
    own = MCPServer("own", version="1")
    own.toolset(joining)

    arguments = {"function": "count", "group_by": "is_active"}
    answer = ask(own, "tools/call", {"name": "aggregate_users", "arguments": arguments}, MODERN).result
    assert answer["structuredContent"] == [{"group": True, "value": 2}]


def test_there_is_no_least_of_values_that_not_every_database_orders(client):
    """PostgreSQL has no min(boolean), and would say so only at the call."""

    def aggregate(field):
        return client.call_tool("aggregate_users", {"function": "min", "field": field})

    assert aggregate("username").data == [{"group": None, "value": "ada"}]
    refused = aggregate("is_active")
    assert (refused.is_error, refused.text) == (True, "field: min is of numbers, text and times: username, pk.")


def test_related_rows_are_read_in_the_same_query(client, airports, ada, django_assert_num_queries):
    plan = TripPlan.objects.create(owner=ada, name="x")
    for order in range(1, 4):
        Leg.objects.create(plan=plan, order=order, origin_id="EGLL", destination_id="KJFK")
    client.list_tools()

    # One, between the beginning and the end of the call's transaction.
    with django_assert_num_queries(3):
        legs = client.call_tool("list_legs").data["items"]

    keys = {"id": legs[0]["id"], "plan": plan.pk, "order": 1, "origin": "EGLL", "destination": "KJFK"}
    assert legs[0] == {**keys, "origin__name": "London Heathrow", "destination__city": "New York"}
    assert len(legs) == 3


# Writing


def test_a_row_is_created_changed_and_deleted(client, ada):
    created = client.call_tool("create_trip_plan", {"name": "North"}).data
    trip = TripPlan.objects.get()
    assert created == {"id": trip.pk, "name": "North", "created_at": created["created_at"], "owner__username": "ada"}

    changed = client.call_tool("update_trip_plan", {"pk": trip.pk, "changes": {"name": "South"}}).data
    assert changed == {**created, "name": "South"}
    assert client.call_tool("longest_name").text == "South"

    assert client.call_tool("delete_trip_plan", {"pk": trip.pk}).text == f"Deleted trip plan {trip.pk}."
    assert not TripPlan.objects.exists()


def test_a_change_is_left_to_a_save_of_the_models_own(client, ada, monkeypatch):
    """It may take no arguments, or make a new row of each change."""
    monkeypatch.setattr(TripPlan, "save", lambda row: Model.save(row))
    trip = TripPlan(owner=ada, name="North")
    trip.save()

    assert client.call_tool("update_trip_plan", {"pk": trip.pk, "changes": {"name": "South"}}).data["name"] == "South"


def test_another_users_row_is_not_there(client):
    theirs = TripPlan.objects.create(owner=User.objects.create_user("bob"), name="Bob's")

    assert client.call_tool("list_trip_plans").data == {"items": [], "next_page": None}
    for name, more in [("get", {}), ("update", {"changes": {"name": "x"}}), ("delete", {})]:
        answer = client.call_tool(f"{name}_trip_plan", {"pk": theirs.pk, **more})
        assert (answer.is_error, answer.text) == (True, f"There is no trip plan {theirs.pk}.")
    assert TripPlan.objects.get().name == "Bob's"


def test_what_the_model_refuses_is_said_field_by_field(client, airports, ada):
    blank = client.call_tool("create_trip_plan", {"name": ""})
    assert (blank.is_error, blank.text) == (True, "Not saved:\n- name: This field cannot be blank.")
    wrong = client.call_tool("create_leg", {"plan": 0, "order": 1, "origin": "XXXX", "destination": "EGLL"})
    assert wrong.text == "Not saved:\n- plan: There is no trip plan 0.\n- origin: There is no airport XXXX."
    assert not Leg.objects.exists()


def test_a_row_in_use_is_kept(airports, ada):
    class Deleting(ModelToolset):
        model = Airport
        fields = ("icao",)
        operations = ("delete",)
        model_permissions = False

    plan = TripPlan.objects.create(owner=ada, name="x")
    Leg.objects.create(plan=plan, order=1, origin_id="EGLL", destination_id="KJFK")
    mine = MCPServer("mine", version="1")
    mine.toolset(Deleting)

    result = ask(mine, "tools/call", {"name": "delete_airport", "arguments": {"pk": "EGLL"}}, MODERN).result
    assert result["content"][0]["text"] == "The airport is still in use, so it is kept."
    assert Airport.objects.filter(pk="EGLL").exists()


# Permissions


def test_each_operation_asks_for_its_own_permission(client, settings):
    bob = User.objects.create_user("bob")
    bob.user_permissions.add(Permission.objects.get(codename="view_tripplan"))
    hers = [tool["name"] for tool in client.list_tools()]
    his = [tool["name"] for tool in MCPClient("/mcp", user=User.objects.get(username="bob")).list_tools()]

    assert set(hers) - set(his) == {"create_trip_plan", "update_trip_plan", "delete_trip_plan"}
    with pytest.raises(MCPError, match="Unknown tool: create_trip_plan"):
        MCPClient("/mcp", user=User.objects.get(username="bob")).call_tool("create_trip_plan", {"name": "x"})


# Bad input


@cases(
    ("tool", "arguments", "named"),
    [
        ("list_airports", {"city": "London"}, "city"),
        ("list_airports", {"country__contains": "G"}, "country__contains"),
        ("list_airports", {"legs__plan__owner__password__startswith": "p"}, "legs__plan"),
        ("list_airports", {"order_by": "city"}, "order_by"),
        ("list_airports", {"order_by": "?"}, "order_by"),
        ("list_airports", {"limit": 6}, "limit"),
        ("list_airports", {"page": 0}, "page"),
        ("list_airports", {"page": 10**9}, "page"),
        ("list_airports", {"country": "GBR"}, "country"),
        ("list_airports", {"country": "\x00"}, "country"),
        ("list_airports", {"elevation_ft__gte": 10**30}, "elevation_ft__gte"),
        ("list_airports", {"iata__in": ["AMS"] * 101}, "iata__in"),
        ("search_airports", {"query": "a\x00"}, "query"),
        ("aggregate_airports", {"function": "max", "field": "latitude"}, "field"),
        ("aggregate_airports", {"function": "count", "group_by": "search_text"}, "group_by"),
        ("get_airport", {"pk": "x" * 5}, "pk"),
        ("get_trip_plan", {"pk": 10**30}, "pk"),
        ("create_trip_plan", {"name": "x", "owner": 1}, "owner"),
        ("create_trip_plan", {"name": "x" * 101}, "name"),
        ("create_trip_plan", {"name": "\x00"}, "name"),
        ("update_trip_plan", {"pk": 1, "changes": {"owner_id": 2}}, "changes.owner_id"),
        ("update_trip_plan", {"pk": 1, "changes": {"created_at": "2020-01-01T00:00:00Z"}}, "changes.created_at"),
        ("create_leg", {"plan": 1, "order": -1, "origin": "EGLL", "destination": "EGLL"}, "order"),
        ("create_leg", {"plan": 1, "order": 10**30, "origin": "EGLL", "destination": "EGLL"}, "order"),
    ],
)
def test_what_was_not_declared_or_does_not_fit_is_named(client, airports, tool, arguments, named):
    answer = client.call_tool(tool, arguments)

    assert answer.is_error
    assert named in answer.text


HIDDEN = "the-hidden-value"


@pytest.mark.fuzz
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_undeclared_field_leaks_through_any_tool(data):
    """Neither in an answer nor by what is found, in whatever order."""
    group = Group.objects.get_or_create(name="g")[0]
    user = User.objects.filter(username="eve").first() or User.objects.create_user("eve", f"{HIDDEN}@x.y", HIDDEN)
    user.groups.add(group)

    class Users(ModelToolset):
        model = User
        fields = ("id", "username")
        operations = ("list", "get", "search", "count", "aggregate", "update")
        filters = ("username", "id__gte")
        ordering = ("username",)
        search_fields = ("username",)
        model_permissions = False

    mine = MCPServer("mine", version="1")
    mine.toolset(Users)
    hidden = ["password", "email", "email__startswith", "password__contains", "groups__name", "is_staff"]
    known = [
        "username",
        "id__gte",
        "order_by",
        "page",
        "limit",
        "query",
        "function",
        "field",
        "group_by",
        "pk",
        "changes",
    ]
    values = st.one_of(
        st.sampled_from([HIDDEN, "-email", "email", "password", user.pk, 1, "count", "max", "eve", {"email": "x@y.z"}]),
        st.text(max_size=5),
        st.integers(),
        st.booleans(),
        st.none(),
    )
    name = data.draw(st.sampled_from(list(mine.registry.tools)))
    arguments = data.draw(st.dictionaries(st.sampled_from(hidden + known), values, max_size=4))

    result = ask(mine, "tools/call", {"name": name, "arguments": arguments}, MODERN).result

    said = str(result["content"])
    if not result["isError"]:
        assert not set(arguments) & set(hidden)
        assert HIDDEN not in said.replace(str(arguments), "")
        assert User.objects.get(pk=user.pk).email == f"{HIDDEN}@x.y"
    assert user.password not in said
