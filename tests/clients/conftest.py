"""Each client visits a server of its own once; the tests then look at what it did."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.clients import page
from tests.clients.behaviours import Visit
from tests.clients.driver import Driver
from tests.clients.environments import installed, node_modules
from tests.clients.matrix import CLIENTS
from tests.clients.site import make_tables, served

AT_ONCE = 3


def pytest_addoption(parser):
    parser.addoption("--measure", action="store_true", help="keep what the clients do as what is expected of them")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def visits(request, tmp_path_factory):
    """The visits of the clients whose tests were chosen, some at a time. npm installs while those of Python visit."""
    keys = dict.fromkeys(item.callspec.params["client"] for item in request.session.items)
    chosen = sorted(keys, key=lambda key: CLIENTS[key].is_of_npm)
    tables = make_tables(tmp_path_factory.mktemp("tables"))
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        if any(CLIENTS[key].is_of_npm for key in chosen):
            pool.submit(node_modules, request.config)
        yield {key: pool.submit(visited, key, request.config, tmp_path_factory.mktemp(key), tables) for key in chosen}
    finally:
        pool.shutdown(cancel_futures=True)


def visited(key, config, folder, tables):
    found = installed(CLIENTS[key], config)
    with served(folder, tables) as site, Driver(found.command, folder / "driver.log") as driver:
        visit = Visit(driver, site, found.version)
        visit.run()
    if config.getoption("measure"):
        today = datetime.now(UTC).date().isoformat()
        page.keep(key, {"version": found.version, "measured": today, **visit.facts})
    return visit
