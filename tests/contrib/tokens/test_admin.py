"""Tokens in the admin: shown once, and revoked there."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from django_mcp.contrib.tokens.models import APIToken

pytestmark = pytest.mark.django_db
ADMIN = "/admin/django_mcp_tokens/apitoken/"


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def staff(ada):
    """The admin, as somebody who may do all that there is to do with tokens, and nothing else, sees it."""
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    ada.user_permissions.set(Permission.objects.filter(content_type__app_label="django_mcp_tokens"))
    client = Client()
    client.force_login(ada)
    return client


def make(client, **fields):
    return client.post(
        f"{ADMIN}add/", {"name": "laptop", "scopes": "", "expires_at_0": "", "expires_at_1": "", **fields}
    )


def shown_in(page):
    [text] = set(re.findall(r"mcp_[\w-]{40,}", page.content.decode()))
    return text


def test_a_token_is_made_and_shown_once_in_the_response_itself(admin_client, ada):
    page = make(admin_client, user=ada.pk, scopes=" trips  airports:read")

    text = shown_in(page)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert text not in str(admin_client.cookies)
    token = APIToken.objects.bearing(text)
    assert (token.name, token.user, token.scopes) == ("laptop", ada, "trips airports:read")
    for address in (ADMIN, f"{ADMIN}{token.pk}/change/", f"{ADMIN}{token.pk}/history/"):
        shown = admin_client.get(address).content.decode()
        assert text not in shown
        assert token.digest not in shown
    assert text not in str(list(LogEntry.objects.values()))


def test_a_scope_that_no_server_knows_is_refused(admin_client, ada):
    page = make(admin_client, user=ada.pk, scopes="trips tirps").content.decode()

    assert "No server knows the scope &#x27;tirps&#x27;" in page
    assert "airports:read" in page
    assert not APIToken.objects.exists()


def test_a_change_keeps_the_token_its_owner_and_its_scopes(admin_client, ada):
    token, text = APIToken.issue(ada, "laptop", scopes=["trips"])
    change = {"name": "desk", "scopes": "", "user": 1, "expires_at_0": "", "expires_at_1": ""}
    assert admin_client.post(f"{ADMIN}{token.pk}/change/", change).status_code == 302

    found = APIToken.objects.bearing(text)
    assert (found.name, found.user, found.scopes) == ("desk", ada, "trips")


def test_staff_make_tokens_for_themselves_alone(staff, ada, admin_user):
    token = APIToken.objects.bearing(shown_in(make(staff, user=admin_user.pk)))

    assert token.user == ada


def test_staff_see_change_and_revoke_their_own_alone(staff, ada, admin_user):
    own, _ = APIToken.issue(ada, "hers")
    other, text = APIToken.issue(admin_user, "the root's")

    page = staff.get(ADMIN).content.decode()
    assert (own.start in page, other.start in page) == (True, False)
    for view in ("change", "delete", "history"):
        assert staff.get(f"{ADMIN}{own.pk}/{view}/").status_code == 200
        assert staff.get(f"{ADMIN}{other.pk}/{view}/").status_code == 302
    staff.post(ADMIN, {"action": "revoke", "_selected_action": [own.pk, other.pk]})
    assert [token.pk for token in APIToken.objects.alive()] == [other.pk]
    assert APIToken.objects.bearing(text) == other


def test_users_are_found_by_whatever_they_sign_in_with(admin_client, ada, monkeypatch):
    """Which need not be a username."""
    token, _ = APIToken.issue(ada, "laptop")
    User.objects.filter(pk=ada.pk).update(email="lovelace@example.com")
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")

    for text, found in (("lovelace", True), ("nobody", False), ("lap", True)):
        assert (token.start in admin_client.get(f"{ADMIN}?q={text}").content.decode()) is found


def test_tokens_are_revoked(admin_client, ada):
    token, text = APIToken.issue(ada, "laptop")

    page = admin_client.post(ADMIN, {"action": "revoke", "_selected_action": [token.pk]}, follow=True)

    assert "1 token is revoked." in page.content.decode()
    assert APIToken.objects.bearing(text) is None
    assert LogEntry.objects.get().get_change_message() == "Revoked."
