"""Tokens in the admin: shown once, and revoked there."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_mcp.contrib.tokens.models import APIToken

pytestmark = pytest.mark.django_db
ADMIN = "/admin/django_mcp_tokens/apitoken/"


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def test_a_token_is_made_and_shown_once(admin_client, ada):
    page = admin_client.post(
        f"{ADMIN}add/",
        {"user": ada.pk, "name": "laptop", "scopes": "read", "expires_at_0": "", "expires_at_1": ""},
        follow=True,
    )

    [text] = set(re.findall(r"mcp_[\w-]{40,}", page.content.decode()))
    token = APIToken.objects.bearing(text)
    assert (token.name, token.user, token.scopes) == ("laptop", ada, "read")
    for address in (ADMIN, f"{ADMIN}{token.pk}/change/", f"{ADMIN}{token.pk}/history/"):
        shown = admin_client.get(address).content.decode()
        assert text not in shown
        assert token.digest not in shown
    assert text not in str(list(LogEntry.objects.values()))


def test_a_change_keeps_the_token_and_its_owner(admin_client, ada):
    token, text = APIToken.issue(ada, "laptop")
    admin_client.post(f"{ADMIN}{token.pk}/change/", {"name": "desk", "scopes": "", "user": 1})

    found = APIToken.objects.bearing(text)
    assert (found.name, found.user) == ("desk", ada)


def test_tokens_are_revoked(admin_client, ada):
    token, text = APIToken.issue(ada, "laptop")

    page = admin_client.post(ADMIN, {"action": "revoke", "_selected_action": [token.pk]}, follow=True)

    assert "1 revoked." in page.content.decode()
    assert APIToken.objects.bearing(text) is None
    assert LogEntry.objects.get().get_change_message() == "Revoked."
