"""Who is calling: DRF's authenticators, permissions and throttles at an endpoint, and what a refusal says.

The challenge is RFC 9110's and the specification's (2025-11-25 basic/authorization): without one, no client finds out
how to sign in.
"""

import json
from base64 import b64encode
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.authtoken.models import Token

from django_mcp import authentication
from django_mcp.models import Session, concerns
from django_mcp.testing import MCPClient
from django_mcp.views import MCPView
from tests import wire
from tests.servers import SECRET

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

VERBS = ["POST", "GET", "DELETE"]
UNAUTHENTICATED = wire.error(-32600, "Authentication required")
FORBIDDEN = wire.error(-32600, "Forbidden")


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada():
    return User.objects.create_user("ada", password="lovelace")


@pytest.fixture
def token(ada):
    return Token.objects.create(user=ada).key


def basic(name, password):
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def send(path, lane, verb="POST", body=b"{", **headers):
    """A request whose body is not even JSON: whoever is refused does not learn that."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return MCPClient(path, era="handshake", headers=given, **lane).send(verb, body, wire.POST_HEADERS)


# Who gets in


def test_an_endpoint_is_closed_unless_it_says_that_it_is_public(connect, ada):
    assert connect("/closed").post(wire.initialize()).status_code == 401
    assert connect("/closed", user=ada).call_tool("describe_caller").structured["user"] == "ada"


def test_a_token_is_the_users_whom_it_belongs_to(connect, token):
    client = connect("/token", headers={"authorization": f"Token {token}"})

    assert client.call_tool("describe_caller_async").structured["user"] == "ada"


def test_the_second_authenticator_is_asked_when_the_first_has_nothing_to_say(connect, token):
    assert connect("/basic", headers={"authorization": basic("ada", "lovelace")}).call_tool("describe_caller")
    client = connect("/basic", headers={"authorization": f"Token {token}"})
    assert client.call_tool("describe_caller").structured["user"] == "ada"


def test_a_public_endpoint_with_an_authenticator_knows_its_users_and_serves_the_others(connect, token):
    user = connect("/either", headers={"authorization": f"Token {token}"})
    anonymous = connect("/either")

    assert user.call_tool("describe_caller").structured["user"] == "ada"
    assert anonymous.call_tool("describe_caller").structured["user"] == ""
    assert connect("/either", headers={"authorization": "Token wrong"}).send("DELETE").status_code == 401


def test_the_cookie_of_a_signed_in_user_needs_a_csrf_token(ada):
    """In the view alone: the lane runs no session middleware, so there a cookie says nothing."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    client.cookies["csrftoken"] = "a" * 32

    def call(**headers):
        body = json.dumps(wire.initialize())
        return client.generic(
            "POST", "/cookie", body, "application/json", headers={"accept": wire.POST_HEADERS["accept"], **headers}
        )

    refused = call()
    assert (refused.status_code, refused.json()) == (403, FORBIDDEN)
    assert call(**{"X-CSRFToken": "a" * 32}).json()["result"]["serverInfo"]["name"] == "plain"
    assert Session.objects.get().user == ada


