"""Which access tokens open an endpoint, in every lane: those for it, and no others (spec basic/authorization)."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.tables import cases

pytestmark = pytest.mark.django_db

HERE = "http://testserver/secure/mcp"
CHALLENGE = (
    'resource_metadata="http://testserver/.well-known/oauth-protected-resource/secure/mcp", scope="airports:read"'
)


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def application():
    return Application.objects.create(
        name="client",
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris="https://client.example.com/callback",
    )


@pytest.fixture
def issue(ada, application):
    """Issues an access token, alive and for this endpoint unless it is said otherwise."""

    def issue(token="let-me-in", **attributes):
        defaults = {
            "user": ada,
            "application": application,
            "expires": timezone.now() + timedelta(hours=1),
            "scope": "airports:read",
            "resource": [HERE],
        }
        return AccessToken.objects.create(
            token=token, token_checksum=hashlib.sha256(token.encode()).hexdigest(), **{**defaults, **attributes}
        )

    return issue


@pytest.fixture
def send(lane):
    def send(method="POST", path="/secure/mcp", body=None, **headers):
        client = MCPClient(path, **lane)
        message = wire.modern_request("tools/list") if body is None else body
        if method == "POST":
            return client.post(message, {name.replace("_", "-"): value for name, value in headers.items()})
        sent = {"accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return client.send(method, b"", sent)

    return send


def challenge(response):
    return response.status_code, response.headers["www-authenticate"]


def test_a_live_token_for_this_endpoint_opens_it(issue, send):
    issue()

    assert send(authorization="Bearer let-me-in").status_code == 200
    assert send(authorization="bearer  let-me-in").status_code == 200
    issue("slash", resource=[HERE + "/", "https://elsewhere.example.com/"])
    assert send(authorization="Bearer slash").status_code == 200
    issue("loud", resource=["HTTP://TESTSERVER/secure/mcp"])
    assert send(authorization="Bearer loud").status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_a_token_the_challenge_says_where_to_go(send, method):
    expected = (401, 405) if method == "GET" else (401,)
    response = send(method)

    assert response.status_code in expected
    if response.status_code == 401:
        assert challenge(response) == (401, f"Bearer {CHALLENGE}")


WRONG = {
    "unknown": {},
    "expired": {"expires": timezone.now() - timedelta(seconds=1)},
    "for another endpoint": {"resource": ["http://testserver/mcp"]},
    "for another host": {"resource": ["http://elsewhere/secure/mcp"]},
    "for another scheme": {"resource": ["https://testserver/secure/mcp"]},
    "for what is above": {"resource": ["http://testserver/"]},
    "for a prefix": {"resource": ["http://testserver/secure"]},
    "for what begins so": {"resource": ["http://testserver/secure/mcp/deeper"]},
    "with a query": {"resource": ["http://testserver/secure/mcp?a=b"]},
    "for nothing": {"resource": []},
    "of nobody": {"user": None},
}


@cases("wrong", WRONG, undone=True)
def test_any_other_token_is_refused_as_invalid(issue, send, wrong):
    issue("x" if wrong == "unknown" else "let-me-in", **WRONG[wrong])

    assert challenge(send(authorization="Bearer let-me-in")) == (401, f'Bearer error="invalid_token", {CHALLENGE}')


def test_a_token_of_a_user_who_was_deactivated_is_refused(issue, send, ada):
    issue()
    User.objects.filter(pk=ada.pk).update(is_active=False)

    assert challenge(send(authorization="Bearer let-me-in")) == (401, f'Bearer error="invalid_token", {CHALLENGE}')


def test_a_token_that_was_revoked_is_refused(issue, send):
    issue().revoke()

    assert send(authorization="Bearer let-me-in").status_code == 401


def test_a_token_is_read_from_the_header_alone(issue, send):
    issue()

    for response in (
        send(path="/secure/mcp?access_token=let-me-in"),
        send(cookie="access_token=let-me-in"),
        send(authorization="Token let-me-in"),
        send(authorization="let-me-in"),
        send(body={**wire.modern_request("tools/list"), "access_token": "let-me-in"}),
    ):
        assert challenge(response) == (401, f"Bearer {CHALLENGE}")


@cases("value", ["Bearer", "Bearer ", "Bearer a b", "Bearer " + "x" * 9000, "Bearer caf\xe9", "Bearer \x00"])
def test_what_is_no_token_is_refused_without_a_fuss(send, value):
    response = send(authorization=value)

    assert response.status_code in (400, 401)
    assert b"<html" not in response.content


def test_no_token_is_in_the_log_or_the_answer(issue, send, caplog):
    caplog.set_level("DEBUG")
    issue()
    issue("elsewhere-token", resource=["http://testserver/mcp"])

    answers = [
        send(authorization=f"Bearer {text}").content for text in ("let-me-in", "elsewhere-token", "no-such-token")
    ]
    answers.append(send(path="/secure/mcp?access_token=query-token").content)

    for text in ("let-me-in", "elsewhere-token", "no-such-token"):
        assert text not in caplog.text
        assert text.encode() not in b"".join(answers)


def test_the_hash_of_a_token_is_none(issue, send):
    token = issue()

    assert send(authorization=f"Bearer {token.token_checksum}").status_code == 401


def test_a_tool_that_wants_more_scopes_says_which(issue, lane):
    issue()
    client = MCPClient("/secure/mcp", headers={"Authorization": "Bearer let-me-in"}, **lane)

    with pytest.raises(MCPError) as refused:
        client.call_tool("create_trip", {"name": "x"})
    assert refused.value.status == 403
    assert refused.value.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="trips", '
        'resource_metadata="http://testserver/.well-known/oauth-protected-resource/secure/mcp"'
    )


def test_sessions_of_another_client_or_user_are_not_there(issue, lane, application):
    issue()
    issue("other-user", user=User.objects.create_user("bob"))
    issue("other-client", application=Application.objects.create(name="another", client_type="public"))
    issue("another-token")
    owner = MCPClient("/secure/mcp", era="handshake", headers={"Authorization": "Bearer let-me-in"}, **lane)
    owner.initialize()

    def status(method, token):
        headers = {"authorization": f"Bearer {token}", "mcp-session-id": owner.session_id}
        client = MCPClient("/secure/mcp", era="handshake", **lane)
        if method == "POST":
            return client.post(wire.request("ping"), {**headers, "mcp-protocol-version": "2025-11-25"}).status_code
        return client.send(method, b"", {**headers, "mcp-protocol-version": "2025-11-25"}).status_code

    for token in ("other-user", "other-client"):
        assert [status(method, token) for method in ("POST", "DELETE")] == [404, 404]
    assert status("POST", "another-token") == 200
    assert status("DELETE", "let-me-in") == 200
