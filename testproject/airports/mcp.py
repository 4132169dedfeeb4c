"""Tools that look up airports, measure distances, and keep the signed-in user's trips."""

from __future__ import annotations

from typing import Annotated

from django.contrib.auth.models import User
from django.db.models import QuerySet
from pydantic import Field

from django_mcp import (
    Context,
    Principal,
    ResourceNotFound,
    ToolError,
    default_server,
    prompt,
    resource,
    tool,
    toolset,
)
from django_mcp.contrib.file_resources import FileFieldResource
from django_mcp.contrib.model_resource import ModelResource
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.contrib.viewset_toolset import ViewSetToolset

from .api import AirportViewSet
from .geometry import Point
from .models import Airport, TripPlan
from .results import AirportFacts, Country, CountryAirports, Distance, NearbyAirport, Route, Trip

Code = Annotated[str, Field(description="IATA or ICAO code, such as LHR or EGLL", min_length=3, max_length=80)]
CountryCode = Annotated[str, Field(description="ISO 3166-1 code of two letters, such as GB", pattern="^[A-Za-z]{2}$")]
Limit = Annotated[int, Field(ge=1, le=50)]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=100)]  # without control characters


# Tools that read


@tool(read_only=True)
def search_airports(
    query: Annotated[str, Field(max_length=100)], country: CountryCode | None = None, limit: Limit = 10
) -> list[AirportFacts]:
    """Find airports by city, name, region or code.

    Args:
        query: words that the airport must have, in any order; accents and capitals do not matter
        country: look only in this country
        limit: how many to return, best first
    """
    airports = Airport.objects.in_country(country) if country else Airport.objects.all()
    return [AirportFacts.model_validate(airport) for airport in airports.search(query)[:limit]]


@tool(read_only=True)
def nearest_airports(
    latitude: Annotated[float, Field(ge=-90, le=90)],
    longitude: Annotated[float, Field(ge=-180, le=180)],
    limit: Limit = 5,
    iata_only: bool = False,
) -> list[NearbyAirport]:
    """Find the airports nearest to a point, with their distances.

    Args:
        latitude: degrees, north is positive
        longitude: degrees, east is positive
        limit: how many to return, nearest first
        iata_only: leave out airstrips and heliports that have no IATA code
    """
    airports = Airport.objects.exclude(iata="") if iata_only else Airport.objects.all()
    nearest = airports.nearest(Point(latitude, longitude), limit)
    return [NearbyAirport.model_validate(airport) for airport in nearest]


@tool(read_only=True)
def airport_facts(code: Code) -> AirportFacts:
    """Everything known about one airport: its names, place, elevation and time zone."""
    [airport] = airports_with(code)
    return AirportFacts.model_validate(airport)


@tool(read_only=True)
def distance(origin: Code, destination: Code) -> Distance:
    """Measure the great-circle distance between two airports."""
    return Distance.between(*airports_with(origin, destination))


@tool(read_only=True)
def route(codes: Annotated[list[Code], Field(min_length=2, max_length=50)]) -> Route:
    """Measure a journey by way of several airports: each leg, and all of them together.

    Args:
        codes: the airports in the order of travel, such as ["LHR", "SIN", "SYD"]
    """
    return Route.along(airports_with(*codes))


@toolset
class AirportAPI(ViewSetToolset):
    viewset = AirportViewSet
    actions = ("list",)
    names = {"list": "browse_airports"}


# Tools for the signed-in user


@tool(destructive=False, scopes=["trips"])
def create_trip(name: Name, ctx: Context) -> Trip:
    """Start an empty trip plan, which add_leg fills.

    Args:
        name: what its owner will know it by
    """
    return Trip.of(TripPlan.objects.create(owner=signed_in_user(ctx), name=name))


@tool(destructive=False, scopes=["trips"])
def add_leg(trip_id: int, origin: Code, destination: Code, ctx: Context) -> Trip:
    """Add a flight to the end of one of the user's trips, and return the whole trip.

    Args:
        trip_id: the trip's id, from create_trip or my_trips
    """
    trip = TripPlan.objects.owned_by(signed_in_user(ctx)).filter(pk=trip_id).first()
    if trip is None:
        raise ToolError(f"You have no trip {trip_id}. Call my_trips for those you have.")
    trip.add_leg(*airports_with(origin, destination))
    return Trip.of(TripPlan.objects.with_legs().get(pk=trip_id))


