"""The lock file of all that clients see, in a test."""

import pytest
from django.core.management import call_command

from django_mcp import MCPServer
from django_mcp.testing import assert_schema_unchanged

pytestmark = pytest.mark.urls("tests.urls")


def test_a_change_of_what_clients_see_fails_with_what_breaks(tmp_path):
    server, file = MCPServer("locked"), tmp_path / "mcp.lock.json"

    @server.tool
    def rename(name: str) -> str:
        return name

    with pytest.raises(AssertionError, match=r"There is no .*mcp\.lock\.json"):
        assert_schema_unchanged(file, servers=["locked"])
    call_command("mcp_schema", file=file, server=["locked"], verbosity=0)
    assert_schema_unchanged(file, servers=["locked"])

    @server.tool
    def another() -> str:
        return ""

    with pytest.raises(AssertionError, match=r"ok .*another.*\nNo change breaks clients\. Write .* again"):
        assert_schema_unchanged(file, servers=["locked"])
    file.write_text(file.read_text().replace('"rename"', '"other"'))
    with pytest.raises(AssertionError, match=r"BREAKS .*other"):
        assert_schema_unchanged(file, servers=["locked"])
