"""A list is in one order: no two rows are equal in it."""

import pytest
from django.db.models import F

from django_mcp.contrib.orders import in_full_order
from testproject.airports.models import Airport, Leg, TripPlan
from tests.tables import cases


def columns(rows):
    """The columns by which the rows are sorted, each up or down."""
    order = str(rows.query).partition(" ORDER BY ")[2].partition(" LIMIT ")[0]
    return [
        column.split(".")[-1].replace('"', "").replace("`", "").removesuffix(" ASC") for column in order.split(", ")
    ]


@cases(
    ("rows", "order"),
    [
        (lambda: Airport.objects.all(), ["icao"]),
        (lambda: Airport.objects.order_by("country", "-city"), ["country", "city DESC", "icao DESC"]),
        (lambda: Airport.objects.order_by(F("country").desc()), ["country DESC", "icao DESC"]),
        (lambda: Airport.objects.order_by(F("country")), ["country", "icao"]),
        (lambda: Airport.objects.order_by("country").reverse(), ["country DESC", "icao DESC"]),
        (lambda: Leg.objects.all(), ["order", "id"]),
        (lambda: TripPlan.objects.all(), ["created_at DESC", "id DESC"]),
    ],
)
def test_rows_keep_their_order_and_their_keys_come_last(rows, order):
    assert columns(in_full_order(rows())) == order


@cases(
    "rows",
    [
        lambda: Airport.objects.order_by("country")[:3],
        lambda: Airport.objects.order_by().union(Airport.objects.order_by()).order_by("country"),
        lambda: Airport.objects.extra(order_by=["country"]),
    ],
)
def test_rows_whose_order_cannot_be_added_to_keep_it(rows):
    assert columns(in_full_order(rows())) == columns(rows())


@pytest.mark.django_db
def test_no_rows_have_any_order():
    assert list(in_full_order(Airport.objects.none())) == []
