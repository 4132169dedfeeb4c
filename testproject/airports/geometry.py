"""Distances and directions on a spherical Earth, as pure functions of points in degrees.

A sphere is within 0.5 % of the true (ellipsoidal) distance: right for planning a trip, not for flying it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, hypot, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088  # the mean radius (IUGG)
KM_PER_NAUTICAL_MILE = 1.852  # exact, by definition


@dataclass(frozen=True, slots=True)
class Point:
    """A place, in degrees: north and east are positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of latitudes and longitudes, in degrees, that does not cross the antimeridian."""

    south: float
    north: float
    west: float
    east: float


def distance_km(start: Point, end: Point) -> float:
    """The length of the great circle between two points (haversine)."""
    north_south = sin(radians(end.latitude - start.latitude) / 2) ** 2
    east_west = sin(radians(end.longitude - start.longitude) / 2) ** 2
    haversine = north_south + cos(radians(start.latitude)) * cos(radians(end.latitude)) * east_west
    # Rounding can carry the haversine of two antipodes just past 1.
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, haversine)))


def nautical_miles(km: float) -> float:
    return km / KM_PER_NAUTICAL_MILE


def initial_bearing(start: Point, end: Point) -> float:
    """The direction in which the great circle leaves `start`: degrees clockwise from north, 0 to 360."""
    east = radians(end.longitude - start.longitude)
    from_latitude, to_latitude = radians(start.latitude), radians(end.latitude)
    x = sin(east) * cos(to_latitude)
    y = cos(from_latitude) * sin(to_latitude) - sin(from_latitude) * cos(to_latitude) * cos(east)
    return degrees(atan2(x, y)) % 360


def point_between(start: Point, end: Point, fraction: float = 0.5) -> Point:
    """The point that lies `fraction` of the way along the great circle: 0 is the start, 1 the end.

    Between antipodes every direction is a shortest way; the one returned is then arbitrary.
    """
    angle = distance_km(start, end) / EARTH_RADIUS_KM
    if sin(angle) == 0:
        return start
    weights = sin((1 - fraction) * angle) / sin(angle), sin(fraction * angle) / sin(angle)
    vectors = _unit_vector(start), _unit_vector(end)
    x, y, z = (weights[0] * a + weights[1] * b for a, b in zip(*vectors, strict=True))
    return Point(degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x)))


def boxes_around(center: Point, within_km: float) -> list[Box]:
    """One or two boxes that together hold every point within the distance, and little more.

    Two when the circle crosses the antimeridian; all longitudes when it holds a pole.
    """
    # A metre of slack, so that rounding never leaves out a point that lies on the circle itself.
    reach = (within_km + 0.001) / EARTH_RADIUS_KM
    south, north = center.latitude - degrees(reach), center.latitude + degrees(reach)
    if south <= -90 or north >= 90:
        return [Box(max(south, -90.0), min(north, 90.0), -180.0, 180.0)]

    # Where meridians touch the circle, which is not at the latitude of its centre.
    sideways = degrees(asin(min(1.0, sin(reach) / cos(radians(center.latitude)))))
    west, east = center.longitude - sideways, center.longitude + sideways
    if west < -180:
        return [Box(south, north, west + 360, 180.0), Box(south, north, -180.0, east)]
    if east > 180:
        return [Box(south, north, west, 180.0), Box(south, north, -180.0, east - 360)]
    return [Box(south, north, west, east)]


def _unit_vector(point: Point) -> tuple[float, float, float]:
    latitude, longitude = radians(point.latitude), radians(point.longitude)
    return cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)
