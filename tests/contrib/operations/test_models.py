from django.utils import translation

from django_mcp.contrib.operations.board import _stop_of
from django_mcp.contrib.operations.models import Switch, target_of


def test_a_switch_says_what_it_is_of():
    assert str(Switch(kind="tool", label="add", server="plain")) == "tool add on plain"
    assert str(Switch(kind="tool", label="add")) == "tool add"
    assert str(Switch(kind="server", label="plain", server="plain")) == "server plain"


def test_people_read_of_a_switch_in_their_language_and_models_and_clients_in_english():
    switch = Switch(kind="tool", name="add", label="add", server="plain", reason="Wrong")

    with translation.override("de"):
        assert str(switch) == "Tool add auf plain"
        assert switch.in_english == "tool add on plain"
        assert _stop_of(switch).message == "The tool add is stopped by an operator: Wrong."


def test_targets_that_look_alike_are_apart():
    assert len({target_of("tool", "a", "b"), target_of("tool", "", "a\x1fb"), target_of("tool", "ab", "")}) == 3