@tool(read_only=True, scopes=["trips"])
async def my_trips(ctx: Context, limit: Limit = 10) -> list[Trip]:
    """List the user's trip plans with their legs.

    Args:
        limit: how many to return, newest first
    """
    trips = TripPlan.objects.owned_by(signed_in_user(ctx)).with_legs()[:limit]
    return [Trip.of(trip) async for trip in trips]


def trips_of(ctx: Context) -> QuerySet[TripPlan]:
    return TripPlan.objects.owned_by(ctx.user)


@toolset
class TripPlans(ModelToolset):
    model = TripPlan
    fields = ("id", "name", "created_at")
    operations = ("search", "update", "delete")
    search_fields = ("name",)
    model_permissions = False
    scopes = ("trips",)

    @staticmethod
    def permission(principal: Principal) -> bool:
        return principal.user.is_authenticated

    def get_queryset(self) -> QuerySet[TripPlan]:
        return trips_of(self.ctx)


# Completion


def airport_codes(value: str) -> list[str]:
    return Airport.objects.codes_for(value)


def other_airport_codes(value: str, arguments: dict[str, str]) -> list[str]:
    return [code for code in airport_codes(value) if code != arguments.get("origin")]


def country_codes(value: str) -> list[str]:
    return [country for country in Airport.objects.countries() if country.startswith(value.upper())]


# Resources


@resource("airport://{iata}", complete={"iata": airport_codes})
def airport(iata: str) -> AirportFacts:
    """One airport, by its IATA or ICAO code."""
    return AirportFacts.model_validate(Airport.objects.coded(iata).get())


@resource("airport://countries")
def countries() -> list[Country]:
    """The countries that have airports, and how many."""
    return [Country(country=country, airports=count) for country, count in Airport.objects.countries().items()]


@resource("airport://country/{country}", complete={"country": country_codes})
def airports_of_country(country: str) -> CountryAirports:
    """The airports of a country: how many, and the first 200."""
    airports = Airport.objects.in_country(country)
    if not (total := airports.count()):
        raise ResourceNotFound
    first = [AirportFacts.model_validate(airport) for airport in airports.scheduled_first()[:200]]
    return CountryAirports(country=country.upper(), airports=total, first=first)


resource(
    ModelResource("trip://{pk}", TripPlan, fields=("name", "created_at"), queryset=trips_of, model_permissions=False)
)
default_server.watch(TripPlan, "trip://{pk}")
resource(
    FileFieldResource("ticket://{pk}{?offset,length}", TripPlan, "ticket", queryset=trips_of, model_permissions=False)
)


# Prompts


@prompt(complete={"origin": airport_codes, "destination": other_airport_codes})
def plan_a_trip(origin: Code, destination: Code, days: Annotated[int, Field(ge=1, le=90)] = 3) -> str:
    """Plan a trip between two airports, day by day.

    Args:
        days: how long to stay
    """
    start, end = airports_with(origin, destination)
    km = Distance.between(start, end).km
    return (
        f"Plan a trip of {days} days from {start.city} ({start}) to {end.city} ({end}), which is {km:.0f} km away. "
        f"The clocks there show {end.time_zone} time; at home, {start.time_zone}.\n\n"
        "Propose how to fly, by way of which airports if not directly, and check each leg with the route tool. "
        "Then make a plan for each day. When I agree, save the flights with create_trip and add_leg."
    )


@prompt(template="mcp/prompts/packing_list.md", complete={"destination": airport_codes})
def packing_list(destination: Code, month: Annotated[str, Field(max_length=20)] = "summer") -> dict[str, Airport]:
    """Pack for a journey to an airport.

    Args:
        month: when it is
    """
    [airport] = airports_with(destination)
    return {"airport": airport}


# Helpers of several tools


def airports_with(*codes: str) -> list[Airport]:
    """The airports with these codes, in that order, by one query. An unknown code tells the model what is near it."""
    found: dict[str, Airport] = {}
    for airport in Airport.objects.coded(*codes):
        found |= {code: airport for code in (airport.iata, airport.icao) if code}
    for code in codes:
        if code.upper() not in found:
            similar = ", ".join(map(str, Airport.objects.similar(code)[:5]))
            hint = f"Similar: {similar}." if similar else "Call search_airports with the name of a city."
            raise ToolError(f"No airport has the code {code!r}. {hint}")
    return [found[code.upper()] for code in codes]


def signed_in_user(ctx: Context) -> User:
    if isinstance(ctx.user, User):
        return ctx.user
    raise ToolError(
        "Trips belong to a user, and this connection has not signed in. "
        "Connect again with the credentials of a user of this site, in an Authorization header."
    )
