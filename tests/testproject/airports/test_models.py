from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import ProtectedError

from testproject.airports.geometry import Point, distance_km
from testproject.airports.models import Airport, Leg, TripPlan
from tests.tables import cases

pytestmark = pytest.mark.django_db

Airports = dict[str, Airport]


def icao(airports: object) -> list[str]:
    return [airport.icao for airport in airports]  # type: ignore[attr-defined]


# Search


def test_a_city_is_found_with_the_airports_that_have_an_iata_code_first(airports: Airports) -> None:
    assert icao(Airport.objects.search("zurich")) == ["LSZH", "LSMD"]


def test_an_airports_own_code_comes_before_words_that_begin_so(airports: Airports) -> None:
    Airport.objects.create(
        icao="ZZZZ", iata="ZZZ", name="Sin City", city="Sin", country="ZZ", elevation_ft=0, latitude=0, longitude=0
    )

    assert icao(Airport.objects.search("sin")) == ["WSSS", "ZZZZ"]


def test_the_city_of_that_very_name_comes_before_other_matches(airports: Airports) -> None:
    assert icao(Airport.objects.search("paris")) == ["LFPG", "LFPO"]
    assert icao(Airport.objects.search("rome")) == ["KRME", "LIRF"]


@cases(
    ("text", "code"),
    [
        ("sao paulo catarina", "SBJH"),
        ("SÃO Paulo catarina", "SBJH"),
        ("bildudalur", "BIBD"),
        ("ohare", "KORD"),
        ("O'Hare, Chicago", "KORD"),
        ("heathrow", "EGLL"),
        ("airport london ca", "CYXU"),
        ("egll", "EGLL"),
        ("lhr", "EGLL"),
        ("sydn", "YSSY"),
    ],
)
def test_every_word_must_begin_some_word_of_the_airport(airports: Airports, text: str, code: str) -> None:
    assert icao(Airport.objects.search(text)) == [code]


@cases("text", ["", " ", "%", "\x00", "\ud800", "throw", "london tokyo"])
def test_text_without_a_match_finds_nothing(airports: Airports, text: str) -> None:
    assert icao(Airport.objects.search(text)) == []


def test_a_long_text_is_no_burden(airports: Airports) -> None:
    assert Airport.objects.search("london " * 100_000).count() == 8
    assert Airport.objects.search("a" * 100_000).count() == 0


def test_search_follows_a_change(airports: Airports) -> None:
    heathrow = airports["EGLL"]
    heathrow.city = "Hillingdon"
    heathrow.save()

    assert icao(Airport.objects.search("hillingdon")) == ["EGLL"]


# Codes and countries


def test_codes_are_taken_in_any_case_and_either_kind(airports: Airports) -> None:
    assert sorted(icao(Airport.objects.coded("lhr", "kjfk", "xxx"))) == ["EGLL", "KJFK"]


@cases("code", ["", "L", "\x00\x00\x00", "\ud800\ud800\ud800", "LHR ", "😀😀😀"])
def test_what_cannot_be_a_code_finds_nothing(airports: Airports, code: str) -> None:
    assert icao(Airport.objects.coded(code)) == []


def test_codes_to_offer_begin_as_typed_and_then_match_by_name(airports: Airports) -> None:
    assert Airport.objects.codes_for("l")[:5] == ["LAX", "LCY", "LGA", "LGW", "LHR"]
    assert Airport.objects.codes_for("lond") == ["YXU", "BQH", "LCY", "LGW", "LHR", "LTN", "STN", "LOZ"]
    assert len(Airport.objects.codes_for("", limit=7)) == 7


def test_what_was_perhaps_meant_is_a_place_or_a_code_that_begins_alike(airports: Airports) -> None:
    assert "EGLL" in icao(Airport.objects.similar("London"))
    assert icao(Airport.objects.similar("LHX")) == ["EGLL"]
    assert icao(Airport.objects.similar("\x00")) == []


def test_countries_are_counted(airports: Airports) -> None:
    countries = Airport.objects.countries()

    assert list(countries) == sorted(countries)
    assert countries["IS"] == 3
    assert sum(countries.values()) == len(airports)


