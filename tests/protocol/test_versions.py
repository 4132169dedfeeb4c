import pytest
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from django_mcp.protocol import versions
from tests.tables import cases

HANDSHAKE = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


def test_every_revision_is_of_one_era():
    assert list(versions.HANDSHAKE_VERSIONS) == HANDSHAKE
    assert list(versions.MODERN_VERSIONS) == ["2026-07-28"]
    assert (*versions.HANDSHAKE_VERSIONS, *versions.MODERN_VERSIONS) == KNOWN_PROTOCOL_VERSIONS


@cases("version", HANDSHAKE)
def test_a_handshake_settles_on_the_revision_that_was_asked_for(version):
    assert versions.negotiate(version) == version


@cases(
    "version",
    ["2026-07-28", "1.0", "2099-01-01", "", " ", "latest", "2025-11-25 ", "2025-11-25\u0000", "\ufffe😀", "x" * 5_000],
)
def test_a_handshake_settles_on_the_newest_that_it_can_reach_when_asked_for_another(version):
    """Never a modern one: no handshake leads there (spec 2025-11-25 basic/lifecycle)."""
    assert versions.negotiate(version) == "2025-11-25"


@cases(
    ("version", "minimum", "expected"),
    [
        ("2024-11-05", "2024-11-05", True),
        ("2024-11-05", "2025-03-26", False),
        ("2025-06-18", "2025-03-26", True),
        ("2025-06-18", "2025-11-25", False),
        ("2026-07-28", "2025-11-25", True),
    ],
)
def test_revisions_are_ordered_by_age(version, minimum, expected):
    assert versions.is_at_least(version, minimum) is expected


def test_a_revision_that_is_unknown_has_no_age():
    with pytest.raises(KeyError):
        versions.is_at_least("2099-01-01", "2024-11-05")
