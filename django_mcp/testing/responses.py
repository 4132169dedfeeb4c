"""Responses for tests: of HTTP, and errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


class MCPError(Exception):
    """A JSON-RPC error from the server; `status` is its HTTP status, `headers` are its headers, by lower-case name."""

    # So that tracebacks show the name that tests import.
    __module__ = "django_mcp.testing"

    def __init__(
        self, code: int, message: str, data: Any, status: int, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. Header names are lower-case. `queries` are those that the project sent to its databases."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    queries: tuple[str, ...] = ()

    def json(self) -> Any:
        """The message: the body, or the last message of a stream."""
        return self.messages()[-1] if self.is_stream else json.loads(self.content)

    def messages(self) -> list[dict[str, Any]]:
        """The messages of a stream, in the order in which they were sent."""
        lines = self.content.decode().split("\n")  # Python would also split at U+2028, which JSON may hold.
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")
