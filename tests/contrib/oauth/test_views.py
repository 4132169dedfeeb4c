"""The authorization server's endpoints: consent, tokens, registration, metadata."""

import base64
import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from oauth2_provider.models import AccessToken, Application, Grant
from oauth2_provider.settings import oauth2_settings

from tests.contrib.oauth.visits import CALLBACK, HERE, answer, ask, redeem, request, told
from tests.tables import cases

pytestmark = pytest.mark.django_db


class FetchedClient:
    """Stands in for the web: what a client's metadata document says."""

    def fetch(self, client_id):
        document = {"client_id": client_id, "client_name": "A web client", "redirect_uris": [CALLBACK]}
        return {**document, "token_endpoint_auth_method": "none"}, 300


# Consent


def test_the_page_shows_what_is_asked_for_and_by_whom(browser):
    page = ask(browser)

    text = page.content.decode()
    for shown in ("A client", "client.example.com", HERE, "Look up airports", "ada", "has chosen its name itself"):
        assert shown in text
    assert page["X-Frame-Options"] == "DENY"
    assert page["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(
    ("redirect_uri", "warning"),
    [
        ("http://127.0.0.1:5173/callback", "runs on your own computer"),
        ("cursor://app/callback", "You will be sent to an app"),
    ],
)
def test_the_page_warns_of_clients_that_anybody_could_be(browser, redirect_uri, warning):
    assert warning in ask(browser, redirect_uri=redirect_uri).content.decode()


def test_who_has_not_signed_in_is_sent_to_do_so(application):
    response = ask(Client())

    assert response["Location"].startswith("/accounts/login/?next=/oauth/authorize/")


def test_the_client_cannot_have_the_page_passed_over(browser, application):
    code = told(answer(browser))["code"]
    assert redeem(code).status_code == 200

    assert ask(browser, approval_prompt="auto").status_code == 200


@pytest.mark.parametrize("name", ["Claude\u202e\n(verified)", "x" * 101, ""])
def test_a_name_that_could_deceive_is_not_shown_however_it_came_to_the_table(browser, application, name):
    Application.objects.update(name=name)
    page = ask(browser).content.decode()

    assert "Allow the-client to act for you?" in page
    assert not name or name not in page


def test_a_name_is_text_and_no_markup(browser, application):
    Application.objects.update(name="<script>alert(1)</script>")

    assert b"<script>alert" not in ask(browser).content


def test_allowed_the_client_gets_a_code_and_the_issuer(browser):
    answered = told(answer(browser))

    assert (answered["iss"], answered["state"]) == ("http://testserver", "s t")
    assert Grant.objects.get(code=answered["code"]).resource == [HERE]


def test_denied_the_client_gets_an_error_and_the_issuer(browser):
    answered = told(answer(browser, allow=False))

    assert (answered["error"], answered["iss"], answered["state"]) == ("access_denied", "http://testserver", "s t")
    assert not Grant.objects.exists()


