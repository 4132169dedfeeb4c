"""Users, whatever the project's own are like."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import models

from django_mcp.contrib.tokens.models import APIToken
from django_mcp.contrib.tokens.users import find_user, has_field

pytestmark = pytest.mark.django_db


def test_a_user_is_found_by_the_field_that_is_signed_in_with(monkeypatch):
    ada = User.objects.create_user("ada", email="ada@example.com")
    assert (find_user("ada"), find_user("bob")) == (ada, None)
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert (find_user("ada@example.com"), find_user("ada")) == (ada, None)
    # A manager of the project's own may know no natural keys, and the field may be no text.
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    manager = models.Manager()
    manager.model = User
    monkeypatch.setattr(User._meta, "default_manager", manager)
    assert (find_user(str(ada.pk)), find_user("ada"), find_user(str(uuid.uuid4()))) == (ada, None, None)


def test_users_without_a_column_that_says_so_are_active(monkeypatch):
    _, text = APIToken.issue(User.objects.create_user("ada", is_active=False), "x")
    assert APIToken.objects.bearing(text) is None

    monkeypatch.setattr("django_mcp.contrib.tokens.models.has_field", lambda name: False)
    assert APIToken.objects.bearing(text) is not None
    assert (has_field("is_active"), has_field("is_awake")) == (True, False)
