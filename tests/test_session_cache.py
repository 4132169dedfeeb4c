"""The cache in front of the session table: what it spares, and that nobody is answered from it what the table no longer
says.
"""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import override_settings
from django.utils import timezone

from django_mcp import session_cache
from django_mcp.checks import check_session_cache
from django_mcp.models import Session
from django_mcp.storage import sessions
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = pytest.mark.django_db

OWNER = {"server": "test", "principal": "user:1"}
SHARED = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "x"}}


@pytest.fixture(autouse=True)
def cached(settings):
    settings.MCP_SESSION_CACHE = "default"
    cache.clear()
    yield
    cache.clear()


def open_session(user=None):
    return sessions.open(
        **OWNER, user=user, protocol_version="2025-11-25", client_info={"name": "x"}, client_capabilities={}
    )


def resume(session, **others):
    return sessions.resume(session.session_id, **{**OWNER, **others})


def test_a_session_that_was_found_is_found_again_without_a_query(django_assert_num_queries):
    session = open_session()
    with django_assert_num_queries(1):
        first = resume(session)

    with django_assert_num_queries(0):
        second = resume(session)
    assert first == second


def test_without_the_setting_the_table_is_asked_each_time(settings, django_assert_num_queries):
    settings.MCP_SESSION_CACHE = ""
    session = open_session()

    with django_assert_num_queries(2):
        resume(session)
        resume(session)


def test_a_session_of_somebody_else_is_not_there_from_the_cache_either():
    session = open_session()
    assert resume(session)

    assert resume(session, principal="user:2") is None
    assert resume(session, server="other") is None


@pytest.mark.parametrize(
    "end",
    [
        lambda session: sessions.terminate(session.session_id, **OWNER),
        lambda session: sessions.terminate_all(Session.objects.all()),
    ],
)
def test_a_session_that_ends_is_over_at_once(end):
    session = open_session()
    assert resume(session)

    end(session)

    assert resume(session) is None


def test_a_reader_that_is_late_does_not_bring_back_what_has_ended(monkeypatch):
    """It has read the row before it ended, and keeps it afterwards."""
    session, kept = open_session(), []
    keep = session_cache.keep
    monkeypatch.setattr(session_cache, "keep", lambda *entry: kept.append(entry))
    assert resume(session)
    sessions.terminate(session.session_id, **OWNER)

    keep(*kept[0])

    assert resume(session) is None


def test_a_password_that_was_changed_ends_a_session_that_is_in_the_cache():
    user = User.objects.create_user("ada", password="old")
    session = open_session(user)
    assert resume(session, user=user)
    user.set_password("new")
    user.save()

    assert resume(session, user=user) is None
    assert Session.objects.get().is_terminated


def test_what_is_written_is_read():
    session = open_session()
    assert resume(session)
    found = resume(session)
    found.state["count"] = 1
    sessions.save_state(found)
    assert resume(session).state == {"count": 1}

    sessions.set_log_level(session.session_id, "debug")
    assert resume(session).log_level == "debug"


def test_a_session_in_use_is_still_noted_to_be(settings):
    """One that is to be touched is not kept, so that the next request touches it."""
    session = open_session()
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))

    assert [resume(session).needs_touch for _ in range(2)] == [True, True]


def test_a_session_that_expires_before_its_entry_would_is_not_kept():
    session = open_session()
    Session.objects.update(expires_at=timezone.now() + timedelta(seconds=10))
    assert resume(session)
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert resume(session) is None


def test_no_key_of_the_cache_is_a_session_id(monkeypatch):
    keys = []
    monkeypatch.setattr(LocMemCache, "add", lambda self, key, *rest: keys.append(key))
    session = open_session()
    resume(session)

    assert len(keys) == 1
    assert session.session_id not in keys[0]


def fail(self, *arguments, **options):
    raise ConnectionError("away")


@pytest.mark.parametrize("broken", ["get", "add"])
def test_a_cache_that_is_away_is_gone_without(monkeypatch, caplog, broken):
    session = open_session()
    monkeypatch.setattr(LocMemCache, broken, fail)

    assert resume(session)
    sessions.terminate(session.session_id, **OWNER)
    assert resume(session) is None
    assert "The session cache 'default' does not answer" in caplog.text


def test_an_end_that_the_cache_did_not_hear_of_is_seen_half_a_minute_later(monkeypatch):
    session = open_session()
    assert resume(session)
    monkeypatch.setattr(LocMemCache, "set", fail)
    sessions.terminate(session.session_id, **OWNER)
    assert not Session.objects.active().exists()

    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert resume(session) is None


def test_a_conversation_is_the_same_with_it(lane):
    client = MCPClient("/mcp", era="handshake", **lane)
    client.initialize()
    facts = [client.call_tool("distance", {"origin": "LHR", "destination": "LHR"}).is_error for _ in range(2)]
    assert len(set(facts)) == 1

    known = client.session_id
    assert client.close().status_code == 200
    assert client.post(wire.request("ping"), {"mcp-session-id": known}).status_code == 404


def test_the_check_names_a_cache_that_there_is_none_of_and_one_that_is_not_shared(settings):
    assert [message.id for message in check_session_cache(None)] == ["django_mcp.W007"]
    settings.MCP_SESSION_CACHE = "nowhere"
    assert [message.id for message in check_session_cache(None)] == ["django_mcp.E008"]
    settings.MCP_SESSION_CACHE = ""
    assert check_session_cache(None) == []


def test_a_shared_cache_is_nothing_to_complain_of():
    with override_settings(CACHES=SHARED):
        assert check_session_cache(None) == []
