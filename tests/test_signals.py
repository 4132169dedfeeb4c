"""Which signal is sent when. A receiver cannot change the request that sent it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models.signals import post_delete, post_save

import django_mcp
from django_mcp import default_server, signals
from django_mcp.contrib.tokens.models import APIToken
from django_mcp.models import Session
from django_mcp.signals import session_expired, session_opened, session_terminated
from django_mcp.storage import purge, sessions

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNALS = {"opened": session_opened, "terminated": session_terminated, "expired": session_expired}


@pytest.fixture
def heard():
    """The signals that were sent, in order: (name of the signal, its arguments)."""
    messages = []

    def receiver(name):
        def receive(signal, **arguments):
            messages.append((name, arguments))

        return receive

    receivers = {name: receiver(name) for name in SIGNALS}
    for name, signal in SIGNALS.items():
        signal.connect(receivers[name])
    yield messages
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name])


def open_session(principal="user:1", user=None):
    return sessions.open(
        server="airports",
        principal=principal,
        user=user,
        protocol_version="2025-11-25",
        client_info={"name": "test", "version": "1"},
        client_capabilities={},
        now=NOW,
    )


def test_opening_and_terminating_are_told_with_whose_session_it_is(heard):
    user = get_user_model().objects.create_user("ada")
    session = open_session(user=user)
    whose = {
        "sender": Session,
        "session_id": session.session_id,
        "server": "airports",
        "principal": "user:1",
        "user_id": user.pk,
    }
    assert heard == [("opened", whose)]

    sessions.terminate(session.session_id, server="airports", principal="user:1", now=NOW)
    assert heard == [("opened", whose), ("terminated", {**whose, "session_pk": session.pk})]


def test_sessions_that_are_terminated_together_are_told_one_by_one(heard):
    live, ended = open_session(), open_session(principal="user:2")
    sessions.terminate(ended.session_id, server="airports", principal="user:2", now=NOW)
    del heard[:]

    sessions.terminate_all(Session.objects.all(), now=NOW)

    whose = {"server": "airports", "principal": "user:1", "user_id": None}
    told = {"sender": Session, "session_pk": live.pk, "session_id": live.session_id, **whose}
    assert heard == [("terminated", told)]


def test_terminating_twice_is_told_once(heard):
    session = open_session()

    for _ in range(2):
        sessions.terminate(session.session_id, server="airports", principal="user:1", now=NOW)

    assert [name for name, _ in heard] == ["opened", "terminated"]


def test_a_refused_session_is_not_told(heard, settings):
    settings.MCP_MAX_SESSIONS = 0

    with pytest.raises(sessions.TooManySessions):
        open_session()

    assert heard == []


def test_purged_expired_sessions_are_told_once_a_batch(heard):
    opened = [open_session().session_id for _ in range(5)]
    heard.clear()

    purge.purge(batch_size=2, now=NOW + timedelta(days=1))

    assert [name for name, _ in heard] == ["expired"] * 3
    assert [len(arguments["session_ids"]) for _, arguments in heard] == [2, 2, 1]
    assert sorted(i for _, arguments in heard for i in arguments["session_ids"]) == sorted(opened)


def test_purged_terminated_sessions_were_told_when_they_ended(heard):
    session = open_session()
    sessions.terminate(session.session_id, server="airports", principal="user:1", now=NOW)
    heard.clear()

    purge.purge(now=NOW + timedelta(days=1))

    assert heard == []


def save_a_watched_row():
    default_server.watch(Group, "group://{name}")
    Group.objects.create(name="watched")


def purge_one():
    open_session()
    purge.purge(now=NOW + timedelta(days=1))


OCCASIONS = {
    "session_opened": open_session,
    "session_terminated": lambda: sessions.terminate(
        open_session().session_id, server="airports", principal="user:1", now=NOW
    ),
    "session_expired": purge_one,
    "session_message": lambda: Session.objects.get(pk=open_session().pk).send("notifications/message"),
    "server_changed": save_a_watched_row,
    "credential_ended": lambda: APIToken.issue(get_user_model().objects.create_user("ada"), "laptop")[0].revoke(),
}
"""The package's own code that sends each signal."""


@pytest.mark.parametrize("name", signals.__all__)
def test_a_receiver_that_fails_is_logged_and_fails_nothing(name, caplog):
    def receiver(**arguments):
        raise RuntimeError("mail server is down")

    signal = getattr(signals, name)
    signal.connect(receiver)
    try:
        OCCASIONS[name]()
    finally:
        signal.disconnect(receiver)
        for moment in (post_save, post_delete):
            moment.disconnect(sender=Group, dispatch_uid=("django_mcp", default_server.name, "group://{name}"))

    assert "mail server is down" in caplog.text


def test_no_module_sends_a_signal_so_that_a_receiver_could_fail_it():
    sources = [path.read_text() for path in Path(django_mcp.__file__).parent.rglob("*.py")]
    said = [call for source in sources for name in signals.__all__ for call in re.findall(rf"{name}\.send\w*", source)]

    assert said
    assert {call.rpartition(".")[2] for call in said} == {"send_robust"}
