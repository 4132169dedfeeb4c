"""Clients that register themselves: what they may say, how often, and what that costs."""

import base64
import json

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from oauth2_provider.cimd import CIMDError, SafeMetadataFetcher
from oauth2_provider.models import Application
from oauth2_provider.settings import oauth2_settings

from django_mcp.contrib.oauth.documents import DocumentFetcher

pytestmark = pytest.mark.django_db

CALLBACK = "https://client.example.com/callback"
DECEIVING = [
    {"client_name": "a\u202eb"},
    {"client_name": "a\nb"},
    {"client_name": "x" * 101},
    {"client_name": ["x"]},
    {"redirect_uris": ["http://evil.example.com/cb"]},
    {"redirect_uris": [CALLBACK, "http://evil.example.com/"]},
    {"redirect_uris": [r"https://evil.example.com\@client.example.com/"]},
    {"redirect_uris": [f"{CALLBACK}/{number}" for number in range(11)]},
    {"redirect_uris": [f"{CALLBACK}/{'x' * 2000}"]},
    {"redirect_uris": [5]},
    {"redirect_uris": 5},
    {"grant_types": ["password"]},
    {"grant_types": ["implicit"]},
    {"grant_types": [["authorization_code"]]},
]


def test_a_client_registers_itself(register):
    response = register()

    assert response.status_code == 201
    assert Application.objects.get().client_id == response.json()["client_id"]
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1234/cb", "http://localhost/cb", "http://[::1]/cb", "vscode://x/cb"])
def test_a_redirect_to_the_same_machine_or_an_app_is_taken(register, uri):
    assert register(redirect_uris=[uri]).status_code == 201


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "ftp://x/"])
def test_a_redirect_of_a_scheme_that_is_not_admitted_is_refused(register, uri):
    assert register(redirect_uris=[uri]).status_code == 400


def test_what_could_deceive_is_refused_from_a_new_client(register, settings):
    settings.MCP_OAUTH_REGISTRATIONS_PER_ADDRESS = None

    for metadata in DECEIVING:
        response = register(**metadata)
        assert (metadata, response.status_code) == (metadata, 400)
        assert response.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")
    assert not Application.objects.exists()


def test_what_could_deceive_is_refused_from_a_client_that_changes_its_registration(register):
    own = register().json()

    def put(**metadata):
        body = {"client_name": "Another", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **metadata}
        token = f"Bearer {own['registration_access_token']}"
        return Client().put(
            f"/oauth/register/{own['client_id']}/",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": token},
        )

    for metadata in [*DECEIVING, {"client_name": "a\0b"}]:
        assert (metadata, put(**metadata).status_code) == (metadata, 400)
    assert Application.objects.get().name == "Another"
    assert put(client_name="Renamed").status_code == 200
    assert Application.objects.get().name == "Renamed"


def test_what_could_deceive_is_refused_in_a_clients_document(monkeypatch):
    document = {"client_id": "https://app.example.org/client.json", "client_name": "A", "redirect_uris": [CALLBACK]}

    for metadata in DECEIVING:
        said = {**document, **metadata}
        monkeypatch.setattr(SafeMetadataFetcher, "fetch", lambda self, client_id, said=said: (said, 300))
        with pytest.raises(CIMDError):
            DocumentFetcher().fetch(document["client_id"])
    monkeypatch.setattr(SafeMetadataFetcher, "fetch", lambda self, client_id: (document, 300))
    assert DocumentFetcher().fetch(document["client_id"]) == (document, 300)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "5", '{"redirect_uris": 5}', "\x00", "[" * 60_000, '{"a": ' + "[" * 30_000, "9" * 5000]
)
def test_what_is_no_registration_is_refused_in_json(register, body):
    response = register(body)

    assert response.status_code == 400
    assert "error" in response.json()


def test_a_body_that_is_too_long_or_a_form_is_refused(register):
    response = Client().post("/oauth/register/", {"client_name": "A form"})

    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")
    assert register(logo_uri="x" * 66_000).status_code == 400


def test_an_address_registers_so_many_an_hour_whatever_it_says_of_itself(register):
    for number in range(30):
        assert register(headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code == 201
    response = register(headers={"X-Forwarded-For": "192.0.2.99"})

    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert response.json()["error"] == "temporarily_unavailable"


def test_all_together_register_so_many_an_hour(register, settings):
    settings.MCP_OAUTH_REGISTRATIONS, settings.REST_FRAMEWORK = 2, {"NUM_PROXIES": 1}

    answers = [register(headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def basic(client_id, secret):
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def test_no_registration_and_no_guess_of_its_secret_costs_what_hashing_a_password_does(register, monkeypatch):
    monkeypatch.setattr(MD5PasswordHasher, "encode", None)
    code = {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK}

    assert "client_secret" not in register().json()
    own = register(token_endpoint_auth_method="client_secret_basic").json()
    secrets = {"right": own["client_secret"], "wrong": "guess", "kept": Application.objects.last().client_secret}
    answers = {
        name: Client().post("/oauth/token/", code, headers=basic(own["client_id"], secret)).json()["error"]
        for name, secret in secrets.items()
    }
    assert answers == {"right": "invalid_grant", "wrong": "invalid_client", "kept": "invalid_client"}
    assert own["client_secret"] not in Application.objects.last().client_secret


def test_registration_can_be_off(register, monkeypatch):
    monkeypatch.setattr(oauth2_settings, "DCR_ENABLED", False)

    assert register().status_code == 404
    assert "registration_endpoint" not in Client().get("/.well-known/oauth-authorization-server").json()
