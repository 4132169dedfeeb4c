"""A client that the project knows, its user, and clients that register themselves."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from oauth2_provider.models import Application

from tests.contrib.oauth.visits import CALLBACK


@pytest.fixture
def register():
    cache.clear()

    def register(body=None, headers=None, **metadata):
        document = {
            "client_name": "Another",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            **metadata,
        }
        body = json.dumps(document) if body is None else body
        return Client().post("/oauth/register/", body, content_type="application/json", headers=headers)

    yield register
    cache.clear()


@pytest.fixture
def application():
    return Application.objects.create(
        name="A client",
        client_id="the-client",
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=f"{CALLBACK} http://127.0.0.1/callback cursor://app/callback",
    )


@pytest.fixture
def browser(application):
    browser = Client()
    browser.force_login(User.objects.create_user("ada"))
    return browser
