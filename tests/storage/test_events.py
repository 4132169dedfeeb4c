"""Events of a session's streams: each stream reads its own back, in order and without gaps."""

import pytest
from django.db import IntegrityError

from django_mcp.exceptions import UnknownEvent
from django_mcp.models import Event, Session, Stream
from django_mcp.storage import changes, events, standalone
from django_mcp.storage.changes import UPDATED
from django_mcp.storage.events import STANDALONE, Position, Stored
from tests.storage.rows import NOW, TOOLS_CHANGED, after, kept, open_session
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def start(event=0, change=0):
    return Position(STANDALONE, event, change)


def read(session, position):
    return events.read_after(position, session)


def said(session, position):
    """The messages after a position, as text."""
    return [stored.message for stored in read(session, position)]


def end(session):
    Session.objects.filter(pk=session).update(terminated_at=NOW, expires_at=NOW)


def updated(uri):
    return f'{{"jsonrpc":"2.0","method":"{UPDATED}","params":{{"uri":"{uri}"}}}}'


# Positions


@cases(
    ("position", "event_id"),
    [
        (Position("k", 0), "k:0"),
        (Position("k-_3", 17), "k-_3:17"),
        (Position(STANDALONE, 0, 0), "s:0.0"),
        (Position(STANDALONE, 3, 40), "s:3.40"),
    ],
)
def test_an_event_id_names_the_stream_and_the_place_in_it(position, event_id):
    assert position.event_id == event_id


@cases(("event", "change"), [(0, 0), (1, 0), (0, 2), (2, 1), (2, 2)], undone=True)
def test_an_event_id_of_the_standalone_stream_is_located_where_it_was_given(session, event, change):
    for number in range(2):
        standalone.publish(session, str(number))
        changes.record_change("airports", TOOLS_CHANGED)

    position = start(event, change)
    assert events.locate(session, "airports", position.event_id) == position


def test_every_event_id_of_a_posts_stream_is_located_where_it_was_given(session):
    key = events.new_key()
    stored = events.append(session, key, 1, ["a", "b", "c"])

    assert [events.locate(session, "airports", item.position.event_id) for item in stored] == [
        Position(key, 1),
        Position(key, 2),
        Position(key, 3),
    ]


def test_a_posts_stream_can_be_gone_on_from_before_its_first_event(session):
    events.append(session, "k", 1, ["a"])

    assert events.locate(session, "airports", "k:0") == Position("k", 0)


def test_the_standalone_stream_can_be_gone_on_from_before_anything_was_said(session):
    assert events.locate(session, "airports", "s:0.0") == start()


@cases(
    "event_id",
    [
        pytest.param("", id="empty"),
        pytest.param("k", id="no number"),
        pytest.param("k:", id="an empty number"),
        pytest.param(":1", id="no stream"),
        pytest.param("k:-1", id="a negative number"),
        pytest.param("k:+1", id="a sign"),
        pytest.param("k: 1", id="a space"),
        pytest.param("k:1x", id="trailing text"),
        pytest.param("k:1.0", id="a change in a POST's stream"),
        pytest.param("k:1.", id="an empty change in a POST's stream"),
        pytest.param("k:1:1", id="two numbers"),
        pytest.param("k:٢", id="a digit that is not ASCII"),
        pytest.param("k:²", id="a superscript"),
        pytest.param("k:" + "1" * 19, id="a number of 19 digits"),
        pytest.param("k:" + "1" * 5000, id="a number of 5000 digits"),
        pytest.param("k" * 33 + ":1", id="a key too long"),
        pytest.param("K:1", id="a key in another case"),
        pytest.param("k:3", id="beyond the last event"),
        pytest.param("other:1", id="an unknown stream"),
        pytest.param("other:0", id="before the first event of an unknown stream"),
        pytest.param("s:1", id="a standalone id without a change"),
        pytest.param("s:.0", id="a standalone id without an event"),
        pytest.param("s:0.x", id="a standalone id with text"),
        pytest.param("s:0.0.0", id="a standalone id with three numbers"),
        pytest.param("s:2.0", id="beyond the last standalone event"),
        pytest.param("s:0.2", id="beyond the last change"),
    ],
    undone=True,
)
def test_an_event_id_that_was_never_given_is_unknown(session, event_id):
    events.append(session, "k", 1, ["a", "b"])
    standalone.publish(session, "x")
    changes.record_change("airports", TOOLS_CHANGED)

    with pytest.raises(UnknownEvent):
        events.locate(session, "airports", event_id)


