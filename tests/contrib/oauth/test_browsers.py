"""Clients in browsers: the requests that they may make, and the headers and parameters that no client may send."""

import pytest
from django.test import Client

from tests.tables import cases

pytestmark = pytest.mark.django_db


def test_browsers_may_ask_from_anywhere():
    response = Client().options("/oauth/token/", headers={"origin": "https://app.example.com"})

    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response


@cases("path", ["token", "revoke", "register"])
def test_a_character_that_no_database_keeps_is_refused_in_json(path):
    response = Client().post(f"/oauth/{path}/", {"client_id": "a\x00b"}, headers={"origin": "https://app.example.com"})

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert response["Access-Control-Allow-Origin"] == "*"
