"""Fixtures of the journeys: each lane, each era, the clients that go there, and the project behind real servers."""

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias

import pytest
import pytest_django
from django.contrib.auth.models import Permission, User
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings

from django_mcp.contrib.audit import recorder
from django_mcp.execution import threads
from django_mcp.execution.aside import aside
from django_mcp.gates import remove_gate
from django_mcp.observers import stop_observing
from django_mcp.storage import events
from django_mcp.testing import MCPClient
from tests import live_site, rotation
from tests.browser import Chromium
from tests.flush import Flush

LANES = ("view", "view under ASGI", "lane", "WSGI lane")
ERAS = ("handshake", "modern")

MARKED = {
    "live": (
        "tests/live/",
        "tests/inspector/",
        "tests/typescript/",
        "tests/contrib/oauth/test_flow.py",
        "tests/test_sdk_client.py",
    ),
    "fuzz": ("tests/fuzz/", "tests/contrib/test_leaks.py"),
    # Tables, streams, transactions, several at a time, and text that not every database stores.
    "database": (
        "tests/asgi/",
        "tests/bus/",
        "tests/contrib/",
        "tests/execution/",
        "tests/fuzz/",
        "tests/journeys/test_bad_input.py",
        "tests/journeys/test_call_options.py",
        "tests/journeys/test_developers_code.py",
        "tests/journeys/test_sessions.py",
        "tests/journeys/test_tools.py",
        "tests/live/test_answers.py",
        "tests/live/test_bells.py",
        "tests/live/test_delivery.py",
        "tests/live/test_demo_workers.py",
        "tests/live/test_restarts.py",
        "tests/live/test_switches.py",
        "tests/live/test_tasks.py",
        "tests/endpoint/test_exchange.py",
        "tests/endpoint/test_request_stream.py",
        "tests/management/",
        "tests/storage/",
        "tests/test_admin.py",
        "tests/test_apps.py",
        "tests/test_indexes.py",
        "tests/test_models.py",
        "tests/test_observers.py",
        "tests/test_receivers.py",
        "tests/test_replicas.py",
        "tests/testproject/airports/",
    ),
}
"""Marks of whole folders and modules."""

ALIKE = (
    "tests/contrib/apps/",
    "tests/contrib/cards/",
    "tests/contrib/otel/",
    "tests/contrib/skills/",
    "tests/contrib/test_external_tokens.py",
    "tests/contrib/test_file_resources.py",
    "tests/management/doctor/",
    "tests/management/test_mcp_config.py",
    "tests/management/test_mcp_doctor.py",
    "tests/management/test_mcp_inspector.py",
    "tests/management/test_startmcp.py",
    "tests/testproject/airports/test_geometry.py",
)
"""Exceptions from the mark `database`: users and rows come and go there as everywhere."""

WITH_SERVICES = ("tests/asgi/", "tests/bus/", "tests/live/")
"""Where a test without a database of its own may have one all the same, or a channel layer."""

Connect: TypeAlias = Callable[..., MCPClient]
Lane: TypeAlias = dict[str, Any]


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(name: str) -> Generator[None, Any, Any]:
    """Each case of a parametrised test in one carrier, and each carrier in some case: see `tests.rotation`."""
    made = yield
    return rotation.dealt(made) if isinstance(made, list) and name.startswith("test") else made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Adds the markers before `-m` chooses among the tests."""
    for item in items:
        for mark, places in MARKED.items():
            if item.nodeid.startswith(places) and (mark != "database" or differs_by_database(item)):
                item.add_marker(mark)


def differs_by_database(item: pytest.Item) -> bool:
    """False for what is the same on every database, among the places of the mark `database`."""
    asks = item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return (bool(asks) or item.nodeid.startswith(WITH_SERVICES)) and not item.nodeid.startswith(ALIKE)


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Passwords, and the secrets of OAuth clients, are hashed in no time: the default takes a second on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A browser and its server have several connections at once: in memory, SQLite refuses one while another writes."""
    if connection.vendor == "sqlite" and any(item.get_closest_marker("browser") for item in request.session.items):
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Tests with transactions of their own leave an empty database, in a tenth of the time: see `tests.flush`."""
    with django_db_blocker.unblock():
        flush = Flush()
    slowly = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        if case.available_apps is not None or case.serialized_rollback or not flush():
            slowly(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(autouse=True, scope="session")
def nothing_by_chance() -> Iterator[None]:
    """A store is measured, and swept, when a test says so: what a request costs is counted."""
    with pytest.MonkeyPatch.context() as patch, override_settings(MCP_SWEEP_SECONDS=None):
        patch.setattr(events, "roll", lambda: 1.0)
        yield


@pytest.fixture(autouse=True)
def nothing_is_stopped() -> None:
    """The switches of operators are asked, and running calls kept, in their own tests alone. Removed before each test:
    one that overrides INSTALLED_APPS makes all apps ready again.
    """
    from django_mcp.contrib.operations.board import board
    from django_mcp.contrib.operations.running import running

    remove_gate(board)
    stop_observing(running)


@pytest.fixture(autouse=True)
def nothing_is_audited() -> None:
    """The example project has the audit, and the tests of the audit turn it on."""
    recorder.stop()


@pytest.fixture(autouse=True)
def threads_of_its_own() -> Iterator[None]:
    """A thread that stays has a connection to a database that the next test may not ask, or that is to be dropped."""
    yield
    threads._pool.stop(10)
    threads._lent.stop(10)
    threads._awaited.stop(10)
    aside.stop(10)


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> Lane:
    """How a client reaches the server, as arguments of `MCPClient`."""
    if request.param == "view":
        return {"lane": "view"}
    if request.param == "lane":
        return {"lane": "asgi"}
    if request.param == "WSGI lane":
        return {"lane": "wsgi"}
    return {"lane": "asgi", "application": get_asgi_application()}


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(lane: Lane, era: str) -> Connect:
    """Makes clients of an endpoint in this lane and era: `connect("/mcp", user=…)`. Arguments given win."""
    return lambda path="/mcp", **arguments: MCPClient(path, **{"era": era, **lane, **arguments})


@pytest.fixture
def staff_client() -> Callable[..., Client]:
    """Makes a client of somebody who has these permissions, and no other."""

    def sign_in(*permissions: str) -> Client:
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for the tests of a process, which takes seconds to start. Each test has a window of its own."""
    chromium = Chromium()
    yield chromium
    chromium.quit()


@pytest.fixture(scope="session")
def live_data(tmp_path_factory: pytest.TempPathFactory) -> live_site.Data:
    return live_site.make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session", params=live_site.SERVERS)
def site(
    request: pytest.FixtureRequest, live_data: live_site.Data, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[live_site.Site]:
    """The example project, served over real HTTP with a database of its own."""
    with live_site.serve(request.param, live_data, tmp_path_factory.mktemp("server")) as site:
        yield site
