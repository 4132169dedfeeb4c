"""The content of the page for one person."""

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.test import RequestFactory

from django_mcp import default_server as airports
from django_mcp.page.shown import Badge, show
from django_mcp.primitives.context import Caller, Principal
from tests.servers import guarded, hostile, plain

pytestmark = pytest.mark.django_db


def shown_to(server, user=None, scopes=None):
    request = RequestFactory().get("/")
    request.user = user or AnonymousUser()
    return show(server, Caller(Principal("", request.user, scopes=scopes), lambda: request))


def keys(shown):
    return {kind: [entry.key for one in groups.values() for entry in one] for kind, groups in shown.groups.items()}


def test_a_person_sees_what_a_client_of_theirs_would_see(django_user_model):
    ada = django_user_model.objects.create_user("ada")
    assert keys(shown_to(guarded, scopes=frozenset())) == {"tools": ["open_door"]}

    ada.user_permissions.add(Permission.objects.get(codename="view_group"))

    assert keys(shown_to(guarded, ada)) == {
        "tools": ["open_door", "count_groups", "rename_group"],
        "resources": ["secret://motto"],
        "resourceTemplates": ["secret://{name}"],
        "prompts": ["secret_prompt"],
    }


def test_somebody_whom_the_endpoint_does_not_let_in_sees_no_primitive():
    assert keys(show(plain, None)) == {}


def test_badges_tell_hints_permissions_and_scopes(django_user_model):
    admin = django_user_model.objects.create_superuser("admin")
    tools = [entry for group in shown_to(guarded, admin).groups["tools"].values() for entry in group]
    badges = {tool.key: [f"{one.kind} {one.text}" for one in tool.badges] for tool in tools}

    assert badges["open_door"] == ["danger may destroy"]
    assert badges["sync_staff"] == ["danger may destroy", "permission auth.view_group", "permission a rule"]
    assert badges["rename_group"] == ["danger may destroy", "scope groups:read", "scope groups:write"]
    (markup,) = [
        entry for group in shown_to(hostile).groups["tools"].values() for entry in group if entry.key == "huge"
    ]
    assert markup.badges == (Badge("hint", "read only"),)


def test_entries_are_grouped_by_toolset_and_by_app(django_user_model):
    groups = shown_to(airports, django_user_model.objects.create_superuser("admin")).groups["tools"]

    assert "search_airports" in [entry.key for entry in groups["Airports"]]
    assert "delete_trip_plan" in [entry.key for entry in groups["TripPlans"]]


def test_the_size_is_that_of_the_instructions_and_of_every_definition():
    shown = shown_to(hostile)
    entries = [entry for kinds in shown.groups.values() for group in kinds.values() for entry in group]

    assert shown.size == len(hostile.instructions) + sum(entry.size for entry in entries)
    assert shown.tokens == -(-shown.size // 4)
