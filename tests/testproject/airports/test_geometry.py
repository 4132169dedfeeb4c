"""Distances are compared with the published ones, to within the half per cent that a spherical Earth allows."""

from __future__ import annotations

from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testproject.airports.geometry import (
    EARTH_RADIUS_KM,
    Point,
    boxes_around,
    distance_km,
    initial_bearing,
    nautical_miles,
    point_between,
)
from tests.tables import cases

HEATHROW = Point(51.4706, -0.46194)
KENNEDY = Point(40.639928, -73.778692)
SYDNEY = Point(-33.9461, 151.177)
LOS_ANGELES = Point(33.942496, -118.408049)
NORTH_POLE = Point(90, 0)

points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))


@cases(
    ("start", "end", "km"),
    [(HEATHROW, KENNEDY, 5540), (SYDNEY, LOS_ANGELES, 12051), (HEATHROW, SYDNEY, 17016)],
)
def test_a_great_circle_is_as_long_as_published(start: Point, end: Point, km: float) -> None:
    assert distance_km(start, end) == pytest.approx(km, rel=0.005)
    assert distance_km(end, start) == pytest.approx(distance_km(start, end))


def test_a_pole_is_a_quarter_of_the_way_round_and_the_antipode_half() -> None:
    assert distance_km(Point(0, 77), NORTH_POLE) == pytest.approx(EARTH_RADIUS_KM * pi / 2)
    assert distance_km(HEATHROW, Point(-51.4706, 179.53806)) == pytest.approx(EARTH_RADIUS_KM * pi)


def test_a_distance_does_not_go_the_long_way_round_at_the_antimeridian() -> None:
    assert distance_km(Point(0, 179.5), Point(0, -179.5)) == pytest.approx(EARTH_RADIUS_KM * pi / 180)


def test_a_nautical_mile_is_1852_metres() -> None:
    assert nautical_miles(1.852) == 1


@cases(
    ("start", "end", "bearing"),
    [
        (Point(0, 0), Point(10, 0), 0),
        (Point(0, 0), Point(0, 10), 90),
        (Point(0, 179), Point(0, -179), 90),
        (Point(10, 0), Point(0, 0), 180),
        (Point(0, 0), Point(0, -10), 270),
        (HEATHROW, KENNEDY, 288),
    ],
)
def test_a_bearing_is_clockwise_from_north(start: Point, end: Point, bearing: float) -> None:
    assert initial_bearing(start, end) == pytest.approx(bearing, abs=0.5)


def test_a_point_between_divides_the_great_circle() -> None:
    whole = distance_km(HEATHROW, SYDNEY)

    third = point_between(HEATHROW, SYDNEY, 1 / 3)

    assert distance_km(HEATHROW, third) == pytest.approx(whole / 3)
    assert distance_km(third, SYDNEY) == pytest.approx(whole * 2 / 3)


def test_the_midpoint_of_two_sides_of_the_antimeridian_lies_on_it() -> None:
    middle = point_between(Point(0, 179), Point(0, -179))

    assert middle.latitude == pytest.approx(0)
    assert abs(middle.longitude) == pytest.approx(180)


def test_the_midpoint_of_a_point_and_itself_is_that_point() -> None:
    assert point_between(HEATHROW, HEATHROW) == HEATHROW


@given(center=points, within_km=st.floats(0, 20_020), other=points)
def test_boxes_hold_every_point_within_the_distance(center: Point, within_km: float, other: Point) -> None:
    boxes = boxes_around(center, within_km)

    inside = any(box.south <= other.latitude <= box.north and box.west <= other.longitude <= box.east for box in boxes)
    assert inside or distance_km(center, other) > within_km


@cases(("longitude", "count"), [(0, 1), (179.9, 2), (180, 2), (-180, 2), (-179.9, 2)])
def test_a_circle_across_the_antimeridian_takes_two_boxes(longitude: float, count: int) -> None:
    boxes = boxes_around(Point(-17, longitude), 100)

    assert len(boxes) == count
    assert all(-180 <= box.west <= box.east <= 180 for box in boxes)
    assert sum(box.east - box.west for box in boxes) == pytest.approx(1.88, abs=0.01)


@cases("latitude", [90, 89.5, -89.5, -90])
def test_a_circle_that_holds_a_pole_takes_all_longitudes(latitude: float) -> None:
    [box] = boxes_around(Point(latitude, 40), 100)

    assert (box.west, box.east) == (-180, 180)
    assert -90 <= box.south < box.north <= 90
