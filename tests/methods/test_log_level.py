import pytest

from django_mcp import MCPServer
from django_mcp.methods.effects import SetLogLevel
from tests.answering import HANDSHAKE, MODERN, ask
from tests.tables import cases

LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@pytest.fixture
def server():
    return MCPServer("test", version="1")


@cases("version", HANDSHAKE)
@cases("level", LEVELS)
def test_the_session_remembers_the_level(server, level, version):
    answer = ask(server, "logging/setLevel", {"level": level}, version)

    assert (answer.message, answer.effect) == ({"result": {}}, SetLogLevel(level))


@cases("level", ["loud", "", "INFO", "WARNING", "trace", "\u0000", None, 5, [], ["info"]])
def test_a_level_that_there_is_not_is_refused(server, level):
    """Spec 2025-11-25 server/utilities/logging."""
    answer = ask(server, "logging/setLevel", {"level": level})

    assert (answer.status, answer.error["code"], answer.effect) == (200, -32602, None)


def test_a_level_is_needed(server):
    assert ask(server, "logging/setLevel").error["code"] == -32602


def test_a_modern_client_says_its_level_in_each_request(server):
    answer = ask(server, "logging/setLevel", {"level": "info"}, MODERN)

    assert (answer.status, answer.error["code"]) == (404, -32601)
