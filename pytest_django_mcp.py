"""The pytest plugin: the fixtures `mcp_client` and `mcp_client_factory`, their async twins, and the marker `mcp`.

pytest imports it wherever the package is installed. So it stands outside of the package, and imports nothing of it, nor
of Django, before a test asks for a client.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from django_mcp.testing import AsyncMCPClient, MCPClient

ALL: Final = {"eras": ("handshake", "modern"), "lanes": ("view", "asgi", "wsgi")}

MARKER: Final = (
    "mcp(path='/mcp', *, eras='modern', lanes='view', **arguments): the clients of django_mcp's fixtures. The test "
    "runs for each of the eras and lanes: 'all', one, or a list. The other arguments are those of MCPClient."
)

_CLIENTS: Final = pytest.StashKey[list[Any]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test with a client may use the database, as if it said so itself."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if not fixtures & {"mcp_client_factory", "async_mcp_client_factory"} or item.get_closest_marker("django_db"):
        return
    if item.config.pluginmanager.hasplugin("django") and not fixtures & {"db", "transactional_db"}:
        # A coroutine of pytest-asyncio and its database are in two threads, which share no transaction.
        item.add_marker(pytest.mark.django_db(transaction="async_mcp_client_factory" in fixtures))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mcp_carrier" not in metafunc.fixturenames:
        return
    _, arguments = _marked(metafunc.definition)
    eras, lanes = (_chosen(name, arguments.get(name)) for name in ALL)
    if "eras" in arguments or "lanes" in arguments:
        carriers = [(era, lane) for era in eras for lane in lanes]
        metafunc.parametrize("mcp_carrier", carriers, indirect=True, ids=[f"{era}-{lane}" for era, lane in carriers])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what its clients said and heard."""
    report = yield
    if report.failed:
        for client in item.stash.get(_CLIENTS, []):
            text = str(client.transcript)
            # An assertion of a result has shown it, each line behind a margin.
            if any(line not in report.longreprtext for line in text.splitlines()):
                report.sections.append(("MCP", text))
    return report


@pytest.fixture
def mcp_carrier(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The era and the lane of this test's clients."""
    return getattr(request, "param", ("modern", "view"))


@pytest.fixture
def mcp_client_factory(request: pytest.FixtureRequest, mcp_carrier: tuple[str, str]) -> "Callable[..., MCPClient]":
    """Makes clients of the test's era and lane: `mcp_client_factory("/mcp", user=ada, answers={…})`."""
    from django_mcp.testing import MCPClient

    return _factory(request, mcp_carrier, MCPClient)


@pytest.fixture
def async_mcp_client_factory(
    request: pytest.FixtureRequest, mcp_carrier: tuple[str, str]
) -> "Callable[..., AsyncMCPClient]":
    """`mcp_client_factory` for a test that is a coroutine."""
    from django_mcp.testing import AsyncMCPClient

    return _factory(request, mcp_carrier, AsyncMCPClient)


@pytest.fixture
def mcp_client(mcp_client_factory: "Callable[..., MCPClient]") -> "MCPClient":
    """A client of the test's era and lane, with the arguments of the marker `mcp`."""
    return mcp_client_factory()


@pytest.fixture
def async_mcp_client(async_mcp_client_factory: "Callable[..., AsyncMCPClient]") -> "AsyncMCPClient":
    """`mcp_client` for a test that is a coroutine."""
    return async_mcp_client_factory()


def _factory(request: pytest.FixtureRequest, carrier: tuple[str, str], client_class: Any) -> Callable[..., Any]:
    path, arguments = _marked(request.node)
    era, lane = carrier
    given = {"era": era, "lane": lane, **{name: value for name, value in arguments.items() if name not in ALL}}
    clients = request.node.stash.setdefault(_CLIENTS, [])

    def make(path: str = path, **more: Any) -> Any:
        client = client_class(path, **{**given, **more})
        clients.append(client)
        return client

    return make


def _marked(node: Any) -> tuple[str, dict[str, Any]]:
    """The path and the arguments of the markers; those of the test win over its class's and its module's."""
    path = "/mcp"
    arguments: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("mcp"))):
        if len(marker.args) > 1:
            raise pytest.UsageError(f"@pytest.mark.mcp takes one path, and other arguments by name: {marker.args!r}")
        path = marker.kwargs.get("path", marker.args[0] if marker.args else path)
        arguments |= {name: value for name, value in marker.kwargs.items() if name != "path"}
    return path, arguments


def _chosen(name: str, value: "str | Sequence[str] | None") -> Sequence[str]:
    every: Mapping[str, Sequence[str]] = ALL
    if value == "all":
        return every[name]
    chosen = {"eras": ["modern"], "lanes": ["view"]}[name] if value is None else value
    chosen = [chosen] if isinstance(chosen, str) else list(chosen)
    if not chosen or (unknown := [one for one in chosen if one not in every[name]]):
        wrong = unknown[0] if chosen else value
        *others, last = map(repr, ("all", *every[name]))
        raise pytest.UsageError(f"@pytest.mark.mcp({name}={wrong!r}): it is {', '.join(others)} or {last}.")
    return chosen
