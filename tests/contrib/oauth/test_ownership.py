"""The property of one user and client does not exist for another user, nor for another client of the same user
(spec 2026-07-28 basic/security_best_practices, session hijacking).

Each attempt is made with what only its owner should know: the session's id, an event's, a question's, a state. The
answer is compared with the one for an id that never was.
"""

import hashlib
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import include, path
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

from django_mcp import Context, MCPServer
from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.models import ClientRequest, Session, Stream
from django_mcp.storage import client_requests, events, standalone
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.every_combination]

server = MCPServer("owned", version="1")


@server.tool
def ask(ctx: Context) -> str:
    """Ask who is there."""
    return str(ctx.elicit("Who?", {"type": "object", "properties": {"name": {"type": "string"}}}).data["name"])


urlpatterns = [
    path("", include("django_mcp.contrib.oauth.urls")),
    path("owned/mcp", endpoint(server, authentication_classes=[OAuthAuthentication])),
]

STRANGERS = ("other user", "other client", "other user and client")
NOTE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"secret"}}'


def bearer(user, client):
    """An access token of this user and client, as a header."""
    user, _ = User.objects.get_or_create(username=user)
    application, _ = Application.objects.get_or_create(name=client, client_id=client, client_type="public")
    token = f"{user.username} {client}".replace(" ", "-")
    AccessToken.objects.create(
        user=user,
        application=application,
        token=token,
        token_checksum=hashlib.sha256(token.encode()).hexdigest(),
        expires=timezone.now() + timedelta(hours=1),
        resource=["http://testserver/owned/mcp"],
    )
    return f"Bearer {token}"


@pytest.fixture
def tokens():
    return {
        "owner": bearer("ada", "the client"),
        "other user": bearer("bob", "the client"),
        "other client": bearer("ada", "another"),
        "other user and client": bearer("eve", "another"),
    }


@pytest.fixture
def owner(lane, tokens):
    client = MCPClient("/owned/mcp", era="handshake", headers={"Authorization": tokens["owner"]}, **lane)
    client.initialize()
    return client


@pytest.fixture
def send(lane, owner, tokens):
    """Sends a request about a session, the owner's if no other is named, with somebody's token."""

    def send(who, method, message=None, *, session=None, **headers):
        sent = {
            "authorization": tokens[who],
            "mcp-session-id": session or owner.session_id,
            "mcp-protocol-version": "2025-11-25",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        body = b"" if message is None else json.dumps(message).encode()
        return MCPClient("/owned/mcp", era="handshake", **lane).send(method, body, sent)

    return send


def as_if_unknown(send, who, method, message=None, **headers):
    """Whether somebody is answered, to the byte, as for a session that there never was."""
    answers = [send(who, method, message, session=session, **headers) for session in (None, "never-was")]
    return answers[0] == answers[1] and answers[0].status_code == 404 and answers[0].content == wire.SESSION_NOT_FOUND


@cases("who", STRANGERS, undone=True)
def test_a_session(send, who):
    for message in (
        wire.request("ping"),
        wire.request("tools/list"),
        wire.request("tools/call", {"name": "ask"}),
        wire.request("logging/setLevel", {"level": "debug"}),
        wire.request("resources/subscribe", {"uri": "note://1"}),
        wire.notification(),
    ):
        assert as_if_unknown(send, who, "POST", message)
    assert as_if_unknown(send, who, "DELETE")
    assert as_if_unknown(send, who, "GET", accept="text/event-stream")

    assert Session.objects.get().log_level == ""
    assert send("owner", "POST", wire.request("ping")).json() == wire.answer({})


@cases("who", STRANGERS, undone=True)
def test_a_stream_and_what_was_said_on_it(send, who):
    session = Session.objects.get()
    standalone.publish(session.pk, NOTE)
    standalone.publish(session.pk, NOTE)

    assert as_if_unknown(send, who, "GET", accept="text/event-stream", last_event_id="s:1.0")
    resumed = send("owner", "GET", accept="text/event-stream", last_event_id="s:1.0")
    assert resumed.status_code == 405 or NOTE.encode() in resumed.content


@cases("who", STRANGERS, undone=True)
def test_the_answer_to_a_question(send, who):
    session = Session.objects.get()
    client_requests.ask(session.pk, "question", "elicitation/create")
    answer = wire.answer({"action": "accept", "content": {"name": "Mallory"}}, "question")

    assert as_if_unknown(send, who, "POST", answer)
    assert ClientRequest.objects.get().answer is None
    assert send("owner", "POST", answer).status_code == 202
    assert ClientRequest.objects.get().answer == answer


@cases("who", STRANGERS, undone=True)
def test_the_cancelling_of_a_request(send, who):
    session = Session.objects.get()
    events.open_stream(session.pk, "k", 7)
    cancel = {**wire.notification("notifications/cancelled"), "params": {"requestId": 7}}

    assert as_if_unknown(send, who, "POST", cancel)
    assert Stream.objects.get().cancelled_at is None
    assert send("owner", "POST", cancel).status_code == 202
    assert Stream.objects.get().cancelled_at is not None


@cases("who", STRANGERS, undone=True)
def test_the_state_of_a_modern_call(lane, tokens, who):
    """Another user's state is refused with the answer for a forged one."""

    def client(who):
        capabilities = {"elicitation": {"form": {}}}
        return MCPClient("/owned/mcp", capabilities=capabilities, headers={"Authorization": tokens[who]}, **lane)

    def retry(who, state):
        response = {"action": "accept", "content": {"name": "Mallory"}}
        said = {"name": "ask", "inputResponses": dict.fromkeys(asked["inputRequests"], response), "requestState": state}
        one = client(who)
        return one.post(one._message("tools/call", said))

    asked = client("owner").request("tools/call", {"name": "ask"})
    assert asked["resultType"] == "input_required"

    refused, forged = retry(who, asked["requestState"]), retry(who, "forged")
    assert refused == forged
    assert refused.json()["error"]["code"] == -32602
    assert retry("owner", asked["requestState"]).json()["result"]["content"][0]["text"] == "Mallory"
