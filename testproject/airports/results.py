"""The types that the tools return. A docstring under a field is its description in the tool's output schema."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict

from .geometry import Point, distance_km, initial_bearing, nautical_miles, point_between
from .models import Airport, TripPlan


class Result(BaseModel):
    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class AirportFacts(Result):
    iata: str
    """IATA code, such as LHR; empty where it has none"""
    icao: str
    """ICAO code, such as EGLL"""
    name: str
    city: str
    subdivision: str
    """state, province or region"""
    country: str
    """ISO 3166-1 alpha-2 code, such as GB"""
    elevation_ft: int
    latitude: float
    longitude: float
    time_zone: str
    """IANA name, such as Europe/London"""


class NearbyAirport(AirportFacts):
    distance_km: float


class Distance(Result):
    origin: str
    """code of the airport where it begins"""
    destination: str
    """code of the airport where it ends"""
    km: float
    nautical_miles: float
    initial_bearing: float
    """direction at the start, in degrees clockwise from north"""
    midpoint: Point
    """the point half way"""

    @classmethod
    def between(cls, origin: Airport, destination: Airport) -> Self:
        km = distance_km(origin.point, destination.point)
        halfway = point_between(origin.point, destination.point)
        return cls(
            origin=origin.code,
            destination=destination.code,
            km=round(km, 1),
            nautical_miles=round(nautical_miles(km), 1),
            initial_bearing=round(initial_bearing(origin.point, destination.point), 1),
            midpoint=Point(round(halfway.latitude, 4), round(halfway.longitude, 4)),
        )


class Route(Result):
    legs: list[Distance]
    km: float
    nautical_miles: float

    @classmethod
    def along(cls, airports: list[Airport]) -> Self:
        legs = [Distance.between(origin, destination) for origin, destination in pairwise(airports)]
        km = sum(leg.km for leg in legs)
        return cls(legs=legs, km=round(km, 1), nautical_miles=round(nautical_miles(km), 1))


class Trip(Result):
    id: int
    """what add_leg takes as trip_id"""
    name: str
    created_at: datetime
    legs: list[Distance]
    km: float

    @classmethod
    def of(cls, plan: TripPlan) -> Self:
        legs = [Distance.between(leg.origin, leg.destination) for leg in plan.legs.all()]
        km = round(sum(leg.km for leg in legs), 1)
        return cls(id=plan.pk, name=plan.name, created_at=plan.created_at, legs=legs, km=km)


class Country(Result):
    country: str
    """ISO 3166-1 alpha-2 code"""
    airports: int
    """how many airports it has"""


class CountryAirports(Country):
    first: list[AirportFacts]
    """the first of them by name, those with an IATA code before the others"""