@cases(
    ("parameters", "error"),
    [
        ({"resource": "https://elsewhere.example.com/mcp"}, "invalid_target"),
        ({"resource": "http://testserver/"}, "invalid_target"),
        ({"resource": "http://testserver/mcp"}, "invalid_target"),
        ({"resource": "http://testserver/secure/mcp/deeper"}, "invalid_target"),
        ({"resource": "http://[testserver/secure/mcp"}, "invalid_target"),
        ({"resource": "mcp"}, "invalid_target"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ],
    undone=True,
)
def test_what_cannot_be_granted_is_told_to_the_client_with_the_issuer(browser, parameters, error):
    answered = told(ask(browser, **parameters))

    assert (answered["error"], answered["iss"], answered["state"]) == (error, "http://testserver", "s t")
    assert answer(browser, **parameters).status_code in (302, 400)
    assert not Grant.objects.exists()


ERRORS = [
    ({"prompt": "none"}, "login_required"),
    ({"prompt": "none", "scope": "everything"}, "invalid_scope"),
    ({"scope": "everything"}, "invalid_scope"),
    ({"resource": "mcp"}, "invalid_target"),
]


def way_back(response):
    """Where the page with an error lets its user go."""
    assert (response.status_code, response.get("Location")) == (400, None)
    [link] = re.findall(r'<a href="([^"]+)"', response.content.decode())
    return {name: values[0] for name, values in parse_qs(urlsplit(html.unescape(link)).query).items()}


def test_nobody_is_sent_to_a_client_that_registered_itself_without_having_said_yes(browser, application):
    """RFC 9700 section 4.11.2: anybody can register an address, and send people there by a link to this site."""
    Application.objects.update(registration_source="dcr")

    for parameters, error in ERRORS:
        visitor = Client() if error == "login_required" else browser
        answered = way_back(ask(visitor, **parameters))
        assert (answered["error"], answered["iss"], answered["state"]) == (error, "http://testserver", "s t")
    # Here the user has answered.
    assert told(answer(browser, allow=False))["error"] == "access_denied"
    assert redeem(told(answer(browser))["code"]).status_code == 200
    for parameters, error in ERRORS[1:]:
        assert told(ask(browser, **parameters))["error"] == error
    # Another user has not.
    other = Client()
    other.force_login(User.objects.create_user("eve"))
    assert way_back(ask(other, scope="everything"))["error"] == "invalid_scope"


def test_a_client_that_the_project_registered_is_told_at_once(application):
    assert told(ask(Client(), prompt="none"))["error"] == "login_required"


@cases("parameters", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example.com/"}, {"client_id": None}])
def test_a_client_or_an_address_that_is_not_known_is_never_redirected_to(browser, parameters):
    for response in (ask(browser, **parameters), ask(browser, resource="mcp", **parameters)):
        assert response.status_code in (400, 401)
        assert "Location" not in response


def test_a_request_that_names_no_resource_means_the_only_one(browser):
    page = ask(browser, resource=None)

    assert HERE in page.content.decode()


def test_a_resource_taken_out_of_the_form_is_missed(browser):
    assert told(answer(browser, resource=None))["error"] == "invalid_target"


def test_a_token_response_is_json_that_is_not_kept(browser):
    for response in (redeem(told(answer(browser))["code"]), redeem("x"), redeem("x", resource="mcp")):
        assert response["Content-Type"].startswith("application/json")
    assert redeem("x")["Cache-Control"] == "no-store"


def test_a_plain_challenge_gets_no_code(browser):
    answered = answer(browser, code_challenge_method="plain")

    assert answered.status_code == 400 or "error" in told(answered)
    assert not Grant.objects.exists()


@cases("missing", ["client_id", "redirect_uri"], undone=True)
def test_a_form_that_was_tampered_with_is_shown_to_the_user_alone(browser, missing):
    for value in ("", "https://evil.example.com/"):
        response = browser.post("/oauth/authorize/", {**request(), missing: value, "allow": "true"})
        assert response.status_code == 400
        assert b"cannot be answered" in response.content
    assert not Grant.objects.exists()


# Tokens


def test_a_code_becomes_tokens_for_the_resource_once(browser):
    code = told(answer(browser))["code"]

    issued = redeem(code)
    assert issued.status_code == 200
    assert issued["Access-Control-Allow-Origin"] == "*"
    body = issued.json()
    assert (body["scope"], body["token_type"], body["expires_in"]) == ("airports:read", "Bearer", 3600)
    saved = AccessToken.objects.get()
    assert saved.resource == [HERE]
    assert body["access_token"] not in (saved.token or "")


def test_without_scopes_the_least_is_asked_for(browser):
    page = ask(browser, scope=None).content.decode()

    assert "Look up airports" in page
    assert "See and change your trips" not in page


@cases(
    "parameters",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": None},
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example.com/"},
        {"resource": "http://testserver/mcp"},
    ],
    undone=True,
)
def test_a_code_is_good_for_its_own_client_and_request_alone(browser, parameters):
    response = redeem(told(answer(browser))["code"], **parameters)

    assert response.status_code in (400, 401)
    assert "error" in response.json()
    assert not AccessToken.objects.exists()


def test_a_grant_for_two_resources_becomes_no_token(browser):
    code = told(answer(browser))["code"]
    Grant.objects.update(resource=[HERE, "http://testserver/other/mcp"])

    response = redeem(code, resource=None)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")
    assert not AccessToken.objects.exists()


def test_no_code_goes_over_http_to_another_machine_whatever_is_registered(browser, application):
    Application.objects.update(redirect_uris="http://plain.example.com/cb")

    for response in (
        ask(browser, redirect_uri="http://plain.example.com/cb"),
        answer(browser, redirect_uri="http://plain.example.com/cb"),
        answer(browser, redirect_uri="http://plain.example.com/cb", allow=False),
    ):
        assert response.status_code == 400
    assert not Grant.objects.exists()


@cases(
    "parameters",
    [{"code_challenge": "x" * 500}, {"code_challenge": "x"}, {"nonce": "n" * 500}, {"state": "s" * 5000}],
    undone=True,
)
def test_what_no_column_can_hold_is_refused(browser, parameters):
    response = answer(browser, **parameters)

    assert response.status_code in (302, 400)


@cases("name", ["client_id", "redirect_uri", "state", "scope", "resource", "code_challenge"])
def test_a_character_that_no_database_can_look_for_is_refused(browser, name):
    assert ask(browser, **{name: "a\x00b"}).status_code == 400
    assert answer(browser, **{name: "a\x00b"}).status_code == 400
    assert redeem("a\x00b").status_code == 400
    assert Client().post("/oauth/revoke/", {"token": "\x00", "client_id": "the-client"}).status_code == 400


def test_a_client_id_that_no_database_can_look_for_is_refused_in_a_header_too(application):
    basic = {"Authorization": f"Basic {base64.b64encode(b'a%00b:secret').decode()}"}

    for path, fields in (("token", {"grant_type": "authorization_code", "code": "x"}), ("revoke", {"token": "x"})):
        response = Client().post(f"/oauth/{path}/", fields, headers=basic)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_other_grants_are_not_given(browser, application):
    for fields in (
        {"grant_type": "password", "username": "ada", "password": "x"},
        {"grant_type": "client_credentials"},
        {"grant_type": "nonsense"},
        {},
    ):
        response = Client().post("/oauth/token/", {"client_id": "the-client", **fields})
        assert response.status_code in (400, 401)
        assert "error" in response.json()


def test_a_token_is_revoked(browser):
    issued = redeem(told(answer(browser))["code"]).json()

    response = Client().post("/oauth/revoke/", {"token": issued["access_token"], "client_id": "the-client"})

    assert response.status_code == 200
    assert not AccessToken.objects.exists()


# Registration


MARKET = {
    "Claude": (
        ["https://claude.ai/api/mcp/auth_callback"],
        "https://claude.ai/api/mcp/auth_callback",
    ),
    "Claude Code": (["http://localhost:54545/callback"], "http://localhost:61001/callback"),
    "ChatGPT": (
        ["https://chatgpt.com/connector_platform_oauth_redirect"],
        "https://chatgpt.com/connector_platform_oauth_redirect",
    ),
    "Cursor": (
        [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ],
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ),
    # On a port that is free, not always on the one that it registered.
    "VS Code": (
        [
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
        ],
        "http://127.0.0.1:59656/",
    ),
}
"""The metadata that clients in the field register, and where they are redirected to (their documentation and
issues).
"""


@cases("client", MARKET, undone=True)
def test_a_client_of_the_market_registers_and_gets_its_code(browser, register, client):
    uris, uri = MARKET[client]
    registered = register(redirect_uris=uris, client_name=client, application_type="native")
    assert registered.status_code == 201
    asked = {"client_id": registered.json()["client_id"], "redirect_uri": uri}

    assert client in ask(browser, **asked).content.decode()
    assert answer(browser, **asked)["Location"].startswith(f"{uri}?code=")


def test_a_client_that_was_deleted_is_told_to_register_again(browser, register):
    """Claude takes 401 `invalid_client` from the token endpoint as the sign of it."""
    client_id = register().json()["client_id"]
    Application.objects.filter(client_id=client_id).delete()

    response = Client().post(
        "/oauth/token/", {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id}
    )
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_the_url_of_a_clients_own_document_is_its_id(browser, monkeypatch):
    monkeypatch.setattr(oauth2_settings, "CIMD_METADATA_FETCHER", FetchedClient)

    page = ask(browser, client_id="https://app.example.org/client.json").content.decode()

    assert "A web client" in page
    assert "app.example.org" in page
    assert "has chosen its name itself" in page


# Metadata


def test_the_metadata_is_at_the_root_and_says_what_there_is():
    response = Client().get("/.well-known/oauth-authorization-server")

    assert response["Access-Control-Allow-Origin"] == "*"
    document = response.json()
    assert document["issuer"] == "http://testserver"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert document["scopes_supported"] == ["airports:read", "trips"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["client_id_metadata_document_supported"] is True
    assert document["registration_endpoint"] == "http://testserver/oauth/register/"
    assert Client().get("/.well-known/oauth-authorization-server/tenant").status_code == 404


def test_the_issuer_is_one_string_wherever_it_is_named(browser, settings):
    settings.MCP_PUBLIC_URL = "https://api.example.com"
    public = {"resource": "https://api.example.com/secure/mcp"}

    named = {
        Client().get("/.well-known/oauth-authorization-server").json()["issuer"],
        *Client().get("/.well-known/oauth-protected-resource/secure/mcp").json()["authorization_servers"],
        told(answer(browser, **public))["iss"],
        told(answer(browser, allow=False, **public))["iss"],
    }
    assert named == {"https://api.example.com"}
