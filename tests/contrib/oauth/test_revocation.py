"""A client whose last token is gone loses its sessions; one that refreshes its token does not."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application, RefreshToken

from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.models import Session
from django_mcp.primitives.context import Principal
from django_mcp.storage.sessions import open as open_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def application():
    return Application.objects.create(name="x", client_id="the-client", client_type="public")


@pytest.fixture
def session(ada):
    def begin(client="the-client"):
        principal = f"user:{ada.pk}:client:{client}"
        named = {"server": "s", "principal": principal, "user": ada, "protocol_version": "2025-11-25"}
        return open_session(**named, client_info={}, client_capabilities={})

    return begin


def issue(user, application, text="token"):
    return AccessToken.objects.create(
        user=user,
        application=application,
        token=text,
        token_checksum=hashlib.sha256(text.encode()).hexdigest(),
        expires=timezone.now() + timedelta(hours=1),
    )


def live():
    return set(Session.objects.active().values_list("pk", flat=True))


def test_the_last_token_takes_the_clients_sessions_with_it(
    ada, application, session, django_capture_on_commit_callbacks
):
    token = issue(ada, application)
    session()
    other = session("another-client")

    with django_capture_on_commit_callbacks(execute=True):
        token.revoke()

    assert live() == {other.pk}


def test_a_token_that_is_replaced_takes_nothing_with_it(ada, application, session, django_capture_on_commit_callbacks):
    token, mine = issue(ada, application), session()

    with django_capture_on_commit_callbacks(execute=True):
        token.revoke()
        issue(ada, application, "new")

    assert live() == {mine.pk}


def test_a_refresh_token_keeps_the_sessions_until_it_is_revoked(
    ada, application, session, django_capture_on_commit_callbacks
):
    token, mine = issue(ada, application), session()
    refreshing = RefreshToken.objects.create(user=ada, application=application, token="r", access_token=token)
    with django_capture_on_commit_callbacks(execute=True):
        AccessToken.objects.filter(pk=token.pk).delete()
    assert live() == {mine.pk}

    with django_capture_on_commit_callbacks(execute=True):
        refreshing.refresh_from_db()
        refreshing.revoke()
    assert live() == set()


def test_a_client_that_is_deleted_takes_its_sessions_and_those_of_nobody_else(
    ada, application, session, django_capture_on_commit_callbacks
):
    token = issue(ada, application)
    RefreshToken.objects.create(user=ada, application=application, token="refresh", access_token=token)
    session()
    other = session("another-client")

    with django_capture_on_commit_callbacks(execute=True):
        application.delete()

    assert live() == {other.pk}


def test_a_user_who_is_deleted_takes_the_tokens_along(ada, application, session, django_capture_on_commit_callbacks):
    issue(ada, application)
    session()

    with django_capture_on_commit_callbacks(execute=True):
        ada.delete()

    assert live() == set()


def test_a_task_goes_on_while_its_client_has_a_token(ada, application):
    token, principal = issue(ada, application), Principal(f"user:{ada.pk}:client:the-client", ada, "the-client")
    still_admits = OAuthAuthentication().still_admits
    assert still_admits(principal)
    assert not still_admits(Principal(principal.key, ada, "another-client"))

    refreshing = RefreshToken.objects.create(user=ada, application=application, token="r", access_token=token)
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert still_admits(principal)
    refreshing.revoke()
    assert not still_admits(principal)

    own = issue(ada, None, "own")
    assert still_admits(Principal(f"user:{ada.pk}", ada, token_id=str(own.pk)))
    gone = str(own.pk)
    own.delete()
    assert not still_admits(Principal(f"user:{ada.pk}", ada, token_id=gone))
