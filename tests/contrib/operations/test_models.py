from django_mcp.contrib.operations.models import Switch, target_of


def test_a_switch_says_what_it_is_of():
    assert str(Switch(kind="tool", label="add", server="plain")) == "tool add on plain"
    assert str(Switch(kind="tool", label="add")) == "tool add"
    assert str(Switch(kind="server", label="plain", server="plain")) == "server plain"


def test_targets_that_look_alike_are_apart():
    assert len({target_of("tool", "a", "b"), target_of("tool", "", "a\x1fb"), target_of("tool", "ab", "")}) == 3
