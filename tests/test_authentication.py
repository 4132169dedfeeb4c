"""DRF's authenticators, permissions and throttles at an endpoint, and the text of a refusal.

The challenge is RFC 9110's and the specification's (2025-11-25 basic/authorization): without one, no client finds out
how to sign in.
"""

import importlib
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
from django.urls import path
from django.utils.functional import SimpleLazyObject
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.tokens import AccessToken as JWT

from django_mcp import MCPServer, Principal, authentication
from django_mcp.models import Session, concerns
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from testproject.airports.models import Airport
from tests import wire
from tests.servers import SECRET
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

VERBS = ["POST", "GET", "DELETE"]
UNAUTHENTICATED = wire.error(-32600, "Authentication required")
FORBIDDEN = wire.error(-32600, "Forbidden")


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


# Callers who are admitted


@pytest.mark.every_combination
def test_an_endpoint_is_closed_unless_it_says_that_it_is_public(connect, ada):
    assert connect("/closed").post(wire.initialize()).status_code == 401
    assert connect("/closed", user=ada).call_tool("describe_caller").data["user"] == "ada"


def test_a_token_is_the_users_whom_it_belongs_to(connect, token):
    client = connect("/token", headers={"authorization": f"Token {token}"})

    assert client.call_tool("describe_caller_async").data["user"] == "ada"


def test_the_second_authenticator_is_asked_when_the_first_has_nothing_to_say(connect, token):
    assert connect("/basic", headers={"authorization": basic("ada", "lovelace")}).call_tool("describe_caller")
    client = connect("/basic", headers={"authorization": f"Token {token}"})
    assert client.call_tool("describe_caller").data["user"] == "ada"


def test_a_public_endpoint_with_an_authenticator_knows_its_users_and_serves_the_others(connect, token):
    user = connect("/either", headers={"authorization": f"Token {token}"})
    anonymous = connect("/either")

    assert user.call_tool("describe_caller").data["user"] == "ada"
    assert anonymous.call_tool("describe_caller").data["user"] == ""
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


