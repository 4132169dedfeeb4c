"""The life of a session over HTTP: opened by `initialize`, resumed by its id, ended by DELETE, by its user or by time.

Spec 2025-11-25 basic/transports (session management) and basic/security_best_practices (session hijacking). Where they
leave a status or a wording open, this server answers as the Ruby SDK's Streamable HTTP transport does.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from django_mcp.models import Session
from django_mcp.storage import purge
from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

NOON = "2026-03-01T12:00:00Z"


@pytest.fixture
def streams(lane) -> bool:
    """Whether this lane has streams to GET."""
    return lane == {"lane": "asgi"}


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


@pytest.fixture
def open_client(lane) -> Callable[..., MCPClient]:
    """Makes handshake clients in this lane, their sessions open."""

    def open_client(path: str = "/plain", **arguments) -> MCPClient:
        client = MCPClient(path, **{"era": "handshake", **lane, **arguments})
        client.initialize()
        return client

    return open_client


def age(client: MCPClient, **delta) -> None:
    Session.objects.filter(session_id=client.session_id).update(expires_at=timezone.now() - timedelta(**delta))


# Opening


@cases("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"], undone=True)
def test_initialize_opens_a_session_and_says_its_id_in_the_answer(lane, version):
    client = MCPClient("/plain", version=version, **lane)

    response = client.post(wire.initialize(version, capabilities={"roots": {}}))

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json()["id"] == 1
    assert response.json()["result"]["protocolVersion"] == version
    session = Session.objects.get()
    assert response.headers["mcp-session-id"] == session.session_id
    assert (session.server, session.principal, session.user) == ("plain", "", None)
    assert session.protocol_version == version
    assert (session.client_info, session.client_capabilities) == ({"name": "test", "version": "1"}, {"roots": {}})


def test_a_session_id_is_long_random_and_visible_ascii(open_client):
    first, second = open_client(), open_client()

    assert first.session_id != second.session_id
    assert re.fullmatch(r"[\x21-\x7e]{43}", first.session_id)


def test_only_the_answer_to_initialize_bears_the_session_id(open_client, streams):
    client = open_client()

    answers = [
        client.post(wire.request("ping")),
        client.post(wire.notification()),
        client.send("GET"),
        client.post(wire.request("initialize")),
        client.close(),
    ]

    assert [response.status_code for response in answers] == [200, 202, 200 if streams else 405, 400, 200]
    assert not any("mcp-session-id" in response.headers for response in answers)


def test_a_request_is_served_before_the_client_has_said_that_it_is_initialized(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.session_id = client.post(wire.initialize()).headers["mcp-session-id"]

    assert client.post(wire.request("ping", request_id="a")).json() == {"jsonrpc": "2.0", "id": "a", "result": {}}


@cases(
    "params",
    [
        {},
        {"protocolVersion": 1},
        {"protocolVersion": "2025-11-25", "capabilities": {}},
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "no version"}},
        {"protocolVersion": "2025-11-25", "capabilities": [], "clientInfo": {"name": "a", "version": "1"}},
    ],
)
def test_an_initialize_that_fails_leaves_no_session(lane, params):
    response = MCPClient("/plain", era="handshake", **lane).post(wire.request("initialize", params))

    assert response.status_code == 200
    assert response.json()["error"]["code"] == -32602
    assert "mcp-session-id" not in response.headers
    assert not Session.objects.exists()


def test_an_initialize_without_an_id_is_a_notification_and_opens_nothing(lane):
    message = wire.initialize()
    del message["id"]

    response = MCPClient("/plain", era="handshake", **lane).post(message)

    assert (response.status_code, response.content) == (202, b"")
    assert "mcp-session-id" not in response.headers
    assert not Session.objects.exists()


def test_a_second_initialize_in_a_live_session_is_refused_and_the_session_lives_on(open_client):
    client = open_client()

    response = client.post({**wire.initialize(), "id": 7})

    assert response.status_code == 400
    assert response.json() == wire.error(-32600, "Invalid Request: Server already initialized", 7)
    assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    assert Session.objects.count() == 1


def test_two_clients_have_sessions_of_their_own(open_client):
    first = open_client(client_info={"name": "first", "version": "1"})
    second = open_client(client_info={"name": "second", "version": "1"}, version="2025-06-18")

    said = [client.call_tool("describe_caller").data for client in (first, second)]

    assert [(caller["client"]["name"], caller["version"]) for caller in said] == [
        ("first", "2025-11-25"),
        ("second", "2025-06-18"),
    ]


# Sessions that cannot be used


def unknown(client, **context):
    client.session_id = "A" * 43


def expired(client, **context):
    age(client, seconds=1)


def terminated(client, **context):
    assert client.close().status_code == 200


def purged(client, **context):
    age(client, days=1)
    assert purge.purge().expired == 1


def of_another_server(client, **context):
    client.path = "/other"


def of_another_user(client, bob, **context):
    client._user = bob


def of_a_user_who_is_now_anonymous(client, **context):
    client._user = None


def malformed(client, **context):
    client.session_id = "../../etc/passwd"


def post_request(client):
    return client.post(wire.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}}))


def post_notification(client):
    return client.post(wire.notification())


def post_response(client):
    return client.post(wire.answer({"roots": []}))


def post_batch(client):
    return client.post(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]')


def get(client):
    return client.send("GET")


def delete(client):
    return client.send("DELETE")


def post_initialize(client):
    return client.post(wire.initialize())


@pytest.mark.every_combination
@cases("act", [post_request, post_notification, post_response, post_batch, get, delete, post_initialize])
@cases(
    "lose",
    [
        unknown,
        expired,
        terminated,
        purged,
        of_another_server,
        of_another_user,
        of_a_user_who_is_now_anonymous,
        malformed,
    ],
    undone=True,
)
def test_a_session_that_is_not_ones_own_and_alive_is_404_with_one_body_whatever_the_reason(lane, ada, bob, lose, act):
    client = MCPClient("/plain", version="2025-03-26", user=ada, **lane)
    client.initialize()
    lose(client, bob=bob)
    before = list(Session.objects.values())

    response = act(client)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert response.content == wire.SESSION_NOT_FOUND
    assert list(Session.objects.values()) == before


def test_a_signed_in_user_cannot_use_the_session_that_was_opened_anonymously(open_client, ada):
    client = open_client()
    client._user = ada

    assert client.post(wire.request("ping")).content == wire.SESSION_NOT_FOUND


@cases("session_id", [" ", "x", "é" * 43, "A" * 42, "A" * 44, "A" * 5000, "A" * 43 + "\t", "null", "%00", "'; --"])
def test_what_cannot_be_a_session_id_is_404_like_any_other(lane, session_id):
    client = MCPClient("/plain", era="handshake", headers={"mcp-session-id": session_id}, **lane)

    assert client.send("DELETE").content == wire.SESSION_NOT_FOUND
    assert client.post(wire.notification()).content == wire.SESSION_NOT_FOUND


@cases("act", [post_request, post_notification, post_response, get, delete])
def test_a_missing_session_id_is_400(lane, act):
    response = act(MCPClient("/plain", era="handshake", **lane))

    assert (response.status_code, response.content) == (400, wire.MISSING_SESSION_ID)


def test_the_session_of_a_dead_id_is_replaced_by_an_initialize_without_it(open_client):
    """How a client recovers from 404 (spec 2025-11-25 basic/transports)."""
    client = open_client()
    dead = client.session_id
    client.close()
    client.session_id = None

    client.initialize()

    assert client.session_id not in (None, dead)
    assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


# Ending


def test_delete_ends_the_session_once(open_client):
    client, neighbour = open_client(), open_client()

    first, second = client.close(), client.close()

    assert (first.status_code, first.json()) == (200, {"success": True})
    assert (second.status_code, second.content) == (404, wire.SESSION_NOT_FOUND)
    assert Session.objects.get(session_id=client.session_id).is_terminated
    assert neighbour.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


@cases("accept", ["text/event-stream", "*/*", "TEXT/Event-Stream;q=0.5", "text/*", "", "text/html"], undone=True)
def test_get_in_a_live_session_is_a_stream_in_the_lane_and_405_in_the_view_which_has_none(open_client, accept, streams):
    response = open_client().send("GET", headers={"accept": accept})

    if not streams:
        assert (response.status_code, response.content) == (405, wire.METHOD_NOT_ALLOWED)
        assert response.headers["allow"] == "POST, DELETE"
    elif accept in ("", "text/html"):
        message = "Not Acceptable: Accept header must include text/event-stream"
        assert (response.status_code, response.json()) == (406, wire.error(-32600, message))
    else:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")


def test_a_session_expires_when_it_is_not_used_and_use_puts_that_off(lane, settings):
    settings.MCP_SESSION_TTL_SECONDS = 600
    client = MCPClient("/plain", era="handshake", **lane)
    with time_machine.travel(NOON, tick=False) as clock:
        client.initialize()
        for _ in range(5):
            clock.shift(599)
            client.request("ping")
        clock.shift(599)
        client.notify("notifications/cancelled", {"requestId": 1})
        clock.shift(600)
        with pytest.raises(MCPError) as refused:
            client.request("ping")

    assert refused.value.status == 404


def test_no_use_keeps_a_session_beyond_its_greatest_age(lane, settings):
    settings.MCP_SESSION_TTL_SECONDS, settings.MCP_SESSION_MAX_AGE_SECONDS = 600, 1000
    client = MCPClient("/plain", era="handshake", **lane)
    with time_machine.travel(NOON, tick=False) as clock:
        client.initialize()
        clock.shift(599)
        client.request("ping")
        clock.shift(400)
        client.request("ping")
        clock.shift(1)
        assert client.send("GET").content == wire.SESSION_NOT_FOUND


def test_what_is_refused_does_not_keep_a_session_alive(open_client, ada):
    client = open_client(user=ada)
    with time_machine.travel(timezone.now() + timedelta(minutes=30), tick=False):
        client._user = None
        assert client.post(wire.request("ping")).status_code == 404

    row = Session.objects.get()
    assert row.last_seen_at == row.created_at


# The cost of a request


@pytest.mark.parametrize("colour", ["", "_async"])
def test_a_call_in_a_session_costs_one_query(open_client, colour, django_assert_num_queries):
    client = open_client()

    with django_assert_num_queries(1):
        client.call_tool(f"greet{colour}", {"name": "Ada"})
    with django_assert_num_queries(1):
        client.call_tool(f"describe_caller{colour}")


def test_a_session_is_touched_at_most_once_a_minute(lane, django_assert_num_queries):
    client = MCPClient("/plain", era="handshake", **lane)
    with time_machine.travel(NOON, tick=False) as clock:
        client.initialize()
        clock.shift(60)
        with django_assert_num_queries(1):
            client.request("ping")
        clock.shift(1)
        with django_assert_num_queries(2):
            client.request("ping")
        with django_assert_num_queries(1):
            client.request("ping")
        seen = Session.objects.get().last_seen_at

    assert f"{seen:%H:%M:%S}" == "12:01:01"


def test_what_cannot_be_a_session_id_costs_no_query(lane, django_assert_num_queries):
    client = MCPClient("/plain", era="handshake", headers={"mcp-session-id": "short"}, **lane)

    with django_assert_num_queries(0):
        client.post(wire.request("ping"))


@pytest.mark.parametrize("colour", ["", "_async"])
def test_a_modern_call_costs_no_query(lane, colour, django_assert_num_queries):
    client = MCPClient("/plain", era="modern", **lane)

    with django_assert_num_queries(0):
        assert client.call_tool(f"greet{colour}", {"name": "Ada"}).text == "Hello, Ada"


# The developer's state, and the log level


@pytest.mark.parametrize("colour", ["", "_async"])
def test_state_is_kept_from_call_to_call_and_from_session_to_session_apart(open_client, colour):
    client, neighbour = open_client(), open_client()

    counted = [client.call_tool(f"count{colour}").text for _ in range(3)]

    assert counted == ["1", "2", "3"]
    assert neighbour.call_tool(f"count{colour}").text == "1"
    assert Session.objects.get(session_id=client.session_id).state == {"count": 3}


@pytest.mark.parametrize("colour", ["", "_async"])
def test_state_of_a_call_that_fails_is_not_kept(open_client, colour):
    client = open_client()
    client.call_tool(f"count{colour}")

    failed = client.call_tool(f"count_and_fail{colour}")

    assert (failed.is_error, failed.text) == (True, "Counted 2, and gave up")
    assert client.call_tool(f"count{colour}").text == "2"


def test_state_that_is_no_json_fails_the_call_in_plain_words(open_client, caplog):
    client = open_client()

    result = client.call_tool("keep_object")

    assert (result.is_error, result.text) == (
        True,
        "The tool keep_object failed unexpectedly. The server's log has the details.",
    )
    assert "state['object'] is not" in caplog.text
    assert Session.objects.get().state == {}


def test_a_log_level_is_kept_in_its_session(open_client):
    client, neighbour = open_client(), open_client()

    assert client.request("logging/setLevel", {"level": "warning"}) == {}

    assert client.call_tool("describe_caller").data["log_level"] == "warning"
    assert neighbour.call_tool("describe_caller").data["log_level"] == ""


def test_a_log_level_that_there_is_not_changes_nothing(open_client):
    client = open_client()

    with pytest.raises(MCPError) as refused:
        client.request("logging/setLevel", {"level": "loud"})

    assert (refused.value.code, refused.value.status) == (-32602, 200)
    assert Session.objects.get().log_level == ""


# The owner of a session


def test_a_session_belongs_to_the_user_who_opened_it(open_client, ada):
    client = open_client("/closed", user=ada)

    row = Session.objects.get()
    assert (row.user, row.principal) == (ada, f"user:{ada.pk}")
    assert client.call_tool("describe_caller").data["user"] == "ada"


def test_a_session_ends_with_the_password_that_it_was_opened_under(lane, ada):
    ada.set_password("old")
    ada.save()
    client = MCPClient("/basic", era="handshake", headers={"authorization": basic("ada", "old")}, **lane)
    client.initialize()
    assert client.request("ping") == {}
    ada.set_password("new")
    ada.save()

    assert client.post(wire.request("ping")).status_code == 401
    client._headers["authorization"] = basic("ada", "new")
    assert client.post(wire.request("ping")).content == wire.SESSION_NOT_FOUND
    assert client.send("DELETE").status_code == 404
    assert not Session.objects.active().exists()


def test_a_new_secret_key_ends_no_session_while_the_old_one_is_a_fallback(lane, ada, settings):
    client = MCPClient("/closed", era="handshake", user=ada, **lane)
    client.initialize()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"

    assert client.request("ping") == {}


def test_a_session_ends_with_its_user(open_client, ada):
    client = open_client(user=ada)
    User.objects.get(pk=ada.pk).delete()

    client._user = None
    assert client.send("DELETE").content == wire.SESSION_NOT_FOUND
    assert not Session.objects.exists()


def basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


# How many there may be


def test_a_user_with_too_many_sessions_is_told_429_and_keeps_those_that_are_open(lane, ada, bob, settings):
    settings.MCP_MAX_SESSIONS_PER_PRINCIPAL = 2
    clients = [MCPClient("/plain", era="handshake", user=ada, **lane) for _ in range(2)]
    for client in clients:
        client.initialize()

    refused = MCPClient("/plain", era="handshake", user=ada, **lane).post({**wire.initialize(), "id": "x"})

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    assert refused.json() == wire.error(-32603, "Too many open sessions: end one, or try again later", "x")
    assert "mcp-session-id" not in refused.headers
    assert [client.request("ping") for client in clients] == [{}, {}]
    assert MCPClient("/plain", era="handshake", user=bob, **lane).initialize()
    clients[0].close()
    assert MCPClient("/plain", era="handshake", user=ada, **lane).initialize()


def test_when_there_are_too_many_sessions_in_all_a_new_one_is_503_and_the_others_go_on(lane, settings):
    settings.MCP_MAX_SESSIONS = settings.MCP_MAX_ANONYMOUS_SESSIONS = 2
    clients = [MCPClient("/plain", era="handshake", **lane) for _ in range(2)]
    for client in clients:
        client.initialize()

    refused = MCPClient("/plain", era="handshake", **lane).post(wire.initialize())

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert refused.json()["error"]["code"] == -32603
    assert [client.request("ping") for client in clients] == [{}, {}]
    assert Session.objects.count() == 2


def test_an_expired_session_takes_nobodys_place(lane, settings):
    settings.MCP_MAX_SESSIONS = 1
    first = MCPClient("/plain", era="handshake", **lane)
    first.initialize()
    age(first, seconds=1)

    assert MCPClient("/plain", era="handshake", **lane).initialize()


def test_a_client_that_says_too_much_of_itself_is_413_and_leaves_no_session(lane):
    info = {"name": "test", "version": "1", "title": "x" * 100_000}

    response = MCPClient("/plain", era="handshake", **lane).post(wire.initialize(clientInfo=info))

    assert response.status_code == 413
    assert response.json()["error"]["code"] == -32602
    assert not Session.objects.exists()
