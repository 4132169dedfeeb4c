import base64
import json

import pytest

from django_mcp.protocol import cursors
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases

ITEMS = [(f"tool-{number}", number) for number in range(5)]


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def read_all(items, size):
    pages, cursor = [], None
    while True:
        page, cursor = cursors.page("tools", items, cursor, size)
        pages.append(page)
        if cursor is None:
            return pages


@cases(
    ("size", "pages"),
    [
        (1, [[0], [1], [2], [3], [4]]),
        (2, [[0, 1], [2, 3], [4]]),
        (4, [[0, 1, 2, 3], [4]]),
        (5, [[0, 1, 2, 3, 4]]),
        (6, [[0, 1, 2, 3, 4]]),
    ],
)
def test_pages_hold_everything_once_and_in_order(size, pages):
    assert read_all(ITEMS, size) == pages


def test_a_list_without_items_is_one_empty_page():
    assert cursors.page("tools", [], None, 10) == ([], None)


def test_a_cursor_names_the_last_item_that_was_seen():
    """So it means the same on every worker, and after a deploy that put new items in front."""
    _, cursor = cursors.page("tools", ITEMS, None, 2)

    assert cursors.page("tools", [("new", "new"), *ITEMS], cursor, 2)[0] == [2, 3]


@cases("key", ["name", "airport://{iata}", "é🛫", "\0", "\ud800", ""])
def test_a_cursor_can_name_any_item(key):
    items = [(key, 1), ("last", 2)]
    _, cursor = cursors.page("tools", items, None, 1)

    assert cursor.isascii()
    assert cursors.page("tools", items, cursor, 1) == ([2], None)


def test_the_last_item_has_nothing_after_it():
    assert cursors.page("tools", ITEMS, encode(["tools", "tool-4"]), 2) == ([], None)


@cases(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param("é🛫", id="no ASCII"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("=", id="padding alone"),
        pytest.param(base64.b64encode(b"\xff\xfe").decode(), id="no text"),
        pytest.param(encode(["prompts", "tool-1"]), id="of another list"),
        pytest.param(encode(["tools", "gone"]), id="of an item that is gone"),
        pytest.param(encode(["tools", ["tool-1"]]), id="of no name"),
        pytest.param(encode(["tools"]), id="too short"),
        pytest.param(encode(["tools", "tool-1", 1]), id="too long"),
        pytest.param(encode({"tools": "tool-1"}), id="an object"),
        pytest.param(encode("tt"), id="a string"),
        pytest.param(encode(5), id="a number"),
        pytest.param(encode(None), id="null"),
        pytest.param(base64.b64encode(b"9" * 5000).decode(), id="a number of 5000 digits"),
        pytest.param(base64.b64encode(b"[" * 100_000).decode(), id="100 000 arrays"),
        pytest.param(base64.b64encode(b'{"a":' * 100_000).decode(), id="100 000 objects"),
    ],
)
def test_a_cursor_that_is_not_one_of_the_list_is_refused(cursor):
    """An empty string is a cursor too (spec server/utilities/pagination), only none of ours."""
    with pytest.raises(ProtocolError) as refusal:
        cursors.page("tools", ITEMS, cursor, 2)

    assert refusal.value.code == -32602
    assert refusal.value.message == "Invalid cursor: start again without one"