@cases(
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


# Callers who are refused


@cases("verb", VERBS)
@cases(("path", "challenge"), [("/token", "Token"), ("/basic", 'Basic realm="api"'), ("/cookie", "Bearer")])
def test_a_caller_without_credentials_is_told_how_to_sign_in(lane, path, challenge, verb):
    response = send(path, lane, verb)

    assert (response.status_code, response.json()) == (401, UNAUTHENTICATED)
    assert response.headers["www-authenticate"] == challenge
    assert response.headers["content-type"] == "application/json"


WRONG = [
    ("/token", "Token wrong", "Invalid token", "Token"),
    ("/token", "Token", "Invalid token", "Token"),
    ("/token", "Token a b", "Invalid token", "Token"),
    ("/token", "token é", "Invalid token", "Token"),
    ("/token", "Bearer wrong", "Authentication required: the scheme is Token", "Token"),
    ("/basic", "Basic x", "Invalid credentials", 'Basic realm="api"'),
    ("/basic", basic("ada", "wrong"), "Invalid credentials", 'Basic realm="api"'),
    ("/basic", "Token wrong", "Invalid token", 'Basic realm="api"'),
    ("/either-scope", "Bearer wrong", "Invalid token", 'Bearer error="invalid_token"'),
    ("/either-scope", "Basic x", "Authentication required: the scheme is Bearer", "Bearer"),
]


def test_wrong_credentials_are_told_from_none_and_from_those_of_another_scheme(lane, settings):
    """RFC 6750 section 3.1: `invalid_token` for a token that was looked at, and no code for what is none."""

    class Routes:
        urlpatterns = [
            *importlib.import_module("tests.urls").urlpatterns,
            path("either-scope", endpoint(MCPServer("bearer"), authentication_classes=[Picky])),
        ]

    settings.ROOT_URLCONF = Routes
    for where, authorization, message, challenge in WRONG:
        response = send(where, lane, authorization=authorization)

        assert (response.status_code, response.json()) == (401, wire.error(-32600, message)), authorization
        assert response.headers["www-authenticate"] == challenge


class Picky(TokenAuthentication):
    keyword = "Bearer"

    def authenticate_credentials(self, key):
        raise exceptions.AuthenticationFailed(f"{key} is no Bearer token\nof mine" + "!" * 1000)


def test_wrong_credentials_leave_a_short_line_in_the_log_and_never_themselves(monkeypatch, caplog):
    clock = [100.0]
    monkeypatch.setattr(authentication, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(authentication, "refusals", authentication._Refusals())
    view = MCPView(authentication_classes=[Picky])

    def refused(**headers):
        request = RequestFactory().post("/mcp", headers=headers)
        answer = view.admit(request)
        assert answer.status == 401

    refused()
    assert caplog.messages == []
    for _ in range(50):
        refused(authorization="Bearer hunter2")
    clock[0] += 1
    refused(authorization="Bearer hunter2")

    reason = ("'*** is no Bearer token\\nof mine" + "!" * 200)[:200]
    assert caplog.messages == [
        f"401 at '/mcp': {reason}",
        f"401 at '/mcp': {reason} (49 more since the last line)",
    ]


@cases(
    ("authorization", "line"),
    [
        ("Token hunter2", "401 at '/mcp': 'Invalid token.'"),
        ("Token", "401 at '/mcp': 'Invalid token header. No credentials provided.'"),
        ("Bearer hunter2", "401 at '/mcp': 'Authentication required: the scheme is Token'"),
    ],
)
def test_the_log_says_once_why_credentials_are_refused(monkeypatch, caplog, authorization, line):
    monkeypatch.setattr(authentication, "refusals", authentication._Refusals())

    MCPView(authentication_classes=[TokenAuthentication]).admit(
        RequestFactory().post("/mcp", headers={"authorization": authorization})
    )

    assert caplog.messages == [line]


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


@cases("verb", VERBS)
@cases("path", ["/broken-authentication", "/broken-permission", "/broken-throttle"])
def test_a_policy_that_fails_is_500_in_json_and_its_exception_is_for_the_log(lane, path, verb, caplog):
    response = send(path, lane, verb)

    assert (response.status_code, response.content) == (500, wire.INTERNAL_ERROR)
    assert response.headers["content-type"] == "application/json"
    assert SECRET in caplog.text


# The functions


@cases(
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


@cases("wait", [0, 0.2, 1])
def test_a_wait_of_less_than_a_second_is_a_second(wait):
    reply = authentication.refuse(exceptions.Throttled(wait=wait), MCPView(), RequestFactory().post("/plain"))

    assert reply.headers == (("Retry-After", "1"),)


def test_a_principal_is_the_users_primary_key_and_nothing_that_a_client_says(ada):
    assert authentication.principal_key(ada) == f"user:{ada.pk}"
    assert authentication.principal_key(AnonymousUser()) == ""
    assert authentication.principal_key(None) == ""
    assert authentication.principal_key(User(username="unsaved")) == ""


def device(pk):
    row = Airport(pk=pk)
    row.is_authenticated = True
    return row


def test_rows_of_two_kinds_with_one_primary_key_are_two_principals():
    """An authenticator may give rows of another kind in the place of users."""
    stateless = TokenUser(JWT.for_user(User(pk=7)))
    keys = [authentication.principal_key(one) for one in (User(pk=7), device(7), stateless)]

    assert keys == ["user:7", "airports.airport:7", "rest_framework_simplejwt.models.TokenUser:7"]
    assert authentication.principal_key(SimpleLazyObject(lambda: User(pk=7))) == "user:7"
    assert authentication.principal_key(device(7), "c1") == "airports.airport:7:client:c1"


class Devices(BaseAuthentication):
    """Gives what is no user in its place."""

    def authenticate(self, request):
        return (device(int(request.headers["x-device"])), None) if "x-device" in request.headers else None


def test_a_device_does_not_find_the_session_of_the_user_with_its_primary_key(settings, lane, ada, token):
    both = [Devices, TokenAuthentication]
    routes = [path("mcp", endpoint(MCPServer("devices"), authentication_classes=both))]
    settings.ROOT_URLCONF = type("Routes", (), {"urlpatterns": routes})
    user = MCPClient("/mcp", era="handshake", headers={"authorization": f"Token {token}"}, **lane)
    thing = MCPClient("/mcp", era="handshake", headers={"x-device": str(ada.pk)}, **lane)
    user.initialize()

    thing.session_id = user.session_id
    assert thing.post(wire.request("ping")).status_code == 404
    assert user.request("ping") == {}


def test_no_part_of_a_principal_can_be_taken_for_another_or_is_too_long_for_its_column():
    """A client metadata document's URL is the id of its client, and may be any length."""
    url = "https://client.example.com/" + "x" * 300
    keys = [
        authentication.principal_key(User(pk=7), url),
        authentication.principal_key(User(pk=7), url + "x"),
        authentication.principal_key(User(pk=7), "a\x00b\ud800"),
        authentication.principal_key(User(pk="7:client:c1")),
        authentication.principal_key(User(pk="7" * 200), url),
        authentication.principal_key(User(pk=7), "c1"),
    ]

    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 255 and key.isprintable() for key in keys)
    hashed = authentication.principal_key(User(pk=7), url).partition(":client:")[2]
    assert authentication.principal_key(User(pk=7), hashed) != keys[0]
    assert [concerns("user:7", key) for key in keys] == [True, True, True, False, False, True]


def test_the_limits_of_a_principal_are_those_of_its_user():
    def account(user, client_id):
        return Principal(authentication.principal_key(user, client_id), user).account

    assert account(User(pk=7), "") == account(User(pk=7), "c1") == account(User(pk=7), "c2") == "user:7"
    assert account(device(7), "c1") == "airports.airport:7"
    assert account(AnonymousUser(), "c1:client:c2") == "client:c1:client:c2"
    assert account(AnonymousUser(), "") == ""


# Claims of a credential


@cases(
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
        ({"sub": "ada"}, ("user:7", "", set(), "", None)),
        ({"scp": "read write"}, ("user:7", "", {"read", "write"}, "", None)),
        ({"scope": None, "scp": ["read", "write"]}, ("user:7", "", {"read", "write"}, "", None)),
        (SimpleNamespace(payload={"sub": "ada"}), ("user:7", "", set(), "", None)),
    ],
)
def test_a_credential_says_of_the_principal_what_it_knows_and_never_itself(credential, expected):
    principal = authentication.principal_of(User(pk=7), credential)

    found = (principal.key, principal.client_id, principal.scopes, principal.token_id, principal.expires_at)
    assert found == expected


@cases(
    "claims",
    [
        *({"scope": scope} for scope in (5, True, {"read": True}, ["read", 5])),
        *({"exp": end} for end in ("9999999999", 1e308, float("inf"), float("nan"), -1e15, 10**400, True, [])),
    ],
)
def test_a_token_whose_scopes_or_end_are_none_opens_nothing(claims):
    with pytest.raises(exceptions.AuthenticationFailed):
        authentication.principal_of(User(pk=7), claims)


def test_a_client_without_a_user_has_sessions_of_its_own():
    assert authentication.principal_of(AnonymousUser(), {"client_id": "c1"}).key == "client:c1"


def test_what_changes_for_a_user_concerns_all_of_the_users_clients():
    assert [
        concerns(whose, "user:7:client:c1")
        for whose in ("*", "user:7", "user:7:client:c1", "user:70", "user:7:client:c")
    ] == [True, True, True, False, False]


def test_a_user_is_found_by_the_login_name(ada):
    assert authentication.user_named("ada") == ada
    for name in ("", "Ada", "a\0", "\udcff", "x" * 999):
        assert authentication.user_named(name) is None


def test_a_text_that_is_no_value_of_the_login_names_column_names_nobody(ada, monkeypatch):
    """Projects may sign users in by a number, or by a UUID."""
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    assert authentication.user_named(str(ada.pk)) == ada
    for name in ("ada", "", "1.5", "9" * 99, "\u0663\u0664"):
        assert authentication.user_named(name) is None
