"""Changes between two lock files: those that break clients, and the others."""

from copy import deepcopy

from django_mcp.management.compatibility import Change, changes
from tests.tables import cases

TOOL = {
    "name": "greet",
    "description": "Greet somebody.",
    "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}, "loud": {"type": "boolean"}}},
    "outputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "annotations": {"readOnlyHint": True},
}
PROMPT = {"name": "ask", "arguments": [{"name": "topic", "required": False}, {"name": "tone"}]}
LOCK = {
    "version": 1,
    "servers": {
        "s": {
            "instructions": "",
            "tools": {"greet": TOOL},
            "resources": {"note://a": {"uri": "note://a", "mimeType": "text/plain"}},
            "prompts": {"ask": PROMPT},
        }
    },
}


def changed(path, value):
    """The lock with a value at a path of keys; `None` takes it away."""
    lock = deepcopy(LOCK)
    place = lock["servers"]["s"]
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return lock


GREET = ["tools", "greet"]


@cases(
    ("path", "value", "breaking"),
    [
        (GREET, None, ["s: tool greet: is gone"]),
        (["prompts", "ask"], None, ["s: prompt ask: is gone"]),
        ([*GREET, "inputSchema", "required"], ["name"], ["s: tool greet: argument name is required now"]),
        ([*GREET, "inputSchema", "properties", "name"], None, ["s: tool greet: argument name is gone"]),
        (
            [*GREET, "inputSchema", "properties", "name"],
            {"type": "integer"},
            ["s: tool greet: argument name takes integer now, and took string"],
        ),
        ([*GREET, "inputSchema", "properties", "more"], {"type": "string"}, []),
        ([*GREET, "outputSchema", "properties", "more"], {"type": "string"}, []),
        ([*GREET, "outputSchema", "required"], [], ["s: tool greet: result text may be missing now"]),
        ([*GREET, "outputSchema", "properties", "text"], None, ["s: tool greet: result text is gone"]),
        ([*GREET, "outputSchema"], None, ["s: tool greet: returns no structured content any more"]),
        ([*GREET, "description"], "Say hello.", []),
        (
            [*GREET, "annotations"],
            {"readOnlyHint": False},
            [
                "s: tool greet: was read-only: clients that call such tools without asking would now ask nobody",
            ],
        ),
        ([*GREET, "asks"], ["auth.view_group"], ["s: tool greet: asks for auth.view_group now"]),
        (
            ["resources", "note://a", "mimeType"],
            "text/html",
            ["s: resource note://a: its MIME type was text/plain, and is text/html"],
        ),
        (["prompts", "ask", "arguments", 0, "required"], True, ["s: prompt ask: argument topic is required now"]),
        (["prompts", "ask", "arguments"], [{"name": "topic"}], ["s: prompt ask: argument tone is gone"]),
        (["instructions"], "New", []),
        (["resources", "note://b"], {"uri": "note://b"}, []),
    ],
)
def test_each_change_is_told_and_says_whether_it_breaks_clients(path, value, breaking):
    found = changes(LOCK, changed(path, value))

    assert [f"{change.where}: {change.text}" for change in found if change.breaks] == breaking
    assert found
    assert changes(LOCK, deepcopy(LOCK)) == []


def test_servers_come_and_go():
    nothing = {"version": 1, "servers": {}}

    assert changes(LOCK, nothing) == [Change("s", "the server is gone", True)]
    assert changes(nothing, LOCK) == [Change("s", "the server is new", False)]
