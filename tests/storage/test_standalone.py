"""Sessions' standalone streams: who holds them, how far they have come, and what is new in them, many at a time."""

import pytest
from django.contrib.auth.models import User

from django_mcp.models import Session
from django_mcp.storage import changes, events, sessions, standalone, subscriptions
from django_mcp.storage.changes import UPDATED
from django_mcp.storage.events import STANDALONE, Position, Stored
from django_mcp.storage.standalone import OpenStream, StreamUpdate
from tests.storage.rows import NOW, TOOLS_CHANGED, after

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


TOLD = f'{{"jsonrpc":"2.0","method":"{TOOLS_CHANGED}"}}'
URI = "airport://AMS"


@pytest.fixture
def session():
    return open_session()


def open_session(principal="user:1", user=None, server="airports"):
    return sessions.open(
        server=server,
        principal=principal,
        user=user,
        protocol_version="2025-11-25",
        client_info={"name": "test", "version": "1"},
        client_capabilities={},
    )


def start(event=0, change=0):
    return Position(STANDALONE, event, change)


def held(session, position=None, holder="first"):
    return OpenStream(session.pk, session.server, session.principal, holder, position or start())


def taken(session, position=None, holder="first"):
    """The stream of a session, held."""
    assert standalone.take(session.pk, holder, force=True)
    return held(session, position, holder)


def end(session):
    Session.objects.filter(pk=session.pk).update(terminated_at=NOW, expires_at=NOW)


def updated(uri):
    return f'{{"jsonrpc":"2.0","method":"{UPDATED}","params":{{"uri":"{uri}"}}}}'


def is_over(stream):
    return standalone.read([stream])[0].is_over


# Holding


def test_one_connection_at_a_time_has_the_stream(session):
    assert standalone.take(session.pk, "first", force=False)
    assert not standalone.take(session.pk, "second", force=False)

    assert not is_over(held(session, holder="first"))
    assert is_over(held(session, holder="second"))


def test_the_stream_can_be_taken_by_force(session):
    """A client that comes back is quicker than the server's knowledge that it was gone."""
    first, second = taken(session), taken(session, holder="second")

    assert [news.is_over for news in standalone.read([first, second])] == [True, False]
    assert [news.is_over for news in standalone.renew([first, second])] == [True, False]


def test_a_lease_that_has_run_out_is_anybodys(session, clock):
    taken(session)
    clock.move_to(after(seconds=44))
    assert not standalone.take(session.pk, "second", force=False)
    clock.move_to(after(seconds=45))

    assert standalone.take(session.pk, "second", force=False)


def test_a_lease_lasts_as_long_as_it_is_renewed(session, clock):
    stream = taken(session)
    for seconds in (40, 80, 120):
        clock.move_to(after(seconds=seconds))
        assert not standalone.renew([stream])[0].is_over

    assert not standalone.take(session.pk, "second", force=False)


def test_a_holder_that_is_asked_renews_its_lease_by_reading(session, clock):
    stream = taken(session)
    clock.move_to(after(seconds=10))
    asked = standalone.ask_holder(session.pk)
    assert asked == standalone.lease_of(session.pk) == standalone.Lease("first", after(seconds=45))

    standalone.read([stream])

    assert standalone.lease_of(session.pk) == standalone.Lease("first", after(seconds=55))
    assert not standalone.take_from_dead(session.pk, "second", asked)


def test_one_of_those_who_asked_in_vain_takes_the_stream(session):
    taken(session)
    asked = standalone.ask_holder(session.pk)

    assert standalone.take_from_dead(session.pk, "second", asked)
    assert not standalone.take_from_dead(session.pk, "third", asked)


def test_a_released_lease_is_anybodys(session):
    stream = taken(session)
    standalone.release(stream)

    assert is_over(stream)
    assert standalone.take(session.pk, "second", force=False)


def test_who_lost_the_lease_cannot_release_it(session):
    first, second = taken(session, start(7)), taken(session, holder="second")
    standalone.release(first)

    assert not is_over(second)
    assert standalone.last_position(session.pk) == start()


def test_a_session_that_has_ended_has_no_stream(session):
    stream = taken(session)
    end(session)

    assert is_over(stream)
    assert standalone.renew([stream]) == [StreamUpdate(start(), is_over=True)]
    assert not standalone.take(session.pk, "second", force=True)