def test_an_event_id_is_of_use_in_its_own_session_only(session):
    events.append(session, "k", 1, ["a"])
    standalone.publish(session, "x")
    other = open_session().pk

    for event_id in ("k:1", "s:1.0"):
        with pytest.raises(UnknownEvent):
            events.locate(other, "airports", event_id)


def test_a_change_is_located_among_those_of_its_own_server(session):
    changes.record_change("other", TOOLS_CHANGED)

    with pytest.raises(UnknownEvent):
        events.locate(session, "airports", "s:0.1")


def test_an_event_id_whose_successors_were_trimmed_is_unknown(session, settings):
    settings.MCP_EVENTS_PER_SESSION = 2
    for number in range(5):
        standalone.publish(session, str(number))
    events.trim(session)

    assert events.locate(session, "airports", "s:3.0") == start(3)
    with pytest.raises(UnknownEvent):
        events.locate(session, "airports", "s:2.0")


# A POST's stream


def test_keys_of_streams_are_all_different_and_fit():
    keys = {events.new_key() for _ in range(100)}

    assert len(keys) == 100
    assert max(map(len, keys)) <= 32
    assert STANDALONE not in keys


def test_what_is_appended_is_read_again_in_order(session):
    events.open_stream(session, "k", 1)
    written = events.append(session, "k", 1, ["a", "b"]) + events.append(session, "k", 3, ["c"])

    expected = [Stored(Position("k", 1), "a"), Stored(Position("k", 2), "b"), Stored(Position("k", 3), "c")]
    assert written == expected
    assert read(session, Position("k", 0)) == expected
    assert read(session, Position("k", 2)) == expected[2:]
    assert read(session, Position("k", 3)) == []


def test_a_priming_event_is_kept_as_an_empty_message(session):
    assert events.append(session, "k", 1, [""]) == [Stored(Position("k", 1), "")]
    assert read(session, Position("k", 0)) == [Stored(Position("k", 1), "")]


def test_only_the_last_message_ends_the_stream(session):
    events.open_stream(session, "k", 1)
    assert not events.has_ended(session, "k")

    written = events.append(session, "k", 1, ["a", "b"], is_last=True)

    assert [item.is_last for item in written] == [False, True]
    assert read(session, Position("k", 0)) == written
    assert events.has_ended(session, "k")


def test_streams_do_not_hear_each_other(session):
    other = open_session().pk
    events.append(session, "k", 1, ["a"])
    events.append(session, "l", 1, ["b"])
    events.append(other, "k", 1, ["c"])
    standalone.publish(session, "d")
    changes.record_change("airports", TOOLS_CHANGED)

    assert said(session, Position("k", 0)) == ["a"]
    assert said(session, Position("l", 0)) == ["b"]
    assert said(other, Position("k", 0)) == ["c"]


def test_a_stream_that_is_far_behind_catches_up_in_steps(session, monkeypatch):
    monkeypatch.setattr(events, "READ_LIMIT", 2)
    events.append(session, "k", 1, list("abcde"))
    steps, position = [], Position("k", 0)
    while stored := read(session, position):
        steps.append([item.message for item in stored])
        position = stored[-1].position

    assert steps == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.django_db(transaction=True)
def test_events_after_the_purge_of_their_session_go_out_and_are_not_kept(session):
    Session.objects.all().delete()

    assert events.append(session, "k", 1, ["a"], is_last=True) == [Stored(Position("k", 1), "a", True)]
    assert not Event.objects.exists()


@cases(
    "request_id",
    [
        1,
        "1",
        -5,
        2**62,
        "",
        "é",
        "a\u0000b",
        pytest.param("\x01" * 255, id="escapes"),
        pytest.param("🛫" * 255, id="🛫"),
    ],
    undone=True,
)
def test_a_running_request_is_cancelled_by_its_id(session, request_id):
    """Any id that a client may choose: 255 characters, of whatever kind."""
    events.open_stream(session, "k", request_id)
    assert not events.is_cancelled(session, "k")

    assert events.cancel(session, request_id)

    assert events.is_cancelled(session, "k")
    assert events.renew_stream(session, "k")
    row = Stream.objects.get()
    row.full_clean(exclude=["cancelled_at", "ended_at"])  # It fits its columns, on databases that would not say so too.
    assert row.cancelled_at == NOW


def test_a_cancellation_waits_a_while_for_a_request_that_has_hardly_begun(session, clock):
    """Another process may hear of it before the process that runs the request has made it known."""
    for request_id in (1, 2):
        assert not events.cancel(session, request_id)
        assert not events.cancel(session, request_id)
    events.open_stream(session, "first", 1)
    events.open_stream(session, "other", 3)
    clock.move_to(after(minutes=1))
    events.open_stream(session, "late", 2)

    assert [events.is_cancelled(session, key) for key in ("first", "other", "late")] == [True, False, False]


