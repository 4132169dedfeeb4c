"""The requests that each server gets: a method, its parameters, and the test of a right answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `tool` is the name of the tool that is called; `None` lists them."""

    title: str
    is_right: Callable[[dict[str, Any]], bool]
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wants_progress: bool = False

    @property
    def method(self) -> str:
        return "tools/list" if self.tool is None else "tools/call"

    def params(self, request_id: str) -> dict[str, Any]:
        if self.tool is None:
            return {}
        meta = {"_meta": {"progressToken": request_id}} if self.wants_progress else {}
        return {"name": self.tool, "arguments": dict(self.arguments), **meta}


def says(text: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the first block of a result is this text, or contains it."""

    def is_right(result: dict[str, Any]) -> bool:
        content = result.get("content") or [{}]
        return content[0].get("type") == "text" and text in content[0]["text"]

    return is_right


def add(tool: str = "add") -> Ask:
    return Ask("add two integers", says("5"), tool, {"a": 2, "b": 3})


LIST = Ask("list 300 tools", lambda result: len(result.get("tools", ())) == 300)
ARGUMENT = Ask("a 100 KB argument", says("100000"), "length", {"text": "x" * 100_000})
RESULT = Ask("a 1 MB result", says("x" * 1_000_000), "page", {"size": 1_000_000})
ROW = Ask("one ORM query", says("Can add session"), "permission_name", {"codename": "add_session"})
ROW_ASYNC = Ask("one ORM query, async", ROW.is_right, "permission_name_async", ROW.arguments)
STEPS = Ask("a stream of ten progress reports", says("10"), "steps", {"count": 10}, wants_progress=True)
