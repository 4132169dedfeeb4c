"""Answers as a test looks at them: of HTTP, of a tool, and errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


class MCPError(Exception):
    """A JSON-RPC error that the server answered; `status` is the HTTP status it came under, `headers` are those that
    came with it, by their lower-case names.
    """

    # Tracebacks name it as a test imports it.
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
    """An HTTP answer. Header names are lower-case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The answer: the body, or the last message of a stream."""
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
    """A tool's answer; `raw` is the whole result."""

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