@cases(("country", "count"), [("IS", 3), ("is", 3), ("XX", 0), ("", 0), ("\x00", 0)])
def test_a_country_has_its_airports(airports: Airports, country: str, count: int) -> None:
    assert Airport.objects.in_country(country).count() == count


# Nearness

PLACES = [
    Point(51.5, 0),
    Point(-17, 180),
    Point(-17, -180),
    Point(-17.5, 179.9),
    Point(-17.5, -179.9),
    Point(68.9, 180),
    Point(90, 0),
    Point(90, -135),
    Point(84, 170),
    Point(-90, 77),
    Point(-89.9, -179.9),
    Point(0, -140),
    Point(-48.9, -123.4),
]


@cases("place", PLACES)
@cases("within_km", [10, 500, 2500, 12_000, 20_100])
def test_the_airports_near_a_place_are_those_within_the_distance(
    airports: Airports, place: Point, within_km: float
) -> None:
    exact = {code: distance_km(place, airport.point) for code, airport in airports.items()}
    expected = sorted((code for code in exact if exact[code] <= within_km), key=lambda code: (exact[code], code))

    near = list(Airport.objects.near(place, within_km))

    assert icao(near) == expected
    assert [airport.distance_km for airport in near] == pytest.approx([exact[code] for code in expected])  # type: ignore[attr-defined]


@cases("place", PLACES)
def test_the_nearest_airports_are_the_nearest_of_all(airports: Airports, place: Point) -> None:
    expected = sorted(airports, key=lambda code: (distance_km(place, airports[code].point), code))

    assert icao(Airport.objects.nearest(place, 4)) == expected[:4]
    assert icao(Airport.objects.nearest(place, 1000)) == expected


def test_the_nearest_airports_may_be_of_a_choice(airports: Airports) -> None:
    assert icao(Airport.objects.in_country("NZ").nearest(Point(51.5, 0), 5)) == ["NZAA"]


def test_an_airport_at_the_antipode_is_measured(airports: Airports) -> None:
    antipode = Point(-51.4706, 179.53806)

    [heathrow] = Airport.objects.coded("LHR").near(antipode, 20_100)

    assert heathrow.distance_km == pytest.approx(20_015.1, abs=0.1)  # type: ignore[attr-defined]


# Trips


def test_legs_are_kept_in_the_order_in_which_they_were_added(airports: Airports, django_user_model: type[User]) -> None:
    plan = TripPlan.objects.create(owner=django_user_model.objects.create(username="amelia"), name="East")

    plan.add_leg(airports["EGLL"], airports["WSSS"])
    plan.add_leg(airports["WSSS"], airports["YSSY"])

    assert [str(leg) for leg in plan.legs.all()] == ["1. EGLL to WSSS", "2. WSSS to YSSY"]


def test_two_legs_cannot_have_one_place(airports: Airports, django_user_model: type[User]) -> None:
    plan = TripPlan.objects.create(owner=django_user_model.objects.create(username="amelia"), name="East")
    leg = plan.add_leg(airports["EGLL"], airports["WSSS"])

    with pytest.raises(IntegrityError):
        Leg.objects.create(plan=plan, order=leg.order, origin=leg.origin, destination=leg.destination)


def test_an_airport_of_a_trip_is_not_deleted(airports: Airports, django_user_model: type[User]) -> None:
    plan = TripPlan.objects.create(owner=django_user_model.objects.create(username="amelia"), name="East")
    plan.add_leg(airports["EGLL"], airports["WSSS"])

    with pytest.raises(ProtectedError):
        airports["EGLL"].delete()


def test_trips_are_their_owners_and_newest_first(
    airports: Airports, django_user_model: type[User], django_assert_num_queries: object
) -> None:
    amelia, bessie = (django_user_model.objects.create(username=name) for name in ("amelia", "bessie"))
    for owner, name in ((amelia, "East"), (bessie, "South"), (amelia, "West")):
        plan = TripPlan.objects.create(owner=owner, name=name)
        plan.add_leg(airports["EGLL"], airports["WSSS"])

    with django_assert_num_queries(2):  # type: ignore[operator]
        trips = list(TripPlan.objects.owned_by(amelia).with_legs())
        origins = [leg.origin.city for trip in trips for leg in trip.legs.all()]

    assert [str(trip) for trip in trips] == ["West", "East"]
    assert origins == ["London", "London"]