@pytest.mark.parametrize(
    "note", [standalone.release, lambda stream: standalone.renew([stream])], ids=["release", "renew"]
)
def test_what_was_written_is_where_the_next_stream_begins(session, note):
    assert standalone.last_position(session.pk) == start()

    note(taken(session, start(3, 17)))

    assert standalone.last_position(session.pk) == start(3, 17)


def test_a_session_that_is_gone_has_been_delivered_nothing(session):
    Session.objects.all().delete()

    assert standalone.last_position(session.pk) == start()


def test_streams_are_renewed_each_with_its_own_place():
    opened = [open_session() for _ in range(3)]
    streams = [taken(session, start(number), f"holder {number}") for number, session in enumerate(opened)]
    standalone.take(opened[1].pk, "another", force=True)

    assert [news.is_over for news in standalone.renew(streams)] == [False, True, False]
    assert [standalone.last_position(session.pk) for session in opened] == [start(), start(), start(2)]


def test_of_two_connections_of_a_session_the_later_says_what_was_delivered(session):
    first, second = taken(session, start(7)), taken(session, start(2), holder="second")

    standalone.renew([first, second])

    assert standalone.last_position(session.pk) == start(2)


def test_an_open_stream_keeps_its_session_alive_and_writes_so_now_and_then(session, clock):
    stream = taken(session)
    clock.move_to(after(seconds=50))
    standalone.renew([stream])
    assert Session.objects.get().last_seen_at == NOW

    clock.move_to(after(seconds=70))
    standalone.renew([stream])

    row = Session.objects.get()
    assert (row.last_seen_at, row.expires_at) == (after(seconds=70), after(seconds=70 + 3600))


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}], ids=["inactive", "new password"])
def test_the_session_of_a_user_who_may_no_longer_come_in_is_ended(change):
    ada, bob = User.objects.create_user("ada"), User.objects.create_user("bob")
    hers, his, nobodys = taken(open_session(user=ada)), taken(open_session(user=bob)), taken(open_session())
    User.objects.filter(pk=ada.pk).update(**change)

    assert [news.is_over for news in standalone.renew([hers, his, nobodys])] == [True, False, False]
    assert [row.is_terminated for row in Session.objects.order_by("pk")] == [True, False, False]


# Reading


def read(stream):
    (news,) = standalone.read([stream])
    return news.stored, news.position


def test_published_messages_are_read_in_order(session):
    for text in "abc":
        standalone.publish(session.pk, text)

    expected = [Stored(start(number), text) for number, text in enumerate("abc", 1)]
    assert read(taken(session)) == (expected, start(3))
    assert read(held(session, start(2))) == (expected[2:], start(3))
    assert read(held(session, start(3))) == ([], start(3))


def test_a_change_comes_after_what_was_sent(session):
    changes.record_change("airports", TOOLS_CHANGED)
    standalone.publish(session.pk, "a")

    assert read(taken(session)) == ([Stored(start(1, 0), "a"), Stored(start(1, 1), TOLD)], start(1, 1))


def test_changes_are_heard_by_those_whom_they_concern():
    for server, principal in [("airports", "*"), ("airports", "user:1"), ("airports", "user:2"), ("other", "*")]:
        changes.record_change(server, TOOLS_CHANGED, principal=principal)
    streams = [taken(open_session(principal)) for principal in ("user:1", "user:2", "")]
    streams.append(taken(open_session(server="other"), start(0, 0)))

    news = standalone.read(streams)

    assert [[item.position.change for item in one.stored] for one in news] == [[1, 2], [1, 3], [1], [1]]
    assert [one.position for one in news] == [start(0, 3)] * 3 + [start(0, 1)]


def test_a_change_that_a_session_does_not_want_is_passed(session):
    changes.record_change("airports", TOOLS_CHANGED, principal="user:2")
    changes.record_change("airports", UPDATED, uri=URI)

    assert read(taken(session)) == ([], start(0, 2))


