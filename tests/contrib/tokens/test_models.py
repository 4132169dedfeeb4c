"""API tokens: what is kept of them, and what opens."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_mcp.contrib.tokens.models import APIToken
from django_mcp.models import Session
from django_mcp.storage.sessions import open as open_session
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def test_a_token_is_returned_once_and_kept_as_a_hash(ada):
    row, text = APIToken.issue(ada, "laptop", scopes=["read", "write"])

    assert text.startswith("mcp_")
    assert len(text) > 40
    row.refresh_from_db()
    assert text not in str(vars(row))
    assert (row.start, str(row), row.scopes) == (text[:10], f"laptop ({text[:10]}…)", "read write")
    assert APIToken.objects.bearing(text) == row


def test_two_tokens_are_never_the_same(ada):
    assert len({APIToken.issue(ada, "x")[1] for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"revoked_at": timezone.now()},
        {"digest": "0" * 64},
    ],
)
def test_what_has_ended_opens_nothing(ada, change):
    row, text = APIToken.issue(ada, "x")
    APIToken.objects.filter(pk=row.pk).update(**change)

    assert APIToken.objects.bearing(text) is None


def test_a_token_of_a_user_who_was_deactivated_opens_nothing(ada):
    _, text = APIToken.issue(ada, "x")
    User.objects.update(is_active=False)

    assert APIToken.objects.bearing(text) is None


def test_users_without_a_column_that_says_so_are_active(ada, monkeypatch):
    _, text = APIToken.issue(ada, "x")
    fields = [field for field in User._meta.get_fields() if field.name != "is_active"]
    User.objects.update(is_active=False)
    monkeypatch.setattr(User._meta, "get_fields", lambda: fields)

    assert APIToken.objects.bearing(text) is not None


@cases("text", ["", "mcp_", "mcp_\x00", "mcp_\ud800", "x" * 10_000], undone=True)
def test_what_is_no_token_opens_nothing(ada, text):
    APIToken.issue(ada, "x")

    assert APIToken.objects.bearing(text) is None


def test_use_is_noted_at_most_once_in_five_minutes(ada, django_assert_num_queries):
    row, _ = APIToken.issue(ada, "x")
    now = timezone.now()

    row.note_use(now)
    row.refresh_from_db()
    assert row.last_used_at == now
    with django_assert_num_queries(0):
        row.note_use(now + timedelta(minutes=4))
    row.note_use(now + timedelta(minutes=6))
    row.refresh_from_db()
    assert row.last_used_at == now + timedelta(minutes=6)


def test_revoked_the_sessions_of_that_token_end_and_of_no_other(ada, django_capture_on_commit_callbacks):
    first, second = APIToken.issue(ada, "a")[0], APIToken.issue(ada, "b")[0]
    opened = [
        open_session(
            server="s",
            principal=f"user:{ada.pk}:client:{token.client_id}",
            user=ada,
            protocol_version="2025-11-25",
            client_info={},
            client_capabilities={},
        )
        for token in (first, second)
    ]
    with django_capture_on_commit_callbacks(execute=True):
        first.revoke()

    assert first.revoked_at is not None
    assert [session.pk for session in Session.objects.active()] == [opened[1].pk]
