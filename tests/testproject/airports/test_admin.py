from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from testproject.airports.models import Airport, TripPlan


@pytest.mark.parametrize(
    "path",
    [
        "/admin/airports/airport/",
        "/admin/airports/airport/?q=lhr",
        "/admin/airports/airport/?country=IS&iata__isempty=0",
        "/admin/airports/airport/EGLL/change/",
        "/admin/airports/tripplan/",
    ],
)
def test_each_page_of_the_admin_is_shown(admin_client: Client, airports: dict[str, Airport], path: str) -> None:
    assert admin_client.get(path).status_code == 200


def test_a_trip_is_shown_with_its_legs(admin_client: Client, admin_user: User, airports: dict[str, Airport]) -> None:
    plan = TripPlan.objects.create(owner=admin_user, name="East")
    plan.add_leg(airports["EGLL"], airports["WSSS"])

    page = admin_client.get(f"/admin/airports/tripplan/{plan.pk}/change/").content.decode()

    assert "LHR London Heathrow Airport" in page
    assert "SIN Singapore Changi International Airport" in page
