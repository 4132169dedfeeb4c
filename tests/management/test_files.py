"""Files of other programs, changed in one place."""

import json
import stat
import tomllib

import pytest
from django.core.management import CommandError

from django_mcp.management.files import append_toml, merge_json, replace_file


def test_an_entry_is_added_beside_the_others_or_replaced(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"theme": "dark", "mcpServers": {"a": {"url": "1", "x": 1}, "b": {}}, "inputs": [1]}))

    merged = json.loads(merge_json(path, {"mcpServers": {"a": {"url": "2"}}, "inputs": [1, 2]}))

    assert merged == {"theme": "dark", "mcpServers": {"a": {"url": "2"}, "b": {}}, "inputs": [1, 2]}
    assert json.loads(merge_json(tmp_path / "new.json", {"a": 1})) == {"a": 1}


@pytest.mark.parametrize("text", ["// comment\n{}", "[]", "[" * 100_000])
def test_a_file_that_is_not_plain_json_is_kept(tmp_path, text):
    path = tmp_path / "mcp.json"
    path.write_text(text)

    with pytest.raises(CommandError, match="and is kept"):
        merge_json(path, {})


def test_a_table_is_added_at_the_end_of_toml(tmp_path):
    path = tmp_path / "config.toml"
    addition = '[mcp_servers.s]\nurl = "u"\n'
    path.write_text(f"# mine\nmodel = 'm'\n\n{append_toml(path, ('mcp_servers', 's'), addition)}")
    once = path.read_text()

    assert tomllib.loads(once) == {"model": "m", "mcp_servers": {"s": {"url": "u"}}}
    assert append_toml(path, ("mcp_servers", "s"), addition) == once
    with pytest.raises(CommandError, match=r"another \[mcp_servers.s\] already"):
        append_toml(path, ("mcp_servers", "s"), addition.replace("u", "v"))
    path.write_text("= broken")
    with pytest.raises(CommandError, match="is not TOML"):
        append_toml(path, ("mcp_servers", "s"), addition)


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode_and_its_links(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    replace_file(real, "one")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, "two")

    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("two", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    with pytest.raises(OSError, match=r"."):
        replace_file(real / "below", "x")
