from datetime import UTC, datetime, timedelta, timezone

import pytest

from django_mcp.contrib.times import localtime, stored

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZURICH = timezone(timedelta(hours=1))


@pytest.fixture(autouse=True)
def in_zurich(settings):
    settings.TIME_ZONE = "Europe/Zurich"


def test_a_naive_time_is_one_of_the_projects_time_zone():
    assert stored(datetime(2026, 3, 1, 13)) == NOON
    assert stored(NOON) is NOON
    assert localtime(NOON).hour == 13


def test_without_time_zones_every_time_is_naive_and_of_the_projects_clock(settings):
    settings.USE_TZ = False

    for moment in (NOON, NOON.astimezone(ZURICH), datetime(2026, 3, 1, 13)):
        assert stored(moment) == datetime(2026, 3, 1, 13)
    assert localtime(datetime(2026, 3, 1, 13)) == datetime(2026, 3, 1, 13)
