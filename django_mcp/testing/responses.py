"""Responses for tests: of HTTP, of a tool, and errors."""

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
    """An HTTP response. Header names are lower-case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

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


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a tool; `raw` is the whole JSON-RPC result."""

    raw: dict[str, Any]

    @property
    def is_error(self) -> bool:
        return bool(self.raw.get("isError"))

    @property
    def content(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = self.raw["content"]
        return content

    @property
    def text(self) -> str:
        return "\n".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def structured(self) -> Any:
        return self.raw.get("structuredContent")
