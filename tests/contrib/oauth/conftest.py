"""Clients that register themselves, at an authorization server that has counted none yet."""

import json

import pytest
from django.core.cache import cache
from django.test import Client


@pytest.fixture
def register():
    cache.clear()

    def register(body=None, headers=None, **metadata):
        document = {
            "client_name": "Another",
            "redirect_uris": ["https://client.example.com/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            **metadata,
        }
        body = json.dumps(document) if body is None else body
        return Client().post("/oauth/register/", body, content_type="application/json", headers=headers)

    yield register
    cache.clear()