def test_a_request_that_begins_while_its_cancellation_is_written_is_cancelled(session, monkeypatch):
    early_key = events._early_key

    def begin_first(request_id):
        monkeypatch.setattr(events, "_early_key", early_key)
        events.open_stream(session, "k", 1)
        return early_key(request_id)

    monkeypatch.setattr(events, "_early_key", begin_first)

    assert events.cancel(session, 1)
    assert events.is_cancelled(session, "k")


def test_the_ids_1_and_text_1_are_two_requests(session):
    events.open_stream(session, "number", 1)
    events.open_stream(session, "text", "1")

    events.cancel(session, "1")

    assert [events.is_cancelled(session, key) for key in ("number", "text")] == [False, True]


def test_only_a_running_request_of_the_own_session_is_cancelled(session):
    events.open_stream(session, "k", 1)

    assert not events.cancel(open_session().pk, 1)
    assert not events.cancel(session, 2)
    assert not events.is_cancelled(session, "k")

    events.append(session, "k", 0, ["a"], is_last=True)
    assert not events.cancel(session, 1)
    assert not events.is_cancelled(session, "k")


def test_a_request_of_a_session_that_has_ended_is_cancelled(session):
    events.open_stream(session, "k", 1)
    end(session)

    assert events.is_cancelled(session, "k")


def test_a_stream_that_nobody_knows_is_over(session):
    assert events.is_cancelled(session, "k")
    assert events.has_ended(session, "k")


def test_a_stream_that_said_something_ends_once(session, clock):
    events.open_stream(session, "k", 1)
    events.append(session, "k", 0, ["a"])
    events.end_stream(session, "k")
    clock.move_to(after(minutes=1))
    events.end_stream(session, "k")

    assert Stream.objects.get().ended_at == NOW


def test_of_a_stream_that_said_nothing_nothing_stays(session):
    events.open_stream(session, "k", 1)
    events.end_stream(session, "k")

    assert not Stream.objects.exists()
    assert events.has_ended(session, "k")


# The death of a process


def test_a_request_is_dead_when_nothing_was_heard_of_it_for_the_lease(session, clock):
    events.open_stream(session, "k", "call-7")
    clock.move_to(after(seconds=45))
    assert events.dead_request(session, "k") is None

    clock.move_to(after(seconds=46))
    assert events.dead_request(session, "k") == "call-7"


def test_a_request_that_says_it_runs_is_not_dead(session, clock):
    events.open_stream(session, "k", 1)
    clock.move_to(after(seconds=40))
    assert not events.renew_stream(session, "k")
    clock.move_to(after(seconds=80))

    assert events.dead_request(session, "k") is None


def test_a_request_that_has_ended_is_not_dead(session, clock):
    events.open_stream(session, "k", 1)
    events.end_stream(session, "k")
    clock.move_to(after(hours=1))

    assert events.dead_request(session, "k") is None


def test_a_dead_request_is_buried_once_with_a_last_message(session, clock):
    events.open_stream(session, "k", 1)
    events.append(session, "k", 1, ["a"])
    clock.move_to(after(minutes=1))

    for _ in range(2):
        events.end_dead_stream(session, "k", "gone")

    assert read(session, Position("k", 1)) == [Stored(Position("k", 2), "gone", True)]
    assert events.has_ended(session, "k")
    assert events.dead_request(session, "k") is None


def test_a_dead_request_that_never_spoke_is_buried_as_its_first_event(session, clock):
    events.open_stream(session, "k", 1)
    clock.move_to(after(minutes=1))
    events.end_dead_stream(session, "k", "gone")

    assert read(session, Position("k", 0)) == [Stored(Position("k", 1), "gone", True)]


def test_a_living_request_is_not_buried(session):
    events.open_stream(session, "k", 1)
    events.end_dead_stream(session, "k", "gone")

    assert kept(session, "k") == []
    assert not events.has_ended(session, "k")


def test_a_request_that_was_taken_for_dead_too_soon_loses_nothing(session, clock):
    """Its process was suspended, say, for longer than the lease."""
    events.open_stream(session, "k", 1)
    events.append(session, "k", 1, ["a"])
    clock.move_to(after(minutes=1))
    events.end_dead_stream(session, "k", "gone")

    written = events.append(session, "k", 2, ["b", "c"])

    assert written == [Stored(Position("k", 3), "b"), Stored(Position("k", 4), "c")]
    # For who has not heard of the end, and for who has.
    assert read(session, Position("k", 1)) == [Stored(Position("k", 2), ""), *written]
    assert read(session, Position("k", 2)) == written
    assert not events.has_ended(session, "k")
    assert events.dead_request(session, "k") is None

    events.append(session, "k", 5, ["d"], is_last=True)
    assert events.has_ended(session, "k")


