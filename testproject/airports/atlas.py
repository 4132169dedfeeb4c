"""A server with an app: a map of airports with a search, from which flights go into the user's trips."""

from __future__ import annotations

from typing import Annotated, Any

from django import forms
from django.contrib.auth.models import User
from pydantic import Field

from django_mcp import Context, MCPServer, Principal, ToolResult
from django_mcp.contrib.apps import Apps, app, form_tool, fragment

from .models import Airport, TripPlan
from .results import AirportFacts, Trip

atlas = MCPServer("atlas", version="1.0", title="Map of airports", extensions=[Apps()])

DEGREES_OF_A_DOT = 2
MARKS = ("iata", "name", "city", "country", "latitude", "longitude")


@atlas.tool(read_only=True, app=app("airports/map.html", title="Map of airports", border=True))
def airports_map(
    query: Annotated[str, Field(max_length=100)] = "", limit: Annotated[int, Field(ge=1, le=50)] = 20
) -> ToolResult:
    """Show airports on a map of the world, which the user can search and from which they plan trips.

    Args:
        query: words that the airport must have: a city, name, region or code
        limit: how many to show, best first
    """
    found = list(Airport.objects.exclude(iata="").search(query)[:limit])
    names = ", ".join(f"{airport} ({airport.city})" for airport in found)
    text = f"{len(found)} airports for {query!r}: {names}" if found else f"No airport for {query!r}."
    marks = [{name: getattr(airport, name) for name in MARKS} for airport in found]
    return fragment("airports/_found.html", {"airports": found, "query": query}, text=text, data={"airports": marks})


def everybody(principal: Principal) -> bool:
    return True


@atlas.tool(read_only=True, visibility="app", permission=everybody)
def map_background() -> dict[str, Any]:
    """The world as dots where there are airports: a path for SVG, in degrees, with the north at the top."""
    places = Airport.objects.values_list("latitude", "longitude")
    dots = {(round(east / DEGREES_OF_A_DOT), round(-north / DEGREES_OF_A_DOT)) for north, east in places}
    path = "".join(f"M{x * DEGREES_OF_A_DOT} {y * DEGREES_OF_A_DOT}h0" for x, y in sorted(dots))
    return {"path": path}


class FlightForm(forms.Form):
    """A flight to add to a trip of the user's, which begins with it if there is none of the name."""

    trip = forms.CharField(max_length=100, initial="My trip")
    origin = forms.CharField(max_length=4, help_text="Code, such as LHR")
    destination = forms.CharField(max_length=4, help_text="Code, such as JFK")

    def clean_origin(self) -> Airport:
        return self._airport("origin")

    def clean_destination(self) -> Airport:
        return self._airport("destination")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("origin") and values.get("origin") == values.get("destination"):
            self.add_error("destination", "A flight ends somewhere else than it begins.")
        return values

    def _airport(self, name: str) -> Airport:
        code = self.cleaned_data[name]
        if airport := Airport.objects.coded(code).first():
            return airport
        raise forms.ValidationError("No airport has the code %(code)s.", params={"code": code})


def signed_in(principal: Principal) -> bool:
    return principal.user.is_authenticated


@atlas.tool(visibility="app", destructive=False, permission=signed_in, scopes=["trips"])
@form_tool(FlightForm)
def add_to_trip(form: FlightForm, ctx: Context) -> Trip:
    """Add a flight to a trip of the user's."""
    assert isinstance(ctx.user, User)
    name, origin, destination = (form.cleaned_data[field] for field in ("trip", "origin", "destination"))
    plan, _ = TripPlan.objects.get_or_create(owner=ctx.user, name=name)
    plan.add_leg(origin, destination)
    return Trip.of(TripPlan.objects.with_legs().get(pk=plan.pk))


@atlas.tool(read_only=True, visibility="model")
def airport_facts(code: Annotated[str, Field(min_length=3, max_length=4)]) -> AirportFacts | None:
    """Everything known about one airport, by its code."""
    found = Airport.objects.coded(code).first()
    return AirportFacts.model_validate(found) if found else None
