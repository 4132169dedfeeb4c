"""Facts about sessions, and what an operator does to them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_mcp.contrib.operations.sessions import close_streams, facts_of, send_message, subscriptions_of
from django_mcp.models import Event, Session, Stream, Subscription
from django_mcp.storage import standalone
from tests.asgi.connections import Connection, on_a_loop, open_session
from tests.asgi.connections import standalone_stream as opened

pytestmark = pytest.mark.django_db


def row(state):
    return Session.objects.get(pk=state.pk)


def test_streams_and_waiting_events_are_counted(django_assert_num_queries):
    busy, idle = open_session(), open_session()
    later = timezone.now() + timedelta(minutes=1)
    Session.objects.filter(pk=busy.pk).update(stream_holder="h", stream_lease_until=later, stream_position="1.0")
    for number in range(3):
        standalone.publish(busy.pk, f"{number}")
    Stream.objects.create(session_id=busy.pk, key="a", request_id="1", lease_until=later)
    Stream.objects.create(session_id=busy.pk, key="b", request_id="2", lease_until=later, ended_at=timezone.now())
    Stream.objects.create(session_id=busy.pk, key="c", request_id="3", lease_until=timezone.now())
    sessions = [row(busy), row(idle)]
    facts = facts_of(sessions)

    assert (facts[busy.pk].streams, facts[busy.pk].waiting) == (2, 2)
    assert (facts[idle.pk].streams, facts[idle.pk].waiting) == (0, 0)
    assert facts_of([]) == {}
    assert Event.objects.count() == 3


def test_a_closed_stream_ends_and_another_sessions_stays():
    ours, theirs = open_session(), open_session()
    streams = [opened(ours, "one"), opened(theirs, "two")]

    async def talk():
        from asgiref.sync import sync_to_async

        from django_mcp.asgi.standalone import MCPConsumer

        one, two = (Connection(MCPConsumer(stream)) for stream in streams)
        for connection in (one, two):
            await connection.has(b"retry:")
        closed = await sync_to_async(close_streams)(Session.objects.filter(pk=ours.pk))
        await one.ends()
        assert not two.serving.done()
        await two.hangs_up()
        return [session.pk for session in closed]

    assert on_a_loop(talk) == [ours.pk]
    assert close_streams(Session.objects.all()) == []
    assert row(ours).is_active


def test_a_message_goes_to_live_sessions_alone(django_capture_on_commit_callbacks):
    live, ended = open_session(), open_session()
    Session.objects.filter(pk=ended.pk).update(expires_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        told = send_message(Session.objects.all(), "We stop at noon.")

    assert [session.pk for session in told] == [live.pk]
    (event,) = Event.objects.all()
    assert event.message == (
        '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"notice","logger":"operator",'
        '"data":"We stop at noon."}}'
    )


def test_subscriptions_are_listed_up_to_a_limit():
    session = open_session()
    Subscription.objects.bulk_create(
        Subscription(session_id=session.pk, uri=f"a://{number}", uri_key=f"{number:03}") for number in range(5)
    )
    assert subscriptions_of(row(session), limit=2) == ["a://0", "a://1"]
