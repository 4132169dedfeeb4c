"""The base of both carriers' request streams, and the request stream of the test client."""

from datetime import UTC, datetime

import pytest
from django.db import OperationalError

from django_mcp.endpoint.request_stream import InlineRequestStream, Transcript
from django_mcp.models import Event, Stream
from django_mcp.protocol import sse
from django_mcp.protocol.replies import Reply
from django_mcp.storage import events
from tests.endpoint.request_streams import REPLY, ROOTS, note, open_session, say


def away(*args, **kwargs):
    raise OperationalError("away")


@pytest.mark.django_db
def test_a_stream_that_is_written_is_not_taken_for_dead():
    transcript = Transcript(1, open_session())
    transcript.open()
    assert transcript.session is not None
    Stream.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    transcript._renewed = 0

    transcript.add(["{}"])

    assert events.dead_request(transcript.session.pk, transcript.key) is None


@pytest.mark.django_db
def test_messages_are_sent_while_the_database_is_away_and_stored_when_it_is_back(monkeypatch, caplog):
    transcript = Transcript(1, open_session())
    transcript.open()

    with monkeypatch.context() as patch:
        patch.setattr(events, "append", away)
        assert transcript.add(['{"a":1}', '{"a":2}']) == sse.encode('{"a":1}') + sse.encode('{"a":2}')
    transcript.add(['{"a":3}'], is_last=True)

    assert [event.message for event in Event.objects.order_by("sequence")] == ["", '{"a":3}']
    assert [record.getMessage() for record in caplog.records] == [
        "Storing 2 messages of a stream failed: OperationalError('away')"
    ]


@pytest.mark.django_db
def test_a_request_has_its_reply_when_the_database_is_away_at_its_end(monkeypatch, caplog):
    transcript = Transcript(1, open_session())
    transcript.make_known()

    with monkeypatch.context() as patch:
        patch.setattr(events, "end_stream", away)
        transcript.end()

    assert Stream.objects.get().ended_at is None
    assert [record.getMessage() for record in caplog.records] == [
        "Marking a request as ended failed: OperationalError('away')"
    ]


# Under the test client


@pytest.mark.parametrize("said", [[], [1], [1, 2]])
def test_under_the_test_client_the_reply_is_a_stream_when_something_was_said(said):
    request_stream = InlineRequestStream(lambda question: None)

    say(request_stream, *said)
    request_stream.close()

    lines = b"".join(map(sse.encode, [*map(note, said), REPLY.body.decode()]))
    assert request_stream.to_reply(REPLY) == (Reply(200, lines, sse.HEADERS) if said else REPLY)


async def test_under_the_test_client_questions_are_answered_on_the_spot():
    request_stream = InlineRequestStream(lambda question: question.method)

    assert (request_stream.ask(ROOTS), await request_stream.aask(ROOTS)) == ("roots/list", "roots/list")
