"""Clients that register themselves: what they may say, how often, and what that costs."""

import json

import pytest
from django.test import Client
from oauth2_provider.models import Application
from oauth2_provider.settings import oauth2_settings

from tests.contrib.oauth.test_clients import DECEIVING
from tests.contrib.oauth.visits import CALLBACK
from tests.tables import cases

pytestmark = pytest.mark.django_db


def test_a_client_registers_itself(register):
    response = register()

    assert response.status_code == 201
    assert Application.objects.get().client_id == response.json()["client_id"]
    assert response["Access-Control-Allow-Origin"] == "*"


@cases("uri", ["http://127.0.0.1:1234/cb", "http://localhost/cb", "http://[::1]/cb", "vscode://x/cb"], undone=True)
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


@cases("body", ["", "{", "[]", "5", '{"redirect_uris": 5}', "\x00", "[" * 60_000, '{"a": ' + "[" * 30_000, "9" * 5000])
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


def test_registration_can_be_off(register, monkeypatch):
    monkeypatch.setattr(oauth2_settings, "DCR_ENABLED", False)

    assert register().status_code == 404
    assert "registration_endpoint" not in Client().get("/.well-known/oauth-authorization-server").json()
