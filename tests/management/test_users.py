"""The users whom commands name, whatever the project's own users are like."""

import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import models

from django_mcp.management.users import find_user

pytestmark = pytest.mark.django_db


def nobody(name):
    with pytest.raises(CommandError, match=f"There is no user '{name}'."):
        find_user(name)


def test_a_user_is_found_by_the_field_that_is_signed_in_with(monkeypatch):
    ada = User.objects.create_user("ada", email="ada@example.com")
    assert find_user("ada") == ada
    nobody("bob")
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert find_user("ada@example.com") == ada
    nobody("ada")


def test_that_field_may_be_no_text_and_the_manager_one_that_knows_no_names(monkeypatch):
    ada = User.objects.create_user("ada")
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    nobody("ada")
    manager = models.Manager()
    manager.model = User
    monkeypatch.setattr(User._meta, "default_manager", manager)
    assert find_user(str(ada.pk)) == ada
    nobody("ada")
