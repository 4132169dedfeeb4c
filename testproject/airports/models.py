"""Airports, which everybody may read, and trips, which belong to the user who plans them."""

from __future__ import annotations

import re
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models import Case, Count, F, Max, Q, Value, When
from django.db.models.functions import ASin, Cos, Least, Power, Radians, Sin, Sqrt

from .folding import fold
from .geometry import EARTH_RADIUS_KM, Point, boxes_around

CODE = re.compile(r"[A-Z0-9_]{3,4}")

# `nearest()` looks this far, then further; the last is more than half way round the Earth.
SEARCH_RADII_KM = (100, 500, 2500, 20_100)

SCHEDULED_FIRST = (Case(When(iata="", then=1), default=0), "name", "icao")


class AirportQuerySet(models.QuerySet["Airport"]):
    def coded(self, *codes: str) -> Self:
        """Those with one of these IATA or ICAO codes, in any case."""
        wanted = [code for code in map(str.upper, codes) if CODE.fullmatch(code)]
        return self.filter(Q(iata__in=wanted) | Q(icao__in=wanted))

    def in_country(self, country: str) -> Self:
        """Those of a country, by its ISO 3166 code of two letters, in any case."""
        return self.filter(country=country.upper()) if country.isalpha() else self.none()

    def search(self, text: str) -> Self:
        """Those in which every word of the text begins some word of the city, name, region or codes; best first.

        Best is the airport with that very code, then those of the city with that very name, then `scheduled_first()`.
        """
        words = fold(text)
        if not words:
            return self.none()
        found = self.filter(*(Q(search_text__contains=f" {word}") for word in words))
        code, city = words[0].upper(), f" {' '.join(words)} "
        best = Case(When(Q(iata=code) | Q(icao=code), then=0), When(search_text__startswith=city, then=1), default=2)
        return found.order_by(best, *SCHEDULED_FIRST)

    def scheduled_first(self) -> Self:
        """By name, but those with an IATA code first: they are the ones with scheduled flights."""
        return self.order_by(*SCHEDULED_FIRST)

    def codes_for(self, text: str, limit: int = 100) -> list[str]:
        """IATA codes to offer to somebody who has typed this much of a code, or of the name of a place."""
        begins = "".join(fold(text)).upper()
        if text and not begins:
            return []
        scheduled = self.exclude(iata="")
        by_code = scheduled.filter(iata__startswith=begins).order_by("iata")
        by_name = scheduled.search(text)
        codes = [airport.iata for airports in (by_code, by_name) for airport in airports[:limit]]
        return list(dict.fromkeys(codes))[:limit]

    def similar(self, code: str) -> Self:
        """Those that were perhaps meant by a code that does not exist: its place, or codes that begin alike."""
        found = self.search(code)
        begins = "".join(fold(code)).upper()[:2]
        return self.filter(iata__startswith=begins).order_by("iata", "icao") if begins and not found.exists() else found

    def near(self, center: Point, within_km: float) -> Self:
        """Those within the distance, nearest first, each with its `distance_km`."""
        inside = Q()
        for box in boxes_around(center, within_km):
            inside |= Q(latitude__range=(box.south, box.north), longitude__range=(box.west, box.east))
        measured = self.filter(inside).annotate(distance_km=_distance_km(center))
        return measured.filter(distance_km__lte=within_km).order_by("distance_km", "icao")

    def nearest(self, center: Point, limit: int) -> list[Airport]:
        """The nearest `limit` airports, each with its `distance_km`."""
        found: list[Airport] = []
        for within_km in SEARCH_RADII_KM:
            found = list(self.near(center, within_km)[:limit])
            if len(found) == limit:
                break
        return found

    def countries(self) -> dict[str, int]:
        """How many airports each country has, by country: `{"AD": 2, "AE": 25, ...}`."""
        return dict(self.order_by("country").values_list("country").annotate(Count("pk")))


def _distance_km(center: Point) -> Any:
    """`geometry.distance_km` from the centre to a row, as an SQL expression."""
    north_south = Power(Sin(Radians(F("latitude") - Value(center.latitude)) / 2), 2)
    east_west = Power(Sin(Radians(F("longitude") - Value(center.longitude)) / 2), 2)
    haversine = north_south + Cos(Radians(Value(center.latitude))) * Cos(Radians(F("latitude"))) * east_west
    return 2 * EARTH_RADIUS_KM * ASin(Sqrt(Least(1.0, haversine)))


class SearchTextField(models.CharField):  # type: ignore[type-arg]
    """The text that `search()` looks at. It is filled in whenever a row is saved, in bulk too."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        assert isinstance(model_instance, Airport)
        text = model_instance.search_text = model_instance.folded()
        return text


class Airport(models.Model):
    icao = models.CharField("ICAO code", max_length=4, primary_key=True)
    # Not unique: airlines reassign these codes, and a reload must not depend on the order of its rows.
    iata = models.CharField("IATA code", max_length=3, blank=True, db_index=True)
    name = models.CharField(max_length=100)
    city = models.CharField(max_length=60, blank=True)
    subdivision = models.CharField(max_length=60, blank=True, help_text="State, province or region.")
    country = models.CharField(max_length=2, db_index=True, help_text="ISO 3166-1 alpha-2 code.")
    elevation_ft = models.IntegerField("elevation (ft)")
    latitude = models.FloatField()
    longitude = models.FloatField()
    time_zone = models.CharField(max_length=40, help_text="IANA name, such as Europe/London.")
    search_text = SearchTextField(max_length=500, editable=False)

    objects = AirportQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["latitude", "longitude"], name="airport_position"),)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def code(self) -> str:
        """The code that people know it by: IATA, or ICAO where there is none."""
        return self.iata or self.icao

    def folded(self) -> str:
        """Its city, name, region and codes as words to search, each with a space before and after it."""
        parts = (self.city, self.name, self.subdivision, self.country, self.iata, self.icao)
        return f" {' '.join(fold(' '.join(parts)))} "

    @property
    def point(self) -> Point:
        return Point(self.latitude, self.longitude)


class TripPlanQuerySet(models.QuerySet["TripPlan"]):
    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(owner_id=user.pk)

    def with_legs(self) -> Self:
        legs = Leg.objects.select_related("origin", "destination")
        return self.prefetch_related(models.Prefetch("legs", legs))


class TripPlan(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trip_plans")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    ticket = models.FileField(upload_to="tickets", blank=True)

    objects = TripPlanQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return self.name

    @transaction.atomic
    def add_leg(self, origin: Airport, destination: Airport) -> Leg:
        """Append a leg. The plan's row is locked, so that two legs added at once get different places."""
        TripPlan.objects.select_for_update().get(pk=self.pk)
        last: int = self.legs.aggregate(last=Max("order", default=0))["last"]
        return self.legs.create(order=last + 1, origin=origin, destination=destination)


class Leg(models.Model):
    plan = models.ForeignKey(TripPlan, on_delete=models.CASCADE, related_name="legs")
    order = models.PositiveSmallIntegerField()
    origin = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="+")
    destination = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("order",)
        constraints = (models.UniqueConstraint(fields=["plan", "order"], name="leg_order_unique_in_plan"),)

    def __str__(self) -> str:
        return f"{self.order}. {self.origin_id} to {self.destination_id}"
