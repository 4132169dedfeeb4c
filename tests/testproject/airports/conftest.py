from __future__ import annotations

import airportsdata
import pytest

from testproject.airports.management.commands.load_airports import airport_from
from testproject.airports.models import Airport

# Hubs, neighbours, the antimeridian, both polar regions, an accent, an apostrophe, and some without an IATA code.
SUBSET = """
    EGLL EGKK EGLC EGSS EGGW EGKB EGML CYXU KLOZ  KJFK KLGA KEWR KORD KLAX KSFO KRME  LFPG LFPO LIRF LIRA
    SBGR SBGL SBJH SBMT  LSZH LSMD  RJAA RJTT WSSS YSSY NZAA  BIRK BIKF BIBD
    NFFN NFMO NFNM NFNH NFKB NFTF UHMI NTAA NTMD CYLT BGMI CJQ6 NZSP SCPZ SCGC  FACT DNMM
"""

ROWS = airportsdata.load("ICAO")


@pytest.fixture
def airports(db: None) -> dict[str, Airport]:
    """A few dozen of the real airports, by ICAO code."""
    loaded = Airport.objects.bulk_create(airport_from(ROWS[code]) for code in SUBSET.split())
    return {airport.icao: airport for airport in loaded}
