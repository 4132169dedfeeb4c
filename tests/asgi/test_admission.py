"""A stream lives no longer than its caller's rights, and tells of no resource that the caller may not read any more."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.core.asgi import get_asgi_application
from django.db import OperationalError
from rest_framework.authtoken.models import Token

from django_mcp.asgi import mcp_application
from django_mcp.asgi.admission import Admission
from django_mcp.authentication import anonymous_caller
from django_mcp.bus import bell
from django_mcp.execution.threads import hop
from django_mcp.models import Session
from django_mcp.protocol import sse
from django_mcp.storage import changes, events
from django_mcp.testing import MCPClient
from django_mcp.views import MCPView
from tests import wire
from tests.asgi.connections import TOOLS_CHANGED, UPDATED, Connection, on_a_loop
from tests.servers import guarded, plain

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

MOTTO = "secret://motto"
HEADERS = [("host", "testserver"), *wire.POST_HEADERS.items()]


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def token(ada):
    return Token.objects.create(user=ada)


def get(path, token, session, last_event_id=""):
    """The arguments with which a connection GETs a session's stream."""
    headers = [("mcp-session-id", session.session_id), ("authorization", f"Token {token.key}")]
    headers += [("last-event-id", last_event_id)] if last_event_id else []
    return {
        "application": mcp_application(get_asgi_application()),
        "scope": wire.scope(path, "GET", [*HEADERS, *headers]),
    }


def listen(path, token, wishes):
    headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen")]
    headers.append(("authorization", f"Token {token.key}"))
    body = json.dumps(wire.modern_request("subscriptions/listen", {"notifications": wishes})).encode()
    return {
        "application": mcp_application(get_asgi_application()),
        "scope": wire.scope(path, "POST", [*HEADERS, *headers]),
        "body": body,
    }


def initialize(path, user, token):
    client = MCPClient(path, era="handshake", lane="asgi", headers={"authorization": f"Token {token.key}"})
    client.initialize()
    return client


def standalone_stream(user, token):
    initialize("/token", user, token)
    return get("/token", token, Session.objects.get())


def rest_of_a_call(user, token):
    initialize("/token", user, token)
    session = Session.objects.get()
    events.open_stream(session.pk, "key", 1)
    events.append(session.pk, "key", 0, [""])
    return get("/token", token, session, "key:0")


def subscription(user, token):
    return listen("/token", token, {"toolsListChanged": True})


def delete_token(user, token):
    token.delete()


def deactivate(user, token):
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user, token):
    user.set_password("another")
    user.save()


@pytest.mark.parametrize(
    ("open_stream", "end"),
    [
        (standalone_stream, delete_token),
        (rest_of_a_call, delete_token),
        (subscription, delete_token),
        (subscription, deactivate),
        (subscription, change_password),
    ],
)
def test_a_stream_is_closed_when_its_caller_would_not_be_let_in_again(settings, ada, token, open_stream, end):
    settings.MCP_KEEPALIVE_SECONDS = 0.01

    async def talk():
        connection = Connection(**await hop(open_stream, ada, token))
        await connection.has(sse.KEEPALIVE * 2)
        await hop(end, ada, token)
        await connection.ends()
        return connection.sent

    assert on_a_loop(talk)[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_changes_of_a_resource_are_told_to_those_who_may_still_read_it(ada, token):
    view_group = Permission.objects.get(codename="view_group")
    ada.user_permissions.add(view_group)
    client = initialize("/guarded", ada, token)
    client.request("resources/subscribe", {"uri": MOTTO})

    def change():
        changes.record_change("guarded", UPDATED, uri=MOTTO)
        changes.record_change("guarded", TOOLS_CHANGED)
        bell.ring([bell.server_group("guarded")])

    async def talk():
        connections = [
            Connection(**get("/guarded", token, await hop(Session.objects.get))),
            Connection(**listen("/guarded", token, {"resourceSubscriptions": [MOTTO], "toolsListChanged": True})),
        ]
        await connections[0].has(b"id: ")
        await connections[1].has(b"acknowledged")
        await hop(ada.user_permissions.remove, view_group)
        await hop(change)
        for connection in connections:
            await connection.has(TOOLS_CHANGED.encode())
        await hop(ada.user_permissions.add, view_group)
        await hop(change)
        for connection in connections:
            await connection.has(UPDATED.encode())
        return [await connection.hangs_up() for connection in connections]

    assert [body.count(UPDATED.encode()) for body in on_a_loop(talk)] == [1, 1]


def admission(server=plain, **initkwargs):
    view = MCPView(server=server, **initkwargs)
    return Admission.of(view, {}, wire.scope("/mcp", "GET", HEADERS), server, anonymous_caller(lambda: None))


class Asks:
    """A permission that meets with an accident."""

    failure: Exception

    def has_permission(self, request, view):
        raise self.failure


@pytest.mark.parametrize(("failure", "stays"), [(OperationalError("away"), True), (RuntimeError("wrong"), False)])
def test_a_database_that_is_away_closes_no_stream_and_a_permission_that_fails_does(failure, stays, caplog):
    asks = type("Asks", (Asks,), {"failure": failure})

    assert admission(authentication_classes=[], permission_classes=[asks]).holds() is stays
    assert str(failure) in caplog.text


def test_who_asks_what_may_be_read_does_so_of_guarded_resources_alone(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert admission(guarded, public=True).unreadable([MOTTO, "other://1"]) == {MOTTO}
        assert admission(public=True).unreadable(["note://motto"]) == set()


def test_nothing_of_a_request_is_kept():
    view = MCPView(server=plain, public=True)
    view.setup(object())

    assert vars(Admission.of(view, {}, {}, plain, anonymous_caller(lambda: None)).view) == {
        "server": plain,
        "public": True,
    }
