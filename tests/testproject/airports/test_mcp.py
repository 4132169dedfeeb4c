"""The airports server as a client of either era finds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_mcp.testing import MCPClient, MCPError
from testproject.airports.models import Airport, TripPlan
from tests import rotation
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("airports")]

Connect = Callable[..., MCPClient]


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Connect:
    """Clients of one era in one lane, which change from test to test: the journeys prove that all answer alike."""
    era, lane = rotation.turn(request.node.originalname, [("handshake", "asgi"), ("modern", "view")])
    return lambda path="/mcp", **arguments: MCPClient(path, era=era, lane=lane, **arguments)


@pytest.fixture
def client(connect: Connect) -> MCPClient:
    return connect()


@pytest.fixture
def amelia() -> User:
    return User.objects.create_user("amelia")


@pytest.fixture
def bessie() -> User:
    return User.objects.create_user("bessie")


def rows(structured: Any) -> list[dict[str, Any]]:
    """The list in a result: handshake revisions want an object there, so it comes wrapped in one."""
    return list(structured["result"] if isinstance(structured, dict) else structured)


def test_every_tool_says_what_it_does_and_whether_it_writes(client: MCPClient) -> None:
    tools = {tool["name"]: tool for tool in client.list_tools()}

    assert {name: tool["annotations"].get("readOnlyHint", False) for name, tool in tools.items()} == {
        "search_airports": True,
        "nearest_airports": True,
        "airport_facts": True,
        "distance": True,
        "route": True,
        "browse_airports": True,
        "create_trip": False,
        "add_leg": False,
        "my_trips": True,
    }
    for tool in tools.values():
        assert tool["description"]
        assert "ctx" not in tool["inputSchema"].get("properties", {})
        for name, argument in tool["inputSchema"]["properties"].items():
            assert argument.get("description"), f"{tool['name']} does not say what {name} is"
    assert tools["search_airports"]["inputSchema"]["properties"]["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
        "default": 10,
        "description": "how many to return, best first",
    }


def test_airports_are_searched(client: MCPClient) -> None:
    found = client.call_tool("search_airports", {"query": "heathrow"})

    assert not found.is_error
    assert rows(found.data) == [
        {
            "iata": "LHR",
            "icao": "EGLL",
            "name": "London Heathrow Airport",
            "city": "London",
            "subdivision": "England",
            "country": "GB",
            "elevation_ft": 83,
            "latitude": 51.4706,
            "longitude": -0.46194,
            "time_zone": "Europe/London",
        }
    ]


def test_a_search_can_keep_to_a_country_and_to_a_number(client: MCPClient) -> None:
    in_britain = client.call_tool("search_airports", {"query": "london", "country": "gb", "limit": 2})

    assert [airport["iata"] for airport in rows(in_britain.data)] == ["BQH", "LCY"]


@cases(
    "arguments",
    [
        {"query": "london", "limit": 51},
        {"query": "london", "limit": 0},
        {"query": "london", "country": "GBR"},
        {"query": "x" * 101},
        {"query": "london", "page": 2},
        {},
    ],
)
def test_arguments_out_of_bounds_are_refused_in_band(client: MCPClient, arguments: dict[str, Any]) -> None:
    assert client.call_tool("search_airports", arguments).is_error


def test_the_nearest_airports_are_found_across_the_antimeridian(client: MCPClient) -> None:
    found = client.call_tool("nearest_airports", {"latitude": -17, "longitude": 180, "limit": 3})

    assert [(airport["icao"], airport["distance_km"]) for airport in rows(found.data)] == [
        ("NFNM", pytest.approx(36.8, abs=0.1)),
        ("NFNH", pytest.approx(45.2, abs=0.1)),
        ("NFKB", pytest.approx(61.2, abs=0.1)),
    ]


def test_the_nearest_airports_can_be_those_with_an_iata_code(client: MCPClient) -> None:
    pole = {"latitude": 90, "longitude": 0, "limit": 2}

    anyone = client.call_tool("nearest_airports", pole)
    iata_only = client.call_tool("nearest_airports", {**pole, "iata_only": True})

    assert [airport["icao"] for airport in rows(anyone.data)] == ["CYLT", "BGMI"]
    assert [airport["icao"] for airport in rows(iata_only.data)] == ["CYLT", "BIBD"]


@cases("code", ["LHR", "lhr", "EGLL"])
def test_an_airport_has_its_facts(client: MCPClient, code: str) -> None:
    facts = client.call_tool("airport_facts", {"code": code})

    assert facts.data["name"] == "London Heathrow Airport"
    assert facts.data["time_zone"] == "Europe/London"


def test_a_distance_is_measured_between_codes_of_either_kind(client: MCPClient) -> None:
    measured = client.call_tool("distance", {"origin": "LHR", "destination": "KJFK"})

    assert measured.data == {
        "origin": "LHR",
        "destination": "JFK",
        "km": pytest.approx(5540, abs=5),
        "nautical_miles": pytest.approx(2991, abs=3),
        "initial_bearing": pytest.approx(288, abs=0.5),
        "midpoint": {"latitude": pytest.approx(52.2, abs=0.1), "longitude": pytest.approx(-41.3, abs=0.1)},
    }


def test_a_route_is_its_legs_and_their_sum(client: MCPClient) -> None:
    route = client.call_tool("route", {"codes": ["LHR", "SIN", "SYD", "SIN"]}).data

    assert [(leg["origin"], leg["destination"]) for leg in route["legs"]] == [
        ("LHR", "SIN"),
        ("SIN", "SYD"),
        ("SYD", "SIN"),
    ]
    assert route["km"] == pytest.approx(sum(leg["km"] for leg in route["legs"]), abs=0.1)
    assert route["nautical_miles"] == pytest.approx(route["km"] / 1.852, abs=0.1)


def test_a_route_looks_its_airports_up_at_once(client: MCPClient) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.call_tool("route", {"codes": ["LHR", "SIN", "SYD", "NAN", "PPT"]})

    assert len([query for query in queries if "airports_airport" in query["sql"]]) == 1


@cases(
    ("code", "hint"),
    [
        ("London", "Similar: YXU London Airport, BQH London Biggin Hill Airport"),
        ("LHX", "Similar: LHR London Heathrow Airport."),
        ("???", "Call search_airports with the name of a city."),
        ("\x00\x00\x00", "Call search_airports with the name of a city."),
    ],
)
def test_an_unknown_code_tells_the_model_what_to_try(client: MCPClient, code: str, hint: str) -> None:
    facts = client.call_tool("airport_facts", {"code": code})

    assert facts.is_error
    assert facts.text.startswith(f"No airport has the code {code!r}. {hint}")


# Trips


@cases(
    ("tool", "arguments"),
    [
        ("create_trip", {"name": "East"}),
        ("add_leg", {"trip_id": 1, "origin": "LHR", "destination": "SIN"}),
        ("my_trips", {}),
    ],
)
def test_trips_need_a_user(client: MCPClient, tool: str, arguments: dict[str, Any]) -> None:
    refused = client.call_tool(tool, arguments)

    assert refused.is_error
    assert "has not signed in" in refused.text
    assert not TripPlan.objects.exists()


def test_a_trip_is_created_and_filled_and_listed(connect: Connect, amelia: User) -> None:
    client = connect(user=amelia)

    trip = client.call_tool("create_trip", {"name": "East"}).data
    for origin, destination in (("LHR", "SIN"), ("SIN", "SYD")):
        added = client.call_tool("add_leg", {"trip_id": trip["id"], "origin": origin, "destination": destination})
    listed = client.call_tool("my_trips")

    assert trip == {"id": trip["id"], "name": "East", "created_at": trip["created_at"], "legs": [], "km": 0}
    assert [(leg["origin"], leg["destination"]) for leg in added.data["legs"]] == [("LHR", "SIN"), ("SIN", "SYD")]
    assert rows(listed.data) == [added.data]
    assert [str(plan.owner) for plan in TripPlan.objects.all()] == ["amelia"]


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "a\nb"])
def test_a_trip_that_cannot_be_named_so_is_refused_in_band(connect: Connect, amelia: User, name: str) -> None:
    refused = connect(user=amelia).call_tool("create_trip", {"name": name})

    assert refused.is_error
    assert "name" in refused.text
    assert not TripPlan.objects.exists()


def test_a_trip_keeps_its_name_in_any_script(connect: Connect, amelia: User) -> None:
    trip = connect(user=amelia).call_tool("create_trip", {"name": "日本 ✈️ 😀"}).data

    assert TripPlan.objects.get(pk=trip["id"]).name == trip["name"] == "日本 ✈️ 😀"


def test_a_trip_is_its_owners_alone(connect: Connect, amelia: User, bessie: User) -> None:
    plan = TripPlan.objects.create(owner=amelia, name="East")
    other = connect(user=bessie)

    refused = other.call_tool("add_leg", {"trip_id": plan.pk, "origin": "LHR", "destination": "SIN"})

    assert refused.is_error
    assert refused.text == f"You have no trip {plan.pk}. Call my_trips for those you have."
    assert rows(other.call_tool("my_trips").data) == []
    assert not plan.legs.exists()


def test_a_leg_with_an_unknown_code_changes_nothing(connect: Connect, amelia: User) -> None:
    plan = TripPlan.objects.create(owner=amelia, name="East")

    refused = connect(user=amelia).call_tool("add_leg", {"trip_id": plan.pk, "origin": "LHR", "destination": "London"})

    assert refused.is_error
    assert not plan.legs.exists()


@pytest.mark.parametrize("trip_id", [0, -1, 2**31, 2**63, 2**70])
def test_a_trip_that_is_not_there_is_refused_in_words(connect: Connect, amelia: User, trip_id: int) -> None:
    refused = connect(user=amelia).call_tool("add_leg", {"trip_id": trip_id, "origin": "LHR", "destination": "SIN"})

    assert refused.text == f"You have no trip {trip_id}. Call my_trips for those you have."


def test_airports_are_browsed_as_the_api_has_them(client: MCPClient) -> None:
    page = client.call_tool("browse_airports", {"search": "NZ", "ordering": "-elevation_ft", "limit": 1}).data

    assert (page["count"], [airport["icao"] for airport in page["results"]]) == (1, ["NZAA"])


def test_trip_plans_are_for_their_owners(connect: Connect, amelia: User, bessie: User) -> None:
    plan = TripPlan.objects.create(owner=amelia, name="East")
    assert not {"search_trip_plans", "delete_trip_plan"} & {tool["name"] for tool in connect().list_tools()}

    mine, hers = connect(user=amelia), connect(user=bessie)
    assert [trip["name"] for trip in mine.call_tool("search_trip_plans", {"query": "eas"}).data["items"]] == ["East"]
    assert hers.call_tool("search_trip_plans", {"query": "eas"}).data["items"] == []
    assert hers.call_tool("delete_trip_plan", {"pk": plan.pk}).text == f"There is no trip plan {plan.pk}."
    renamed = mine.call_tool("update_trip_plan", {"pk": plan.pk, "changes": {"name": "West"}}).data
    assert renamed["name"] == "West"
    assert mine.call_tool("delete_trip_plan", {"pk": plan.pk}).text == f"Deleted trip plan {plan.pk}."
    assert not TripPlan.objects.exists()


# Resources


def test_a_trip_and_its_ticket_are_read_by_their_owner(
    connect: Connect, amelia: User, bessie: User, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    plan = TripPlan(owner=amelia, name="East")
    plan.ticket.save("ticket.txt", ContentFile(b"Seat 1A"), save=True)

    assert json.loads(connect(user=amelia).read_resource(f"trip://{plan.pk}")[0]["text"])["name"] == "East"
    assert connect(user=amelia).read_resource(f"ticket://{plan.pk}?offset=5")[0]["text"] == "1A"
    for uri in (f"trip://{plan.pk}", f"ticket://{plan.pk}"):
        with pytest.raises(MCPError, match="Resource not found"):
            connect(user=bessie).read_resource(uri)


def test_resources_and_templates_are_listed(client: MCPClient) -> None:
    assert [resource["uri"] for resource in client.list_resources()] == ["airport://countries"]
    assert [template["uriTemplate"] for template in client.list_resource_templates()] == [
        "airport://{iata}",
        "airport://country/{country}",
        "trip://{pk}",
        "ticket://{pk}{?offset,length}",
    ]


@cases("uri", ["airport://LHR", "airport://lhr", "airport://EGLL"])
def test_an_airport_is_read_by_either_code(client: MCPClient, uri: str) -> None:
    [content] = client.read_resource(uri)

    assert (content["uri"], content["mimeType"]) == (uri, "application/json")
    assert json.loads(content["text"])["name"] == "London Heathrow Airport"


def test_the_country_list_comes_before_the_template_that_would_match_it(client: MCPClient) -> None:
    [content] = client.read_resource("airport://countries")

    countries = json.loads(content["text"])
    assert {"country": "IS", "airports": 3} in countries
    assert sum(country["airports"] for country in countries) == Airport.objects.count()


def test_a_country_is_read_with_its_airports(client: MCPClient) -> None:
    [content] = client.read_resource("airport://country/is")

    country = json.loads(content["text"])
    assert (country["country"], country["airports"]) == ("IS", 3)
    assert [airport["iata"] for airport in country["first"]] == ["BIU", "KEF", "RKV"]


@cases("uri", ["airport://XXX", "airport://country/XX", "airport://%00%00%00", "airport://country/%00"])
def test_what_is_not_there_is_not_found(client: MCPClient, uri: str) -> None:
    with pytest.raises(MCPError) as error:
        client.read_resource(uri)

    assert error.value.code == (-32602 if client.era == "modern" else -32002)


# Completion

IATA = {"type": "ref/resource", "uri": "airport://{iata}"}
COUNTRY = {"type": "ref/resource", "uri": "airport://country/{country}"}
PLAN = {"type": "ref/prompt", "name": "plan_a_trip"}


@cases(
    ("reference", "argument", "value", "offered"),
    [
        (IATA, "iata", "LH", ["LHR"]),
        (IATA, "iata", "heathrow", ["LHR"]),
        (PLAN, "origin", "sy", ["SYD"]),
        (PLAN, "destination", "auckl", ["AKL"]),
        (COUNTRY, "country", "i", ["IS", "IT"]),
        (IATA, "iata", "???", []),
        (IATA, "iata", "\x00", []),
    ],
)
def test_codes_and_countries_are_completed(
    client: MCPClient, reference: dict[str, str], argument: str, value: str, offered: list[str]
) -> None:
    assert client.complete(reference, argument, value) == offered


def test_a_trip_does_not_end_where_it_begins(client: MCPClient) -> None:
    origins = client.complete(PLAN, "origin", "paris")
    destinations = client.complete(PLAN, "destination", "paris", context={"origin": "CDG"})

    assert (origins, destinations) == (["CDG", "ORY"], ["ORY"])


# Prompts


def test_a_packing_list_is_asked_for_by_a_template(client: MCPClient) -> None:
    [message] = client.get_prompt("packing_list", {"destination": "SYD", "month": "May"})["messages"]

    text = message["content"]["text"]
    assert text.startswith("I am flying to Sydney (SYD Sydney Kingsford Smith International Airport) in May.")
    assert "south of the equator" in text
    assert "thin air" not in text


def test_the_prompt_says_what_it_takes(client: MCPClient) -> None:
    prompt, _ = client.list_prompts()

    assert prompt["name"] == "plan_a_trip"
    assert prompt["description"] == "Plan a trip between two airports, day by day."
    assert [(argument["name"], argument["required"]) for argument in prompt["arguments"]] == [
        ("origin", True),
        ("destination", True),
        ("days", False),
    ]


@cases(("arguments", "days"), [({}, 3), ({"days": "10"}, 10)])
def test_a_trip_is_planned_from_the_facts(client: MCPClient, arguments: dict[str, str], days: int) -> None:
    prompt = client.get_prompt("plan_a_trip", {"origin": "LHR", "destination": "kef", **arguments})

    [message] = prompt["messages"]
    assert message["role"] == "user"
    assert message["content"]["text"].startswith(
        f"Plan a trip of {days} days from London (LHR London Heathrow Airport)"
        " to Reykjavik (KEF Keflavik International Airport), which is 1895 km away."
        " The clocks there show Atlantic/Reykjavik time; at home, Europe/London."
    )


@cases(
    "arguments",
    [
        {"origin": "LHR"},
        {"origin": "LHR", "destination": "XXX"},
        {"origin": "LHR", "destination": ""},
        {"origin": "LHR", "destination": "KEF", "days": "many"},
        {"origin": "LHR", "destination": "KEF", "days": "0"},
    ],
)
def test_a_trip_that_cannot_be_planned_is_invalid_params(client: MCPClient, arguments: dict[str, str]) -> None:
    with pytest.raises(MCPError) as error:
        client.get_prompt("plan_a_trip", arguments)

    assert error.value.code == -32602
