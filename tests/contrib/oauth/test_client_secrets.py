"""The secrets of clients that registered themselves."""

import base64

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, identify_hasher
from django.test import Client
from oauth2_provider.models import Application

from tests.contrib.oauth.visits import CALLBACK

pytestmark = pytest.mark.django_db


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


def test_the_secret_of_a_client_that_the_project_registered_is_hashed_as_its_passwords_are(application):
    assert identify_hasher(application.client_secret)
