"""The names of groups."""

from channels.layers import BaseChannelLayer

from django_mcp.bus import bell
from tests.tables import cases


@cases("name", ["airports", "Airports of the world", "plans/ä:🛫", "x" * 500, ""])
def test_a_servers_group_is_legal_whatever_its_name(name):
    assert BaseChannelLayer().require_valid_group_name(bell.server_group(name))


def test_groups_are_told_apart():
    names = [bell.server_group("a"), bell.server_group("b"), bell.session_group(1), bell.session_group(2**63 - 1)]

    assert len(set(names)) == 4
    assert all(BaseChannelLayer().require_valid_group_name(name) for name in names)
