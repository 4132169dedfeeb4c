import pytest

from django_mcp import Icon, MCPServer
from django_mcp.methods.effects import OpenSession
from tests.answering import HANDSHAKE, MODERN, ask
from tests.tables import cases

CLIENT = {"name": "inspector", "version": "2"}
SERVER_INFO = "io.modelcontextprotocol/serverInfo"


@pytest.fixture
def server():
    server = MCPServer(
        "test",
        version="1",
        title="Test",
        description="A test",
        instructions="Ask.",
        website_url="https://example.com",
        icons=[Icon("https://example.com/i.png")],
    )

    @server.tool
    def find(name: str) -> str:
        return name

    @server.resource("book://{title}")
    def book(title: str) -> str:
        return title

    @server.prompt(complete={"what": lambda value: [value]})
    def question(what: str) -> str:
        return what

    return server


def initialize(server, version="2025-11-25", **params):
    params = {"protocolVersion": version, "capabilities": {"roots": {}}, "clientInfo": CLIENT, **params}
    return ask(server, "initialize", params)


# initialize


def test_initialize_settles_the_revision_and_opens_a_session_that_remembers_it(server):
    answer = initialize(server)

    assert answer.status == 200
    assert answer.result == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}, "completions": {}, "logging": {}},
        "serverInfo": {
            "name": "test",
            "version": "1",
            "title": "Test",
            "description": "A test",
            "websiteUrl": "https://example.com",
            "icons": [{"src": "https://example.com/i.png"}],
        },
        "instructions": "Ask.",
    }
    assert answer.effect == OpenSession("2025-11-25", CLIENT, {"roots": {}})


@cases("version", HANDSHAKE)
def test_a_session_is_of_the_revision_that_was_asked_for(server, version):
    answer = initialize(server, version)

    assert answer.result["protocolVersion"] == version
    assert answer.effect.protocol_version == version


@cases("version", [MODERN, "1.0", "2099-01-01", ""])
def test_a_client_of_another_revision_is_offered_the_newest(server, version):
    """It decides whether it can go on (spec 2025-11-25 basic/lifecycle)."""
    answer = initialize(server, version)

    assert answer.result["protocolVersion"] == answer.effect.protocol_version == "2025-11-25"


def test_an_older_client_reads_no_members_that_came_later(server):
    assert initialize(server, "2024-11-05").result == {
        "protocolVersion": "2024-11-05",
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}, "logging": {}},
        "serverInfo": {"name": "test", "version": "1"},
        "instructions": "Ask.",
    }


@cases(
    "params",
    [
        {"protocolVersion": None},
        {"protocolVersion": 5},
        {"protocolVersion": ["2025-11-25"]},
        {"capabilities": None},
        {"capabilities": []},
        {"clientInfo": None},
        {"clientInfo": {"name": "x"}},
        {"clientInfo": {"name": 5, "version": "1"}},
    ],
)
def test_an_initialize_that_lacks_something_is_refused(server, params):
    answer = initialize(server, **params)

    assert (answer.status, answer.error["code"], answer.effect) == (200, -32602, None)
    assert answer.error["message"].startswith(f"Invalid params: params.{next(iter(params))}")


def test_an_initialize_without_parameters_is_refused(server):
    answer = ask(server, "initialize")

    assert answer.error == {"code": -32602, "message": "Invalid params: params: Field required"}


def test_a_server_that_says_little_of_itself_says_what_it_must():
    answer = initialize(MCPServer("bare", version="2"))

    assert answer.result == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"logging": {}},
        "serverInfo": {"name": "bare", "version": "2"},
    }


# ping


@cases("version", HANDSHAKE)
@cases("params", [None, {}, {"_meta": {"progressToken": 1}}])
def test_a_ping_is_answered(server, version, params):
    assert ask(server, "ping", params, version).message == {"result": {}}


# server/discover


def test_discover_tells_the_revisions_that_a_request_can_name_and_what_there_is(server):
    answer = ask(server, "server/discover", version=MODERN)

    assert answer.status == 200
    assert answer.result == {
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}, "completions": {}, "logging": {}},
        "instructions": "Ask.",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {
            SERVER_INFO: {
                "name": "test",
                "version": "1",
                "title": "Test",
                "description": "A test",
                "websiteUrl": "https://example.com",
                "icons": [{"src": "https://example.com/i.png"}],
            }
        },
    }


def test_other_modern_results_say_in_short_who_answered(server):
    assert ask(server, "tools/list", version=MODERN).result["_meta"] == {SERVER_INFO: {"name": "test", "version": "1"}}


@cases("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe"])
def test_the_modern_era_has_no_handshake(server, method):
    answer = ask(server, method, {"protocolVersion": MODERN, "level": "info", "uri": "a:b"}, MODERN, streams=True)

    assert (answer.status, answer.error) == (404, {"code": -32601, "message": f"Method not found: {method}"})


@cases("version", HANDSHAKE)
def test_the_handshake_era_has_nothing_to_discover(server, version):
    answer = ask(server, "server/discover", version=version)

    assert (answer.status, answer.error["code"]) == (200, -32601)


@cases("streams", [True, False])
def test_changes_are_promised_where_they_can_be_told(server, streams):
    capabilities = ask(server, "server/discover", version=MODERN, streams=streams).result["capabilities"]

    assert capabilities["tools"] == capabilities["prompts"] == ({"listChanged": True} if streams else {})
    assert capabilities["resources"] == ({"listChanged": True, "subscribe": True} if streams else {})
