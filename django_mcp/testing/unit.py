"""A mixin for Django's `TestCase`: clients of the endpoint, and each test in several eras and lanes."""

from typing import Any, ClassVar, Literal, TypeAlias

from .clients import AsyncMCPClient, MCPClient
from .conversation import Lane
from .schema import assert_schema_unchanged

Eras: TypeAlias = Literal["all", "handshake", "modern"]
Lanes: TypeAlias = Literal["all", "view", "asgi", "wsgi"]

EVERY_ERA: tuple[Literal["handshake", "modern"], ...] = ("handshake", "modern")
EVERY_LANE: tuple[Lane, ...] = ("view", "asgi", "wsgi")


class MCPTestMixin:
    """Stands before `TestCase` among the bases: `class Trips(MCPTestMixin, TestCase)`.

    `mcp_eras` and `mcp_lanes` are `"all"` or one of them. A test runs once for each combination, each time with its own
    setUp and its own transaction.
    """

    mcp_path: ClassVar[str] = "/mcp"
    mcp_eras: ClassVar[Eras] = "modern"
    mcp_lanes: ClassVar[Lanes] = "view"

    # The carrier of the run that is under way.
    _carrier: tuple[str, str] | None = None

    def mcp(self, path: str | None = None, **arguments: Any) -> MCPClient:
        """A client of this test's era and lane; the arguments are those of `MCPClient`."""
        return MCPClient(path or self.mcp_path, **{**self._carried(), **arguments})

    def async_mcp(self, path: str | None = None, **arguments: Any) -> AsyncMCPClient:
        """`mcp` for a test that is a coroutine."""
        return AsyncMCPClient(path or self.mcp_path, **{**self._carried(), **arguments})

    def assert_schema_unchanged(self, file: str = "mcp.lock.json", *, servers: tuple[str, ...] = ()) -> None:
        """The tools, resources and prompts are those of the lock file that `manage.py mcp_schema` has written."""
        assert_schema_unchanged(file, servers=servers)

    def __call__(self, result: Any = None) -> Any:
        """Runs the test: unittest calls a case so, and Django's part around it is that of each run."""
        for carrier in self._carriers():
            self._carrier = carrier
            super().__call__(result)  # type: ignore[misc]

    def _callTestMethod(self, method: Any) -> Any:
        try:
            return super()._callTestMethod(method)  # type: ignore[misc]
        except Exception as error:
            if len(self._carriers()) > 1:
                error.add_note(f"The era and the lane: {', '.join(self._carrier or ())}")
            raise

    def _carriers(self) -> list[tuple[str, str]]:
        eras = EVERY_ERA if self.mcp_eras == "all" else (self.mcp_eras,)
        lanes = EVERY_LANE if self.mcp_lanes == "all" else (self.mcp_lanes,)
        return [(era, lane) for era in eras for lane in lanes]

    def _carried(self) -> dict[str, Any]:
        era, lane = self._carrier or self._carriers()[0]
        return {"era": era, "lane": lane}
