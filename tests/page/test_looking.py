"""The page as another user sees it."""

import json
import re

import pytest
from django.contrib.auth.models import Permission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.page.urls")]

ALL = ["open_door", "count_groups", "sync_staff", "admins_only", "rename_group"]


@pytest.fixture
def looker(staff):
    """Staff who may look as other users, and do nothing else."""
    staff.user_permissions.add(Permission.objects.get(codename="look_as_user"))
    return staff


@pytest.fixture
def ada(ada):
    ada.user_permissions.add(Permission.objects.get(codename="view_group"))
    return ada


@pytest.fixture
def root(django_user_model):
    return django_user_model.objects.create_superuser("root")


def tools(response):
    """The tools that a page lists, and those whose definitions it holds."""
    page = response.content.decode()
    listed = re.findall(r'data-kind="tools" data-key="([^"]+)"', page)
    data = json.loads(re.search(r'<script id="mcp-data" type="application/json">(.*?)</script>', page)[1])
    assert listed == list(data["definitions"].get("tools", {}))
    return listed


def test_staff_with_the_permission_see_what_another_user_would_list(browser, looker, ada, caplog):
    browser.sign_in(looker)

    assert tools(browser.open("/guarded")) == ["open_door", "admins_only", "rename_group"]
    seen = browser.open("/guarded?as=ada")

    assert (seen.status_code, tools(seen)) == (200, ["open_door", "count_groups", "rename_group"])
    assert b"You look as <b>ada</b>" in seen.content
    assert b"You are <b>staff</b>" in seen.content
    assert [one.getMessage() for one in caplog.records] == ["'staff' looks at '/guarded' as 'ada'"]


def test_looking_is_refused_alike_and_logged(browser, looker, ada, root, django_user_model, caplog, settings):
    """Whether there is no such user, or one whom the person may not look as; with DEBUG too."""
    settings.DEBUG = True
    django_user_model.objects.create_user("gone", is_active=False)
    plain = django_user_model.objects.create_user("plain", is_staff=True)
    ada.user_permissions.add(Permission.objects.get(codename="look_as_user"))

    for who, as_whom in (
        (ada, "plain"),
        (plain, "ada"),
        (looker, "root"),
        (looker, "gone"),
        (looker, "nobody"),
        (looker, "x" * 999),
    ):
        refused = browser.sign_in(who).open(f"/guarded?as={as_whom}")

        assert (refused.status_code, tools(refused)) == (403, []), (who, as_whom)
        assert f"There is no user <b>{as_whom}</b> as whom you may look.".encode() in refused.content
    said = [one.getMessage() for one in caplog.records if one.name == "django_mcp"]
    assert ["was not let look at" in one for one in said] == [True] * 6


def test_a_superuser_looks_as_anybody(browser, root, ada, django_user_model):
    django_user_model.objects.create_superuser("other")

    assert tools(browser.sign_in(root).open("/guarded?as=ada")) == ["open_door", "count_groups", "rename_group"]
    assert tools(browser.open("/guarded?as=other")) == ALL


def test_nobody_acts_as_somebody_else(browser, looker, ada):
    """A call from there is refused, whoever's rights would allow it; and a call without it is the person's own."""
    browser.sign_in(looker).open("/token?as=ada")

    refused = browser.call("/token?as=ada")
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        403,
        "Looking as another user is looking alone: call as yourself.",
    )
    assert browser.call("/token").json()["result"]["structuredContent"]["user"] == "staff"


def test_an_endpoint_that_refuses_the_other_user_shows_nothing(browser, looker, ada):
    refused = browser.sign_in(looker).open("/staff-only?as=ada")

    assert (tools(refused), b"This endpoint does not let this user in." in refused.content) == ([], True)
    assert tools(browser.open("/staff-only")) != []


def test_code_that_lists_for_a_user_is_handed_no_session_of_the_person_who_looks(browser, looker, ada):
    browser.sign_in(looker)

    assert tools(browser.open("/seen-by")) == ["of_staff", "of_a_session"]
    assert tools(browser.open("/seen-by?as=ada")) == ["of_ada"]
