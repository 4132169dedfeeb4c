"""Tool search: a server of hundreds of tools lists only two, one that finds tools by words and one that calls them."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from .tools import Tool, make_tool

SEARCH: Final = "search_tools"
CALL: Final = "call_tool"

_WORD: Final = re.compile(r"[^\W_]+")
_WEIGHTS: Final = {"name": 4, "title": 3, "description": 1, "arguments": 1}


class FoundTool(BaseModel):
    """A tool that fits a query, with everything that `call_tool` needs."""

    name: str
    description: str
    arguments: dict[str, Any]


def _search_tools(
    query: Annotated[str, Field(max_length=200, description="words for what is to be done")],
    limit: Annotated[int, Field(ge=1, le=20, description="how many to return, best first")] = 5,
) -> list[FoundTool]:
    """Find the tools of this server that fit a task. Call one with call_tool."""
    raise NotImplementedError  # Answered by the method: it depends on who asks.


def _call_tool(
    name: Annotated[str, Field(description="a name from search_tools")],
    arguments: Annotated[dict[str, Any] | None, Field(description="as the found tool describes them")] = None,
) -> Any:
    """Call a tool that search_tools found."""
    raise NotImplementedError


TOOLS: Final[Mapping[str, Tool]] = {
    SEARCH: make_tool(_search_tools, name=SEARCH, read_only=True),
    CALL: make_tool(_call_tool, name=CALL, destructive=True),
}


def find(tools: Iterable[Tool], query: str, limit: int) -> list[FoundTool]:
    """The tools that match most of a query's words; matches in names count most, and the order of declaration breaks
    ties.
    """
    words = _words(query)
    ranked = sorted(((_score(tool, words), tool) for tool in tools), key=lambda entry: -entry[0])
    return [_found(tool) for score, tool in ranked[:limit] if score]


def _score(tool: Tool, words: set[str]) -> int:
    name = _words(tool.name)
    words_by_place = {
        "name": name,
        # A title that was made from the name adds no words.
        "title": _words(tool.definition["title"]) - name,
        "description": _words(tool.definition.get("description", "")),
        "arguments": _words(" ".join(tool.definition["inputSchema"].get("properties", {}))),
    }
    return sum(weight * _matches(words, words_by_place[place]) for place, weight in _WEIGHTS.items())


def _matches(words: set[str], tool_words: set[str]) -> int:
    """The number of words that are found or begin a found word; `airport` also finds `airports`."""
    return sum(any(known.startswith(word) or word.startswith(known + "s") for known in tool_words) for word in words)


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _found(tool: Tool) -> FoundTool:
    definition = tool.definition
    return FoundTool(name=tool.name, description=definition.get("description", ""), arguments=definition["inputSchema"])
