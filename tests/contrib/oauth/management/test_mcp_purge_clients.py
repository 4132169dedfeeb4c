"""Which OAuth clients are deleted: those that registered themselves and that nobody has let in."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken

from django_mcp.contrib.oauth.management.commands import mcp_purge_clients
from tests.tables import cases

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=31)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def client(name, source=Application.RegistrationSource.DCR, at=LONG_AGO):
    with time_machine.travel(at, tick=False):
        return Application.objects.create(
            name=name, client_type="public", authorization_grant_type="authorization-code", registration_source=source
        )


def token(application, *, expires):
    user, _ = User.objects.get_or_create(username="ada")
    return AccessToken.objects.create(user=user, application=application, token=application.name, expires=expires)


def purge(**options):
    said = StringIO()
    call_command("mcp_purge_clients", stdout=said, **options)
    return said.getvalue()


def left():
    return sorted(Application.objects.values_list("name", flat=True))


def test_clients_that_nobody_lets_in_any_more_are_deleted_with_what_is_left_of_them():
    client("registered")
    client("document", Application.RegistrationSource.CIMD)
    token(client("expired"), expires=NOW - timedelta(seconds=1))
    revoked = client("revoked")
    RefreshToken.objects.create(user=User.objects.get(), application=revoked, token="r", revoked=LONG_AGO)

    assert purge() == "Purged 4 clients.\n"
    assert left() == []
    assert (AccessToken.objects.count(), RefreshToken.objects.count()) == (0, 0)


def test_those_that_are_let_in_new_or_yours_stay():
    token(client("token"), expires=NOW + timedelta(hours=1))
    user = User.objects.get()
    RefreshToken.objects.create(user=user, application=client("refresh"), token="r")
    Grant.objects.create(user=user, application=client("code"), code="c", expires=NOW + timedelta(seconds=60))
    client("new", at=NOW - timedelta(days=29))
    client("yours", Application.RegistrationSource.MANUAL)

    assert purge() == "Purged 0 clients.\n"
    assert left() == ["code", "new", "refresh", "token", "yours"]


def test_one_can_look_first_and_choose_the_age():
    client("young", at=NOW - timedelta(days=3))

    assert purge(days=2, dry_run=True) == "Would purge 1 client.\n"
    assert left() == ["young"]
    assert purge(days=2) == "Purged 1 client.\n"
    assert purge(days=0, verbosity=0) == ""


def test_many_go_in_batches(monkeypatch):
    monkeypatch.setattr(mcp_purge_clients, "BATCH", 2)
    for number in range(5):
        client(str(number))

    assert purge() == "Purged 5 clients.\n"


def test_one_that_is_let_in_meanwhile_stays(monkeypatch):
    """Between finding it and deleting it a user says yes."""
    lucky = client("lucky")
    unused, answers = mcp_purge_clients.unused, []

    def find(before):
        answers.append(before)
        if len(answers) == 2:
            token(lucky, expires=NOW + timedelta(hours=1))
        return unused(before)

    monkeypatch.setattr(mcp_purge_clients, "unused", find)

    assert purge() == "Purged 0 clients.\n"
    assert left() == ["lucky"]


@cases("days", [-1, 40_000])
def test_an_age_that_is_none_is_refused(days):
    with pytest.raises(CommandError, match="--days is a number from 0 to 36500"):
        purge(days=days)


def test_clients_that_registered_over_http_go_too_though_they_may_still_change_their_registration(register):
    """A registration has a token of its own, with which nobody has let the client in."""
    with time_machine.travel(LONG_AGO, tick=False):
        for name in ("never", "admitted"):
            assert register(client_name=name).status_code == 201
    token(Application.objects.get(name="admitted"), expires=NOW + timedelta(hours=1))
    assert [days_of(one) for one in AccessToken.objects.filter(user=None)] == [30, 30]
    AccessToken.objects.update(expires=NOW + timedelta(days=400))

    assert purge() == "Purged 1 client.\n"
    assert left() == ["admitted"]


def days_of(token):
    return (token.expires - token.created).days