def test_what_cannot_be_stored_for_another_reason_is_an_error(session, monkeypatch):
    def refuse(*args):
        raise IntegrityError("for reasons of its own")

    monkeypatch.setattr(events, "_insert", refuse)

    with pytest.raises(IntegrityError, match="Events of stream 'k' from 1 on cannot be stored"):
        events.append(session, "k", 1, ["a"])


# Bounds


@pytest.mark.parametrize("batch", [1, 2, 3, 500])
def test_trimming_keeps_the_newest_so_many(session, settings, monkeypatch, batch):
    monkeypatch.setattr(events, "TRIM_BATCH", batch)
    settings.MCP_EVENTS_PER_SESSION = 2
    other = open_session().pk
    standalone.publish(other, "x")
    for _ in range(5):
        standalone.publish(session, "x")

    assert events.trim(session) == 3
    assert (kept(session), kept(other)) == ([4, 5], [1])
    assert events.trim(session) == 0


def test_trimming_keeps_the_newest_of_such_a_size(session, settings):
    settings.MCP_EVENT_BYTES_PER_SESSION = 10
    for text in ("aaaa", "bbbb", "cccc", "dddddd"):
        standalone.publish(session, text)

    assert events.trim(session) == 2
    assert kept(session) == [3, 4]


def test_trimming_keeps_the_newest_event_however_large(session, settings):
    """The next one is numbered after it."""
    settings.MCP_EVENT_BYTES_PER_SESSION = 10
    for _ in range(2):
        standalone.publish(session, "x" * 100)

    assert events.trim(session) == 1
    assert kept(session) == [2]

    standalone.publish(session, "y")
    assert kept(session) == [2, 3]


def test_trimming_keeps_the_newest_standalone_event_beneath_many_of_a_post(session, settings):
    settings.MCP_EVENTS_PER_SESSION = 2
    standalone.publish(session, "x")
    events.append(session, "k", 1, ["a", "b", "c"])

    assert events.trim(session) == 1
    assert (kept(session), kept(session, "k")) == ([1], [2, 3])


def test_many_short_streams_are_trimmed_as_one_long_one(session, settings, monkeypatch):
    settings.MCP_EVENTS_PER_SESSION = 3
    monkeypatch.setattr(events, "roll", lambda: 0)
    events.open_stream(session, "running", 0)
    events.append(session, "running", 1, ["a", "b"])
    for number in range(5):
        events.open_stream(session, f"k{number}", number)
        events.append(session, f"k{number}", 1, ["x"], is_last=True)

    rows = list(Event.objects.order_by("pk").values_list("stream", "sequence"))
    assert rows == [("running", 2), ("k2", 1), ("k3", 1), ("k4", 1)]
    assert sorted(Stream.objects.values_list("key", flat=True)) == ["k2", "k3", "k4", "running"]


def test_trimming_leaves_a_cancellation_that_waits(session, clock):
    events.cancel(session, 5)
    events.trim(session)
    assert Stream.objects.count() == 1

    clock.move_to(after(minutes=1))
    events.trim(session)
    assert not Stream.objects.exists()


def test_a_stream_is_trimmed_as_it_grows(session, settings, monkeypatch):
    settings.MCP_EVENTS_PER_SESSION = 3
    monkeypatch.setattr(events, "TRIM_EVERY", 4)
    monkeypatch.setattr(standalone, "TRIM_EVERY", 4)
    monkeypatch.setattr(events, "roll", lambda: 0.5)
    for number in range(1, 7):
        events.append(session, "k", number, ["x"])
    assert kept(session, "k") == [1, 2, 3, 4, 5, 6]
    events.append(session, "k", 7, ["x"] * 3)
    assert kept(session, "k") == [7, 8, 9]

    for _ in range(7):
        standalone.publish(session, "x")
    assert kept(session) == [2, 3, 4, 5, 6, 7]
    standalone.publish(session, "x")
    assert kept(session) == [6, 7, 8]


def test_a_session_has_a_limit_of_cancellations_that_wait(session, clock, monkeypatch):
    monkeypatch.setattr(events, "EARLY_LIMIT", 2)
    for request_id in range(4):
        assert not events.cancel(session, request_id)
    assert Stream.objects.count() == 2

    clock.move_to(after(minutes=1))
    events.cancel(session, 5)
    events.open_stream(session, "k", 5)

    assert events.is_cancelled(session, "k")
    assert Stream.objects.count() == 2