def test_the_cookie_of_a_signed_in_user_says_nothing_in_the_lane(ada):
    browser = Client()
    browser.force_login(ada)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"

    response = MCPClient("/cookie", lane="asgi", headers={"cookie": cookie}).post(wire.modern_request("tools/list"))

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 3_000_000),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"),
        ("multipart/form-data; boundary=\xe9", b"x"),
        ("application/x-www-form-urlencoded; charset=nothing", b"a=1"),
        ("text/plain", b"csrfmiddlewaretoken=x"),
    ],
)
def test_a_form_posted_with_a_users_cookie_is_refused_and_no_fault_of_the_server(ada, content_type, body):
    """DRF looks for the CSRF token in a form, and Django has limits of its own for reading one."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(ada)
    client.cookies["csrftoken"] = "a" * 32

    response = client.generic("POST", "/cookie", body, content_type)

    assert response.status_code in (400, 403, 413, 415)
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == -32600


# Who does not


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("path", "challenge"), [("/token", "Token"), ("/basic", 'Basic realm="api"'), ("/cookie", "Bearer")]
)
def test_a_caller_without_credentials_is_told_how_to_sign_in(lane, path, challenge, verb):
    response = send(path, lane, verb)

    assert (response.status_code, response.json()) == (401, UNAUTHENTICATED)
    assert response.headers["www-authenticate"] == challenge
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "authorization", ["Token wrong", "Token", "Token a b", "Token é", "token x", "Basic x", "Basic"]
)
def test_wrong_credentials_are_told_the_same(lane, authorization):
    for path in ("/token", "/basic"):
        response = send(path, lane, authorization=authorization)

        assert (response.status_code, response.json()) == (401, UNAUTHENTICATED)
        assert "www-authenticate" in response.headers


@pytest.mark.parametrize("authorization", ["Token \x00", basic("\x00", "x"), basic("ada", "\x00")])
def test_credentials_that_no_row_can_hold_are_no_fault_of_the_server(lane, ada, authorization):
    """PostgreSQL refuses U+0000, and Base64 brings it through any HTTP server."""
    response = send("/basic", lane, authorization=authorization)

    assert response.status_code in (400, 401)
    assert response.json()["error"]["code"] == -32600


def test_a_user_who_was_deactivated_is_not_let_in(lane, ada, token):
    ada.is_active = False
    ada.save()

    assert send("/token", lane, authorization=f"Token {token}").status_code == 401


@pytest.mark.parametrize("verb", VERBS)
def test_a_permission_that_is_not_given_is_403(lane, verb):
    response = send("/forbidden", lane, verb)

    assert (response.status_code, response.json()) == (403, FORBIDDEN)


def test_a_session_is_no_way_round_a_permission(lane, ada):
    """Every message of a session is asked again, requests, notifications and responses alike."""
    client = MCPClient("/plain", era="handshake", user=ada, **lane)
    client.initialize()
    client.path = "/forbidden"

    for message in (wire.request("ping"), wire.notification(), wire.answer({})):
        assert client.post(message).status_code == 403


@pytest.mark.parametrize("verb", VERBS)
def test_a_throttled_caller_is_told_when_to_come_back(lane, verb):
    response = send("/throttled", lane, verb)

    assert (response.status_code, response.json()) == (429, wire.error(-32600, "Too many requests"))
    assert response.headers["retry-after"] == "42"
    assert "retry-after" not in send("/throttled-today", lane, verb).headers


def test_a_refusal_of_another_status_keeps_it_and_says_no_more_than_its_class(lane):
    response = send("/unavailable", lane)

    assert (response.status_code, response.json()) == (503, wire.error(-32600, "A server error occurred."))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("path", ["/broken-authentication", "/broken-permission", "/broken-throttle"])
def test_a_policy_that_fails_is_500_in_json_and_its_exception_is_for_the_log(lane, path, verb, caplog):
    response = send(path, lane, verb)

    assert (response.status_code, response.content) == (500, wire.INTERNAL_ERROR)
    assert response.headers["content-type"] == "application/json"
    assert SECRET in caplog.text


# The functions


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exceptions.NotAuthenticated(), 401),
        (exceptions.AuthenticationFailed(), 401),
        (exceptions.PermissionDenied(), 403),
        (PermissionDenied(), 403),
        (exceptions.Throttled(wait=0.2), 429),
        (exceptions.ParseError(), 400),
        (Http404(), 404),
    ],
)
def test_the_exceptions_of_policies_are_refusals(error, status):
    request = RequestFactory().post("/plain")
    view = MCPView(authentication_classes=[])
    view.setup(request)

    assert authentication.refuse(error, view, request).status == status


def test_what_the_database_cannot_hold_is_a_bad_request_and_noted(caplog):
    reply = authentication.refuse(DataError("no NUL"), MCPView(), RequestFactory().post("/plain"))

    assert (reply.status, json.loads(reply.body)) == (400, wire.error(-32600, "Bad request"))
    assert "no NUL" in caplog.text


def test_another_exception_is_no_refusal():
    assert authentication.refuse(ValueError(), MCPView(), RequestFactory().post("/plain")) is None


def test_a_wait_of_less_than_a_second_is_a_second():
    reply = authentication.refuse(exceptions.Throttled(wait=0.2), MCPView(), RequestFactory().post("/plain"))

    assert reply.headers == (("Retry-After", "1"),)


def test_a_principal_is_the_users_primary_key_and_nothing_that_a_client_says(ada):
    assert authentication.principal_key(ada) == f"user:{ada.pk}"
    assert authentication.principal_key(AnonymousUser()) == ""
    assert authentication.principal_key(None) == ""
    assert authentication.principal_key(User(username="unsaved")) == ""


# What a credential says


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (None, ("user:7", "", None, "", None)),
        (SimpleNamespace(key="secret", pk="secret"), ("user:7", "", None, "", None)),
        (
            SimpleNamespace(
                id=5,
                scope="read write",
                application=SimpleNamespace(client_id="c1"),
                expires=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            ("user:7:client:c1", "c1", {"read", "write"}, "5", datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        (
            SimpleNamespace(payload={"jti": "j", "exp": 0, "scope": ["read"], "client_id": "c2"}),
            ("user:7:client:c2", "c2", {"read"}, "j", datetime(1970, 1, 1, tzinfo=UTC)),
        ),
        ({"scope": ""}, ("user:7", "", set(), "", None)),
    ],
    ids=["nothing", "a DRF token", "an OAuth access token", "a JWT", "claims"],
)
def test_a_credential_says_of_the_principal_what_it_knows_and_never_itself(credential, expected):
    principal = authentication.principal_of(User(pk=7), credential)

    found = (principal.key, principal.client_id, principal.scopes, principal.token_id, principal.expires_at)
    assert found == expected


def test_a_client_without_a_user_has_sessions_of_its_own():
    assert authentication.principal_of(AnonymousUser(), {"client_id": "c1"}).key == "client:c1"


def test_what_changes_for_a_user_concerns_all_of_the_users_clients():
    assert [
        concerns(whose, "user:7:client:c1")
        for whose in ("*", "user:7", "user:7:client:c1", "user:70", "user:7:client:c")
    ] == [True, True, True, False, False]
