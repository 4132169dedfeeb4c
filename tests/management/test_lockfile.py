"""The lock file of a project's servers."""

import json

import pytest
from django.core.management import CommandError

from django_mcp.management.lockfile import dump, load, lock_of
from tests import servers
from tests.tables import cases


def test_a_lock_has_all_that_is_registered_with_its_permissions():
    lock = lock_of([servers.guarded, servers.plain])
    guarded = lock["servers"]["guarded"]

    assert list(guarded["tools"]) == ["open_door", "count_groups", "sync_staff", "admins_only", "rename_group"]
    assert guarded["tools"]["sync_staff"]["asks"] == ["auth.view_group", "a rule"]
    assert guarded["tools"]["rename_group"]["asks"] == ["scope groups:read", "scope groups:write"]
    assert "asks" not in guarded["tools"]["open_door"]
    assert list(guarded["resourceTemplates"]) == ["secret://{name}"]
    assert lock["servers"]["plain"]["tools"]["greet"] == servers.plain.registry.tools["greet"].definition


def test_the_text_of_a_lock_is_the_same_however_it_was_made(tmp_path):
    lock = lock_of([servers.plain])
    (tmp_path / "lock").write_text(dump(lock))

    assert dump(load(tmp_path / "lock")) == dump(lock)
    assert dump(lock).endswith("}\n")


@cases(
    ("text", "message"),
    [
        (None, "There is no .*lock. Write it by manage.py mcp_schema, and commit it"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "is no lock file of this version"),
        (json.dumps({"version": 99, "servers": {}}), "is no lock file of this version"),
        (json.dumps({"version": 1, "servers": {"a": 5}}), "is no lock file of this version"),
        (json.dumps({"version": 1, "servers": {"a": {"tools": [5]}}}), "is no lock file of this version"),
    ],
)
def test_a_file_that_is_no_lock_is_refused_with_the_remedy(tmp_path, text, message):
    if text is not None:
        (tmp_path / "lock").write_text(text)

    with pytest.raises(CommandError, match=message) as refused:
        load(tmp_path / "lock")
    assert refused.value.returncode == 3
