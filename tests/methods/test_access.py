"""The primitives that a caller may see and use, without HTTP; journeys/test_permissions.py has more."""

import pytest
from django.contrib.auth.models import AnonymousUser

from django_mcp import MCPServer
from django_mcp.methods.table import METHODS
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


def test_what_asks_for_permissions_may_not_be_answered_on_an_event_loop(server):
    def is_inert(server, method, **params):
        return METHODS[method].is_inert(server, params)

    assert not is_inert(server, "tools/list")
    assert not is_inert(server, "tools/call", name="scoped")
    assert is_inert(server, "tools/call", name="free")
    assert is_inert(MCPServer("open"), "tools/list")
    assert not is_inert(MCPServer("open"), "resources/read", uri="note://1")
