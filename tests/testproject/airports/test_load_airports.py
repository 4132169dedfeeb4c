from __future__ import annotations

from io import StringIO
from typing import Any

import airportsdata
import pytest
from django.core.management import call_command

from testproject.airports.models import Airport

pytestmark = pytest.mark.django_db

ROWS = airportsdata.load("ICAO")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Four rows of the package, for a test that needs no more. The test may change them."""
    rows = {code: dict(ROWS[code]) for code in ("EGLL", "KJFK", "SBJH", "NZSP")}
    monkeypatch.setattr(airportsdata, "load", lambda code_type: rows)
    return rows


def load(*arguments: str, stdout: StringIO | None = None) -> str:
    stdout = stdout or StringIO()
    call_command("load_airports", *arguments, stdout=stdout, no_color=True)
    return stdout.getvalue()


def test_every_airport_is_loaded() -> None:
    said = load()

    assert said == f"Loaded {len(ROWS)} airports.\n"
    assert Airport.objects.count() == len(ROWS) > 28_000
    assert Airport.objects.filter(iata="LHR").values().get() == {
        "icao": "EGLL",
        "iata": "LHR",
        "name": "London Heathrow Airport",
        "city": "London",
        "subdivision": "England",
        "country": "GB",
        "elevation_ft": 83,
        "latitude": pytest.approx(51.47, abs=0.01),
        "longitude": pytest.approx(-0.46, abs=0.01),
        "time_zone": "Europe/London",
        "search_text": " london london heathrow airport england gb lhr egll ",
    }


def test_a_second_load_is_one_query(few_rows: dict[str, Any], django_assert_num_queries: Any) -> None:
    load()

    with django_assert_num_queries(1):
        said = load()

    assert said == "4 airports are already loaded (--force loads them again).\n"


def test_force_brings_the_rows_up_to_date(few_rows: dict[str, Any]) -> None:
    load()
    few_rows["EGLL"]["city"] = "Hillingdon"

    said = load("--force")

    assert said == "Loaded 4 airports.\n"
    assert Airport.objects.count() == 4
    assert Airport.objects.search("hillingdon").get().icao == "EGLL"


def test_codes_that_two_airports_exchange_are_exchanged(few_rows: dict[str, Any]) -> None:
    load()
    few_rows["EGLL"]["iata"], few_rows["KJFK"]["iata"] = "JFK", "LHR"

    load("--force")

    assert Airport.objects.get(iata="LHR").icao == "KJFK"
    assert Airport.objects.get(iata="JFK").icao == "EGLL"


def test_a_load_that_was_cut_short_is_completed(few_rows: dict[str, Any]) -> None:
    load()
    Airport.objects.filter(icao="NZSP").delete()

    assert load() == "Loaded 4 airports.\n"
    assert Airport.objects.filter(icao="NZSP").exists()


def test_progress_is_shown_on_a_terminal(few_rows: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testproject.airports.management.commands.load_airports.BATCH", 3)

    assert load(stdout=Terminal()) == "3 of 4 airports\r4 of 4 airports\nLoaded 4 airports.\n"
