"""A call that is made again passes through all the rules, as the person who asks."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory

from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.replay import CannotReplay, is_complete, replay
from django_mcp.contrib.audit.writer import flush
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.contrib.audit.urls")]


@pytest.fixture
def person():
    return get_user_model().objects.create_user("ada", is_staff=True)


def again(call, person, arguments=None):
    request = RequestFactory().post("/admin/")
    request.user, request.session = person, SessionStore()
    return replay(call, arguments or {}, request)


def test_it_is_the_persons_own_call_and_audited_as_one(make_call, person):
    done = again(make_call(name="whoami"), person)

    assert (done.status, done.is_ok) == (200, True)
    assert done.answer["result"]["content"][0]["text"] == "You are ada"
    flush()
    row = Call.objects.order_by("pk").last()
    assert (row.name, row.outcome, row.user_name, row.client_name, row.path) == (
        "whoami",
        "ok",
        "ada",
        "admin",
        "/calls",
    )


def test_permissions_are_the_persons(make_call, person):
    call = make_call(name="guarded")
    assert not again(call, person).is_ok

    person.user_permissions.add(Permission.objects.get(codename="add_user"))
    assert again(call, get_user_model().objects.get(pk=person.pk)).is_ok


def test_a_resource_is_read_again(make_call, person):
    done = again(make_call(method="resources/read", name="note://7"), person)

    assert done.answer["result"]["contents"][0]["text"] == "Note 7"


@cases(("path", "status"), [("/pageless", 401), ("/throttled", 429), ("/view", 200)])
def test_the_rules_of_the_endpoint_hold(make_call, path, status):
    person = get_user_model().objects.get_or_create(username="ada", is_staff=True)[0]

    assert again(make_call(name="whoami", path=path), person).status == status


@cases(
    ("values", "message"),
    [
        ({"path": "/gone"}, "There is no endpoint at /gone any more."),
        ({"path": "/admin/"}, "There is no endpoint at /admin/ any more."),
        ({"path": "/old"}, "The endpoint serves clients with a session alone."),
        ({"method": "completion/complete"}, "completion/complete is not made again."),
    ],
)
def test_a_call_that_cannot_be_made_says_why(make_call, values, message):
    person = get_user_model().objects.get_or_create(username="ada", is_staff=True)[0]

    with pytest.raises(CannotReplay) as caught:
        again(make_call(**values), person)

    assert str(caught.value) == message


@cases(
    ("arguments", "complete"), [({"a": "b"}, True), ({"a": ["[redacted]"]}, False), ({"a": "x… (9 characters)"}, False)]
)
def test_a_row_knows_whether_it_has_all_arguments(arguments, complete):
    assert is_complete(Call(arguments=arguments)) is complete
