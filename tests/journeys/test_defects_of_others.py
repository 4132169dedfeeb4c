"""Defects of other server frameworks, each seen when it was run. A test's name says how this package behaves instead.

The frameworks are django-mcp-server 0.5.7, frisian-mcp 1.1.1, django-mcpz 1.2.0, ActionMCP 0.200.0, laravel/mcp
1.0.0-beta.1, FastMCP 4.1.2 and the official SDK 2.3.0.
"""

import importlib.metadata
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import call_command
from django.utils import timezone
from packaging.requirements import Requirement

from django_mcp.contrib.oauth import provider_settings
from django_mcp.models import Event, Session
from django_mcp.testing import ACCEPT, MCPClient, MCPError
from tests import wire
from tests.servers import SECRET
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def client(connect):
    client = connect("/plain")
    client.initialize()
    return client


@pytest.fixture
def handshake(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()
    return client


# django-mcp-server


def test_the_package_depends_on_the_wire_types_and_not_on_a_sdk_that_may_change():
    requirements = map(Requirement, importlib.metadata.requires("django-mcp-endpoints"))
    required = {one.name for one in requirements if one.marker is None}

    assert "mcp-types" in required
    assert "mcp" not in required


def test_a_get_that_accepts_everything_never_holds_the_view(lane, handshake):
    """django-mcp-server opens an endless stream in a synchronous view, and the whole site stops."""
    response = handshake.send("GET", headers={"accept": ACCEPT})

    assert response.status_code == (405 if lane != {"lane": "asgi"} else 200)
    assert handshake.post(wire.request("ping", request_id=2)).json() == wire.answer({}, 2)


def test_a_tool_that_asks_a_client_which_cannot_answer_is_over_at_once(handshake):
    """In django-mcp-server, such a tool holds its worker until it is killed."""
    result = handshake.call_tool("order", {"dish": "soup"})

    assert result.is_error


def test_publishing_a_view_leaves_the_view_as_it_was():
    """django-mcp-server replaces `initialize_request` on the class, and the API answers 500."""
    from testproject.airports.api import AirportViewSet

    own = [vars(one)["initialize_request"] for one in AirportViewSet.__mro__ if "initialize_request" in vars(one)]

    assert {function.__module__ for function in own} == {"rest_framework.views", "rest_framework.viewsets"}


def test_a_browsers_session_is_no_session_of_the_protocol_and_survives(lane):
    """django-mcp-server accepts a login's cookie as a session id, and DELETE logs the user out."""
    login = SessionStore()
    login["_auth_user_id"] = str(User.objects.create_user("ada").pk)
    login.create()
    client = MCPClient("/plain", era="handshake", **lane)

    for method, body in (("POST", wire.request("ping")), ("DELETE", None)):
        headers = {"mcp-session-id": login.session_key, "mcp-protocol-version": "2025-11-25"}
        response = client.post(body, headers) if body else client.send(method, b"", headers)
        assert (response.status_code, response.content) == (404, wire.SESSION_NOT_FOUND)
    assert BrowserSession.objects.filter(session_key=login.session_key).exists()


def test_the_text_of_an_exception_stays_here(client):
    """FastMCP sends it to the client too, unless it is configured not to."""
    for ask in (
        lambda: client.call_tool("count_and_fail").raw,
        lambda: client.read_resource("broken://resource"),
        lambda: client.get_prompt("broken_prompt"),
    ):
        try:
            said = str(ask())
        except MCPError as error:
            said = f"{error.message} {error.data}"
        assert SECRET not in said


def test_an_unknown_method_is_minus_32601(client):
    with pytest.raises(MCPError) as refused:
        client.request("tools/no_such")
    assert refused.value.code == -32601


def test_what_a_user_may_not_do_is_in_no_list_and_not_there(connect):
    client = connect("/guarded", user=User.objects.create_user("ada"))

    assert "count_groups" not in [tool["name"] for tool in client.list_tools()]
    assert [resource["uri"] for resource in client.list_resources()] == []
    with pytest.raises(MCPError) as hidden:
        client.call_tool("count_groups")
    with pytest.raises(MCPError) as unknown:
        client.call_tool("no_such_tool")
    assert (hidden.value.code, hidden.value.status) == (unknown.value.code, unknown.value.status)


# frisian-mcp, and most others


@cases("origin", ["https://evil.example.com", "http://testserver.evil.example.com", "null"])
def test_a_page_of_another_site_is_refused(client, origin):
    response = client.post(wire.request("ping"), {"origin": origin})

    assert response.status_code == 403


@cases("path", ["/plain", "/plain/", "/slashed/"])
def test_no_slash_leads_around_in_a_circle(connect, path):
    assert connect(path).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_sessions_are_real(lane, handshake):
    """frisian-mcp accepts any session id, a deleted one, and a request without one."""
    known = handshake.session_id
    assert handshake.post(wire.request("ping")).status_code == 200
    assert handshake.post(wire.request("ping"), {"mcp-session-id": "made-up"}).status_code == 404
    assert handshake.post(wire.request("ping"), {"mcp-session-id": ""}).status_code == 400
    assert handshake.close().status_code == 200
    assert handshake.post(wire.request("ping"), {"mcp-session-id": known}).status_code == 404


def test_a_stream_needs_a_session(lane):
    response = MCPClient("/plain", era="handshake", **lane).send("GET", headers={"mcp-protocol-version": "2025-11-25"})

    assert response.status_code == 400


def test_an_unknown_revision_in_the_header_is_refused_and_the_answered_one_is_the_askers(lane, handshake):
    assert handshake.post(wire.request("ping"), {"mcp-protocol-version": "1999-01-01"}).status_code == 400
    for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
        assert MCPClient("/plain", version=version, **lane).initialize()["protocolVersion"] == version


def test_an_endpoint_that_says_nothing_is_closed(connect):
    response = connect("/closed").post(wire.modern_request("tools/list"))

    assert response.status_code == 401


def test_answers_have_the_members_of_their_revision_and_no_others(handshake):
    """frisian-mcp adds `tier` and `toolsVersion`; django-mcpz adds members of the modern era."""
    answer = handshake.post(wire.request("tools/list")).json()

    assert set(answer) == {"jsonrpc", "id", "result"}
    assert set(answer["result"]) == {"tools"}


# django-mcpz


def test_an_async_tool_is_awaited(client):
    assert client.call_tool("greet_async", {"name": "Ada"}).text == "Hello, Ada"


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
def test_a_client_of_any_revision_with_forms_can_be_asked(lane, version):
    answers = {"elicit": {"count": 2}}

    assert (
        "2" in MCPClient("/plain", version=version, answers=answers, **lane).call_tool("order", {"dish": "soup"}).text
    )


def test_a_modern_client_that_cannot_be_asked_is_told_which_capability_it_lacks(lane):
    with pytest.raises(MCPError) as refused:
        MCPClient("/plain", **lane).call_tool("order", {"dish": "soup"})

    assert (refused.value.code, refused.value.status) == (-32021, 400)


def test_a_tool_that_fails_leaves_nothing_behind(client):
    client.call_tool("save_group_and_fail", {"name": "half"})

    assert not Group.objects.exists()


# ActionMCP


def test_a_session_is_over_when_it_has_expired_and_can_be_purged(lane, handshake):
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert handshake.post(wire.request("ping")).status_code == 404
    call_command("mcp_purge", verbosity=0)
    assert not Session.objects.exists()


def test_a_session_is_nobody_elses_and_nobody_takes_it_over(lane):
    """ActionMCP overwrites the owner's identity with the newcomer's."""
    ada, eve = User.objects.create_user("ada"), User.objects.create_user("eve")
    owner = MCPClient("/closed", era="handshake", user=ada, **lane)
    owner.initialize()
    thief = MCPClient("/closed", era="handshake", user=eve, **lane)

    response = thief.post(wire.request("ping"), {"mcp-session-id": owner.session_id})

    assert (response.status_code, response.content) == (404, wire.SESSION_NOT_FOUND)
    assert Session.objects.get().user == ada


def test_what_a_call_says_is_not_kept(handshake):
    """ActionMCP keeps each message as a row for ever, with its secrets."""
    handshake.call_tool("greet", {"name": "my secret"})

    assert not Event.objects.exists()
    assert "my secret" not in str(list(Session.objects.values()))


def test_an_unknown_session_is_not_made(lane):
    MCPClient("/plain", era="handshake", **lane).post(wire.request("ping"), {"mcp-session-id": "made-up"})

    assert not Session.objects.exists()


# laravel/mcp


def test_redirects_of_clients_are_not_anywhere():
    assert provider_settings(scopes={})["ALLOW_URI_WILDCARDS"] is False


# FastMCP and the official SDK


def test_a_last_event_id_that_nobody_gave_is_400_and_no_500(lane, handshake):
    response = handshake.send("GET", headers={"last-event-id": "made-up", "mcp-protocol-version": "2025-11-25"})

    assert response.status_code == (400 if lane == {"lane": "asgi"} else 405)


def test_a_request_that_is_refused_opens_no_session(lane):
    """The SDK never removed sessions of rejected requests."""
    stranger = MCPClient("/plain", era="handshake", **lane)
    stranger.post({**wire.initialize(), "params": {"protocolVersion": 1}})
    stranger.post(wire.initialize(), {"accept": "text/html"})
    stranger.post(wire.initialize(), {"origin": "https://evil.example.com"})

    assert not Session.objects.exists()


def test_sessions_are_bounded(lane, settings):
    settings.MCP_MAX_SESSIONS = 1
    MCPClient("/plain", era="handshake", **lane).initialize()

    response = MCPClient("/plain", era="handshake", **lane).post(wire.initialize())
    assert (response.status_code, response.headers["retry-after"]) == (503, "60")


def test_a_modern_client_can_listen_in_the_lane():
    response = MCPClient("/plain", lane="asgi").post(
        wire.modern_request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    )

    assert response.status_code == 200
    assert response.messages()[0]["method"] == "notifications/subscriptions/acknowledged"


def test_no_lifespan_is_needed():
    """The SDK says "Task group is not initialized" without one, and Django has none."""
    response, _ = wire.send_asgi(
        "/plain",
        "POST",
        [("host", "testserver"), *wire.POST_HEADERS.items()],
        [
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":'
            b'"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}'
        ],
    )

    assert response.status_code == 200
