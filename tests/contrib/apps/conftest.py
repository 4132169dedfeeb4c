"""The templates of the apps, in memory; a browser, and the airports of the example that it shows."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import airportsdata
import pytest
from django.test import override_settings

from django_mcp.server import _servers
from django_mcp.testing import MCPClient
from testproject.airports.management.commands.load_airports import airport_from
from testproject.airports.models import Airport
from tests.browser import Chromium
from tests.contrib.apps.serving import TEMPLATES, server

# The checks of other tests do not see the servers of these, whose templates are here only.
_servers.discard(server)


@pytest.fixture(autouse=True)
def servers_of_its_own() -> Iterator[None]:
    before = set(_servers)
    yield
    for one in set(_servers) - before:
        _servers.discard(one)


@pytest.fixture(autouse=True)
def shop(settings: Any) -> dict[str, str]:
    """The templates by name; a test may change them before they are read."""
    templates = dict(TEMPLATES)
    engines = copy.deepcopy(settings.TEMPLATES)
    engines[0]["APP_DIRS"] = False
    engines[0]["OPTIONS"]["loaders"] = [
        ("django.template.loaders.locmem.Loader", templates),
        "django.template.loaders.app_directories.Loader",
    ]
    settings.TEMPLATES = engines
    return templates


@pytest.fixture
def urls() -> Any:
    with override_settings(ROOT_URLCONF="tests.contrib.apps.serving"):
        yield


@pytest.fixture
def client_of(urls: None) -> Callable[..., MCPClient]:
    return lambda user=None, **values: MCPClient("/shop", user=user, **values)


@pytest.fixture
def driver(chromium: Chromium) -> Iterator[Any]:
    with chromium.window(1100, 1400) as driver:
        yield driver


@pytest.fixture
def airports(db: None) -> None:
    rows = airportsdata.load("ICAO")
    some = [code for code, row in rows.items() if row["iata"]][::3]
    codes = [*some, "EGLL", "EGKK", "EGLC", "KJFK"]
    Airport.objects.bulk_create(airport_from(rows[code]) for code in dict.fromkeys(codes))
