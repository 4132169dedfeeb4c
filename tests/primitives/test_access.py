"""`permission=` and `scopes=`: how they are read, and what they ask."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from rest_framework.permissions import IsAuthenticated

from django_mcp.primitives.access import make_access
from django_mcp.primitives.context import Caller, Principal
from tests.tables import cases


def caller(*permissions, scopes=None):
    user = SimpleNamespace(has_perm=permissions.__contains__, is_authenticated=True)
    return Caller(Principal("user:1", user, scopes=scopes), lambda: RequestFactory().post("/"))


ANYBODY = Caller(Principal("", AnonymousUser()), lambda: RequestFactory().post("/"))


def test_a_primitive_that_asks_nothing_has_no_access():
    assert make_access(None, (), "it") is None
    assert make_access([], [], "it") is None


@cases(
    ("permission", "permitted", "refused"),
    [
        ("shop.view_order", caller("shop.view_order"), caller("shop.change_order")),
        (["a.b", "c.d"], caller("a.b", "c.d"), caller("a.b")),
        (lambda principal: principal.key == "user:1", caller(), ANYBODY),
        (IsAuthenticated, caller(), ANYBODY),
        ([IsAuthenticated, "a.b"], caller("a.b"), caller()),
    ],
)
def test_a_permission_is_asked_of_the_caller(permission, permitted, refused):
    access = make_access(permission, (), "it")

    assert [access.permits(one) for one in (permitted, refused)] == [True, False]
    assert access.grants(refused)


def test_a_user_model_without_permissions_has_none():
    nobody = Caller(Principal("user:1", SimpleNamespace()), lambda: None)

    assert not make_access("a.b", (), "it").permits(nobody)


@cases(("scopes", "granted"), [(None, True), ({"a", "b", "c"}, True), ({"a"}, False), (frozenset(), False)])
def test_all_scopes_are_wanted_of_a_credential_that_has_any(scopes, granted):
    access = make_access(None, ["a", "b"], "it")

    assert access.grants(caller(scopes=scopes)) is granted
    assert access.permits(ANYBODY)


async def later(principal):
    return True


@cases("permission", ["view_order", "a.b.c", 5, object, dict, later, ["a.b", 5]])
def test_what_is_no_permission_says_what_to_write(permission):
    with pytest.raises(ImproperlyConfigured, match=r"^it: .*permission"):
        make_access(permission, (), "it")


def test_scopes_are_a_list():
    with pytest.raises(ImproperlyConfigured, match=r"it: scopes is a list: scopes=\['read'\]\."):
        make_access(None, "read", "it")
