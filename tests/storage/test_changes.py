"""Changes of a server: who they concern, and how they are told."""

import pytest

from django_mcp.models import Change
from django_mcp.storage import changes
from django_mcp.storage.changes import UPDATED
from tests import wire
from tests.storage.rows import TOOLS_CHANGED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


URI = "airport://AMS"


def test_changes_are_heard_by_those_whom_they_concern():
    changes.record_change("airports", TOOLS_CHANGED)
    changes.record_change("airports", TOOLS_CHANGED, principal="user:1")
    changes.record_change("airports", TOOLS_CHANGED, principal="user:2")
    changes.record_change("airports", TOOLS_CHANGED, principal="")
    changes.record_change("other", TOOLS_CHANGED)

    def heard(principal, after=0):
        found, last = changes.read_changes("airports", after, principal)
        return [change.sequence for change in found], last

    assert heard("user:1") == ([1, 2], 4)
    assert heard("user:2") == ([1, 3], 4)
    assert heard("") == ([1, 4], 4)
    assert heard("user:1", 1) == ([2], 4)
    assert heard("user:1", 4) == ([], 4)
    assert (changes.last_change("airports"), changes.last_change("other"), changes.last_change("none")) == (4, 1, 0)


def test_changes_are_read_a_bounded_number_at_once(monkeypatch):
    monkeypatch.setattr(changes, "READ_LIMIT", 2)
    for _ in range(3):
        changes.record_change("airports", TOOLS_CHANGED)

    found, last = changes.read_changes("airports", 0, "user:1")
    assert ([change.sequence for change in found], last) == ([1, 2], 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(method=TOOLS_CHANGED), wire.notification(TOOLS_CHANGED)),
        (Change(method=UPDATED, uri=URI), {**wire.notification(UPDATED), "params": {"uri": URI}}),
    ],
)
def test_a_change_is_told_as_its_notification(change, message):
    assert changes.to_notification(change) == message
