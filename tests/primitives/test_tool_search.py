"""Tools found by words."""

from django_mcp.primitives.tool_search import CALL, SEARCH, TOOLS, find
from django_mcp.primitives.tools import make_tool
from tests.tables import cases


def tool(name, description, **parameters):
    def function(code: str) -> str: ...

    return make_tool(function, name=name, description=description, title=parameters.get("title"))


AIRPORTS = [
    tool("search_airports", "Find airports by city."),
    tool("delete_trip", "Delete one of the user's trips."),
    tool("airport_facts", "Everything about one airport."),
    tool("distance", "Measure between two airports.", title="How far"),
]


def names(query, limit=5):
    return [found.name for found in find(AIRPORTS, query, limit)]


@cases(
    ("query", "expected"),
    [
        ("airport", ["search_airports", "airport_facts", "distance"]),
        ("Trips", ["delete_trip"]),
        ("how far between airports", ["distance", "search_airports", "airport_facts"]),
        ("code", ["search_airports", "delete_trip", "airport_facts", "distance"]),
        ("weather", []),
        ("", []),
        ("!?", []),
    ],
)
def test_the_tools_with_most_of_the_words_come_first(query, expected):
    assert names(query) == expected


def test_no_more_are_found_than_are_wanted():
    assert names("airport", 1) == ["search_airports"]


def test_what_is_found_says_how_it_is_called():
    [found] = find(AIRPORTS, "delete", 5)

    assert found.model_dump() == {
        "name": "delete_trip",
        "description": "Delete one of the user's trips.",
        "arguments": AIRPORTS[1].definition["inputSchema"],
    }


def test_the_two_tools_say_what_they_take():
    assert set(TOOLS[SEARCH].definition["inputSchema"]["properties"]) == {"query", "limit"}
    assert TOOLS[CALL].definition["inputSchema"]["required"] == ["name"]
