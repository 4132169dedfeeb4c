"""Clients for tests, in the same process, for both eras and every lane: `MCPClient`, and `AsyncMCPClient` for async
tests.

They send the same headers and envelopes as the official clients, and work inside `TestCase` transactions.
"""

from .clients import AsyncMCPClient, MCPClient
from .conversation import ACCEPT, MAX_ROUNDS
from .responses import MCPError, Response
from .results import CallResult
from .schema import assert_schema_unchanged
from .unit import MCPTestMixin

__all__ = [
    "ACCEPT",
    "MAX_ROUNDS",
    "AsyncMCPClient",
    "CallResult",
    "MCPClient",
    "MCPError",
    "MCPTestMixin",
    "Response",
    "assert_schema_unchanged",
]
