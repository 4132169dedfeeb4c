"""No token is issued for nothing in particular."""

import pytest
from django.contrib.auth.models import User
from oauth2_provider.models import AccessToken, Application
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error

from django_mcp.contrib.oauth.validators import Validator

pytestmark = pytest.mark.django_db


def issue(**attributes):
    request = Request("/oauth/token/")
    request.user = User.objects.create_user("ada")
    request.client = Application.objects.create(name="x", client_type="public")
    request.grant_type = "client_credentials"
    request.scopes = ["airports:read"]
    for name, value in attributes.items():
        setattr(request, name, value)
    Validator().save_bearer_token({"access_token": "token", "expires_in": 60, "scope": "airports:read"}, request)


def test_a_token_for_a_resource_is_saved():
    issue(resource="https://example.com/mcp")

    assert AccessToken.objects.get().resource == ["https://example.com/mcp"]


def test_a_token_for_none_is_not_saved():
    with pytest.raises(CustomOAuth2Error) as refused:
        issue()

    assert refused.value.error == "invalid_target"
    assert not AccessToken.objects.exists()
