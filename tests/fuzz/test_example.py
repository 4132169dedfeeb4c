"""The tools of the example project, called with arguments made from their own schemas."""

import airportsdata
import pytest

from django_mcp.testing import MCPClient
from django_mcp.testing.fuzz import fuzz_tools
from testproject.airports.management.commands.load_airports import airport_from
from testproject.airports.models import Airport


@pytest.mark.django_db
def test_no_tool_of_the_example_fails(admin_user):
    rows = airportsdata.load("ICAO")
    Airport.objects.bulk_create(airport_from(rows[code]) for code in ("BIKF", "EGLL", "EGKK", "KJFK"))

    ends = fuzz_tools(MCPClient("/mcp", user=admin_user), examples=60)

    assert len(ends) > 5
    assert [name for name, end in ends.items() if sum(end.values()) < 10 and end["ok"] == 0] == []