def test_a_new_session_hears_of_the_changes_to_come_only():
    changes.record_change("airports", TOOLS_CHANGED)
    session = open_session()
    assert standalone.last_position(session.pk) == start(0, 1)
    changes.record_change("airports", TOOLS_CHANGED)

    assert read(taken(session, standalone.last_position(session.pk))) == ([Stored(start(0, 2), TOLD)], start(0, 2))


def test_an_update_is_heard_by_those_who_subscribed_to_that_resource(session):
    other = open_session()
    subscriptions.subscribe(session.pk, URI)
    subscriptions.subscribe(other.pk, "airport://LHR")
    changes.record_change("airports", UPDATED, uri="airport://LHR")
    changes.record_change("airports", UPDATED, uri=URI)

    first, second = standalone.read([taken(session), taken(other)])

    assert first.stored == [Stored(start(0, 2), updated(URI), uri=URI)]
    assert second.stored == [Stored(start(0, 1), updated("airport://LHR"), uri="airport://LHR")]


def test_each_stream_is_read_from_its_own_place():
    opened = [open_session() for _ in range(3)]
    for session in opened:
        for text in "abc":
            standalone.publish(session.pk, text)
            events.append(session.pk, "key", ord(text), [text.upper()])
    for _ in range(3):
        changes.record_change("airports", TOOLS_CHANGED)

    news = standalone.read([taken(session, start(number, 3 - number)) for number, session in enumerate(opened)])

    assert [[item.message for item in one.stored] for one in news] == [
        ["a", "b", "c"],
        ["b", "c", TOLD],
        ["c", TOLD, TOLD],
    ]
    assert [one.position for one in news] == [start(3, 3)] * 3


def test_a_connection_hears_nothing_twice_because_an_older_one_of_its_session_is_behind(session):
    for text in "abc":
        standalone.publish(session.pk, text)
    older, newer = taken(session, start(0), "older"), taken(session, start(2), "newer")

    news = standalone.read([older, newer])

    assert news == [StreamUpdate(start(0), is_over=True), StreamUpdate(start(3), [Stored(start(3), "c")])]


def test_streams_that_are_far_behind_catch_up_in_steps(monkeypatch):
    monkeypatch.setattr(standalone, "EVENTS_LIMIT", 4)
    opened = [open_session() for _ in range(3)]
    for session in opened:
        for text in "abc":
            standalone.publish(session.pk, text)
    streams = [taken(session) for session in opened]
    told, more = [[], [], []], []
    for size in (4, 4, 1):
        found = standalone.read(streams)
        assert sum(len(news.stored) for news in found) == size
        more.append([news.has_more for news in found])
        for messages, news in zip(told, found, strict=True):
            messages += [item.message for item in news.stored]
        streams = [held(session, news.position) for session, news in zip(opened, found, strict=True)]

    assert told == [["a", "b", "c"]] * 3
    assert more == [[False, True, True], [False, False, True], [False, False, False]]


def test_many_changes_are_read_in_steps_whether_or_not_a_session_wants_them(session, monkeypatch):
    monkeypatch.setattr(changes, "READ_LIMIT", 2)
    for uri in ("", URI, URI):
        changes.record_change("airports", UPDATED if uri else TOOLS_CHANGED, uri=uri)

    assert standalone.read([taken(session)]) == [StreamUpdate(start(0, 2), [Stored(start(0, 1), TOLD)], has_more=True)]
    assert standalone.read([held(session, start(0, 2))]) == [StreamUpdate(start(0, 3))]


def test_nothing_is_asked_for_nobody():
    assert standalone.read([]) == []
    assert standalone.renew([]) == []


# The cost of reading


def test_reading_takes_three_queries_however_many_streams_there_are(django_assert_num_queries):
    """One query for the leases, one for their events, one for the server's changes. Only updates of resources query the
    subscriptions.
    """
    streams = [taken(open_session()) for _ in range(5)]
    changes.record_change("airports", TOOLS_CHANGED)
    with django_assert_num_queries(3):
        standalone.read(streams)

    changes.record_change("airports", UPDATED, uri=URI)
    with django_assert_num_queries(4):
        standalone.read(streams)


def test_renewing_takes_three_queries_more(django_assert_num_queries):
    streams = [taken(open_session(), start(1)) for _ in range(5)]

    with django_assert_num_queries(6):
        standalone.renew(streams)
