"""Gates: asked about every caller and every primitive, in every lane and era, and not at all when there are none."""

import pytest
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from rest_framework.authtoken.models import Token

from django_mcp import gates
from django_mcp.asgi import mcp_application
from django_mcp.gates import Gate, Refusal, add_gate, gates_changed, remove_gate
from django_mcp.models import Session
from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.asgi.connections import Connection, on_a_loop

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


class Closes(Gate):
    """Closes the primitives and refuses the callers that it is told."""

    def __init__(self):
        self.closed = {}
        self.refused = {}
        self.is_loaded = True

    @property
    def is_ready(self):
        return self.is_loaded

    def refuse_caller(self, server, principal):
        return self.refused.get(principal.account)

    def refuse(self, server, kind, key):
        return self.closed.get((server, kind, key))


@pytest.fixture
def gate():
    gate = Closes()
    add_gate(gate)
    add_gate(gate)
    yield gate
    remove_gate(gate)
    assert gate not in gates.gates


def names(client, method, key, name):
    return [entry[name] for entry in client.request(method)[key]]


def test_a_closed_tool_is_missing_in_the_list_and_its_call_says_why(connect, gate):
    client = connect("/plain")
    before = names(client, "tools/list", "tools", "name")
    gate.closed["plain", "tool", before[0]] = "Closed for repairs."

    assert names(client, "tools/list", "tools", "name") == before[1:]
    result = client.request("tools/call", {"name": before[0], "arguments": {}})
    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": "Closed for repairs."}]


@pytest.mark.parametrize("key", ["note://motto", "group://{name}", "group://editors"])
def test_a_closed_resource_is_missing_in_the_list_and_reading_it_says_why(connect, gate, key):
    """By its URI, by that of its template, or one of a template's by its own."""
    client = connect("/plain")
    gate.closed["plain", "resource", key] = "Closed for repairs."

    listed = names(client, "resources/list", "resources", "uri")
    listed += names(client, "resources/templates/list", "resourceTemplates", "uriTemplate")
    assert key not in listed
    with pytest.raises(MCPError) as closed:
        client.read_resource(key.replace("{name}", "editors"))
    assert (closed.value.code, closed.value.message) == (-32600, "Closed for repairs.")


def test_a_tool_that_the_caller_may_not_use_stays_unknown_when_it_is_closed(connect, gate):
    gate.closed["guarded", "tool", "count_groups"] = "Closed for repairs."

    with pytest.raises(MCPError) as unknown:
        connect("/guarded").call_tool("count_groups")
    assert unknown.value.message == "Unknown tool: count_groups"


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def test_a_refused_caller_is_answered_403_whatever_is_sent(lane, ada, gate):
    client = MCPClient("/plain", user=ada, era="handshake", **lane)
    client.initialize()
    gate.refused[f"user:{ada.pk}"] = Refusal("Your access is stopped.")
    error = {"code": -32600, "message": "Your access is stopped."}

    posted = client.post(wire.request("ping", request_id=7))
    assert (posted.status_code, posted.json()) == (403, {"jsonrpc": "2.0", "id": 7, "error": error})
    notified = client.post(wire.notification())
    assert (notified.status_code, notified.json()) == (403, {"jsonrpc": "2.0", "id": None, "error": error})
    for verb in ("GET", "DELETE"):
        answered = client.send(verb)
        assert (answered.status_code, answered.json()) == (403, {"jsonrpc": "2.0", "id": None, "error": error})
    assert Session.objects.active().count() == 1

    gate.refused.clear()
    assert client.post(wire.request("ping")).status_code == 200


def test_a_modern_caller_is_refused_too(lane, ada, gate):
    gate.refused[f"user:{ada.pk}"] = Refusal("Stopped.", 503)

    with pytest.raises(MCPError) as refused:
        MCPClient("/plain", user=ada, era="modern", **lane).list_tools()
    assert (refused.value.status, refused.value.message) == (503, "Stopped.")


def test_the_streams_of_refused_callers_close_and_no_others(gate):
    users = [User.objects.create_user(name) for name in ("ada", "bob")]
    application = mcp_application(get_asgi_application())

    def scope(user):
        token = Token.objects.create(user=user).key
        client = MCPClient("/token", era="handshake", lane="asgi", headers={"authorization": f"Token {token}"})
        client.initialize()
        headers = [("host", "testserver"), *wire.POST_HEADERS.items(), ("authorization", f"Token {token}")]
        session = Session.objects.get(user=user)
        return wire.scope("/token", "GET", [*headers, ("mcp-session-id", session.session_id)])

    scopes = [scope(user) for user in users]

    async def talk():
        ada, bob = (Connection(application=application, scope=scope) for scope in scopes)
        for connection in (ada, bob):
            await connection.has(b"retry:")
        gate.refused[f"user:{users[0].pk}"] = Refusal("Stopped.")
        gates_changed()
        said = await ada.ends()
        assert not bob.serving.done()
        await bob.hangs_up()
        late = Connection(application=application, scope=scopes[0])
        await late.ends()
        return said, late.sent[0]["status"]

    said, status = on_a_loop(talk)
    assert said.count(b"retry:") == 2  # At its beginning, and at its end.
    assert status == 403


def test_a_gate_that_is_not_ready_is_asked_in_a_thread(gate, monkeypatch):
    """It may query the database, which nothing on an event loop does."""
    client = MCPClient("/off", era="modern", lane="asgi")
    client.list_tools()
    asked = []
    gate.is_loaded = False
    monkeypatch.setattr(Closes, "refuse_caller", lambda *_: asked.append(Session.objects.exists()))
    client.list_tools()

    assert asked == [False]
