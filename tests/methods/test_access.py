"""What of a server's primitives a caller may see and use, apart from HTTP; journeys/test_permissions.py has more."""

import pytest
from django.contrib.auth.models import AnonymousUser

from django_mcp import MCPServer
from django_mcp.primitives.context import Caller, Principal
from tests.answering import MODERN, ask
from tests.tables import cases


def caller(scopes):
    return Caller(Principal("", AnonymousUser(), scopes=scopes), lambda: None)


@pytest.fixture
def server():
    server = MCPServer("test", version="1")
    server.tool(name="free")(lambda: None)
    server.tool(name="scoped", scopes=["a"])(lambda: None)
    server.tool(name="never", permission=lambda principal: False, scopes=["a"])(lambda: None)
    return server


@cases("version", ["2025-11-25", MODERN])
def test_what_is_not_permitted_is_unknown_whatever_its_scopes(server, version):
    answers = [ask(server, "tools/call", {"name": name}, version, caller=caller({"b"})) for name in ("never", "nothin")]

    assert [answer.error["message"] for answer in answers] == ["Unknown tool: never", "Unknown tool: nothin"]
    assert answers[0].status == answers[1].status


@cases("version", ["2025-11-25", MODERN])
def test_a_missing_scope_is_403_and_said(server, version):
    answer = ask(server, "tools/call", {"name": "scoped"}, version, caller=caller(set()))

    assert answer.status == 403
    assert answer.error == {"code": -32600, "message": "Insufficient scope: a is required"}


def test_a_server_says_when_answering_asks_for_permissions(server):
    assert server.registry.find_guarded("tools/list", {})
    assert server.registry.find_guarded("tools/call", {"name": "scoped"})
    assert not server.registry.find_guarded("tools/call", {"name": "free"})
    assert not MCPServer("open").registry.find_guarded("tools/list", {})
