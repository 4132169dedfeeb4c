"""The request stream of the ASGI lane: what opens it, what it says and stores, and what cancels its request."""

import asyncio
import json
import threading
import time
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from django_mcp.asgi import request_stream as asgi_stream
from django_mcp.asgi.request_stream import ASGIRequestStream
from django_mcp.execution.threads import hop
from django_mcp.models import Event, Stream
from django_mcp.protocol import sse
from django_mcp.storage import events
from tests import wire
from tests.endpoint.request_streams import (
    CLOSED,
    LATEST,
    OPENED,
    REPLY,
    ROOTS,
    Client,
    make,
    note,
    on_a_loop,
    open_session,
    say,
    stored,
    until,
    until_stored,
)

# A stream is opened


async def test_a_request_that_says_nothing_opens_no_stream():
    client = Client()

    assert await make(client).finish(REPLY) == REPLY
    assert client.sent == []


@pytest.mark.django_db
def test_a_sessions_request_that_says_nothing_stores_nothing():
    session, client = open_session(), Client()

    async def talk():
        return await make(client, session).finish(REPLY)

    assert on_a_loop(talk) == REPLY
    assert (client.sent, Stream.objects.count(), Event.objects.count()) == ([], 0, 0)


async def test_the_first_notification_opens_the_stream_and_the_reply_ends_it():
    client = Client()
    request_stream = make(client)

    say(request_stream, 1)
    await until(lambda: len(client.sent) == 2)
    say(request_stream, 2)

    assert await request_stream.finish(REPLY) is None
    assert (client.sent[0], client.sent[-1]) == (OPENED, CLOSED)
    assert client.body == b"".join(map(sse.encode, [note(1), note(2), REPLY.body.decode()]))


async def test_a_long_silence_opens_the_stream(monkeypatch, settings):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    client = Client()
    request_stream = make(client)

    await until(lambda: len(client.sent) >= 2)

    assert client.sent[:2] == [OPENED, {"type": "http.response.body", "body": sse.KEEPALIVE, "more_body": True}]
    assert await request_stream.finish(REPLY) is None
    assert client.body.endswith(sse.encode(REPLY.body.decode()))


@pytest.mark.parametrize(("version", "primed"), [("2025-03-26", False), ("2025-06-18", False), (LATEST, True)])
@pytest.mark.django_db
def test_a_sessions_stream_is_numbered_and_primed_for_clients_that_know_how(version, primed, settings):
    """Spec 2025-11-25 basic/transports: an event with an id and empty data comes first."""
    settings.MCP_RETRY_MILLISECONDS = 7
    session, client = open_session(version), Client()

    async def talk():
        request_stream = make(client, session)
        say(request_stream, 1)
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) is None
    (stream,) = Stream.objects.all()
    texts = [note(1), REPLY.body.decode()]
    first = int(primed)
    lines = [sse.encode(text, f"{stream.key}:{number}") for number, text in enumerate(texts, first)]
    assert client.body == b"".join([sse.prime(f"{stream.key}:0", 7)] * primed + lines)
    assert stored() == [(0, "", False)] * primed + [(first, texts[0], False), (first + 1, texts[1], True)]
    assert (stream.request_id, stream.ended_at is not None) == ("1", True)


@pytest.mark.django_db
def test_events_are_stored_before_they_are_sent():
    session, client = open_session(), Client()
    client.counts = True

    async def talk():
        request_stream = make(client, session)
        say(request_stream, 1)
        await until(lambda: len(client.sent) == 3)
        await request_stream.finish(REPLY)

    on_a_loop(talk)

    # The headers, the priming event, the notification, the reply, the end.
    assert client.stored == [0, 1, 2, 3, 3]


# While it stands open


async def test_a_silent_stream_is_kept_alive(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    client = Client()
    request_stream = make(client)

    say(request_stream, 1)
    await until(lambda: client.body.endswith(sse.KEEPALIVE))

    await request_stream.finish(REPLY)


async def test_what_is_said_in_other_threads_is_sent():
    client = Client()
    request_stream = make(client)

    await asyncio.to_thread(say, request_stream, 1)
    await until(lambda: sse.encode(note(1)) in client.body)

    await request_stream.finish(REPLY)


async def test_what_a_coroutine_says_to_a_slow_client_is_bounded(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_LIMIT", 2)
    client = Client()
    request_stream = make(client)

    say(request_stream, 1, 2, 3, 4)
    await request_stream.finish(REPLY)

    assert client.body == b"".join(map(sse.encode, [note(1), note(2), REPLY.body.decode()]))


async def test_a_function_in_a_thread_waits_until_what_it_said_is_written(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_LIMIT", 2)
    client = Client()
    request_stream = make(client)

    await asyncio.to_thread(say, request_stream, *range(20))
    await request_stream.finish(REPLY)

    assert client.body == b"".join(map(sse.encode, [*map(note, range(20)), REPLY.body.decode()]))


@pytest.mark.parametrize("has_session", [False, True])
@pytest.mark.django_db
def test_what_a_coroutine_says_to_a_client_that_never_reads_takes_bounded_memory(settings, caplog, has_session):
    settings.MCP_SEND_TIMEOUT_SECONDS = 0.01
    settings.MCP_EVENTS_PER_SESSION = 50
    session, client = open_session() if has_session else None, Client()
    client.hangs = True
    most = 0

    async def talk():
        nonlocal most
        request_stream = make(client, session)
        running = asyncio.current_task()
        for number in range(100_000):
            say(request_stream, number)
            most = max(most, len(request_stream._outbox))
            if number % 1000 == 0:
                await asyncio.sleep(0)
        await request_stream.finish(REPLY)
        assert running is not None
        return request_stream.cancelled

    assert on_a_loop(talk) is not has_session
    assert most == asgi_stream.OUTBOX_LIMIT
    assert "messages were dropped: a coroutine sent more than its client reads" in caplog.text
    if has_session:
        assert stored()[-1][1:] == (REPLY.body.decode(), True)


async def test_a_few_long_messages_are_as_many_as_fit(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_CHARACTERS", 1000)
    client = Client()
    request_stream = make(client)

    for _ in range(5):
        request_stream.notify("notifications/message", {"data": "x" * 600})
    await request_stream.finish(REPLY)

    assert client.body.count(b"x" * 600) == 2


async def test_what_is_no_json_fails_where_it_is_said():
    request_stream = make(Client())

    with pytest.raises(TypeError):
        say(request_stream, object())

    assert await request_stream.finish(REPLY) == REPLY


@pytest.mark.django_db
def test_a_stream_that_cannot_be_stored_ends_with_an_error(monkeypatch, caplog):
    session, client = open_session(), Client()

    async def talk():
        request_stream = make(client, session)
        say(request_stream, 1)
        await until(lambda: note(1).encode() in client.body)
        monkeypatch.setattr(events, "append", lambda *args, **kwargs: 1 / 0)
        say(request_stream, 2)
        await until(lambda: client.sent[-1] == CLOSED)
        # A thread that says more does not wait for somebody to write it.
        await asyncio.to_thread(say, request_stream, *range(2000))
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) is None
    assert json.loads(client.body.decode().rpartition("data: ")[2]) == wire.error(-32603, "Internal server error", 1)
    assert client.sent.count(CLOSED) == 1
    assert "ZeroDivisionError" in caplog.text


async def test_a_thread_does_not_wait_for_a_stream_that_was_abandoned(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_LIMIT", 2)
    client = Client()
    client.hangs = True
    request_stream = make(client)

    saying = asyncio.create_task(asyncio.to_thread(say, request_stream, *range(20)))
    await until(lambda: request_stream._pump is not None)
    request_stream.abandon()

    await asyncio.wait_for(saying, 10)


async def test_news_that_say_nothing_put_off_no_sign_of_life(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.05
    client = Client()
    request_stream = make(client)
    say(request_stream, 1)

    async with asyncio.timeout(10):
        while not client.body.endswith(sse.KEEPALIVE):
            request_stream._wake()
            await asyncio.sleep(0.001)

    await request_stream.finish(REPLY)


@pytest.mark.django_db
def test_a_connection_can_be_let_go_of_while_the_stream_goes_on(settings):
    settings.MCP_RETRY_MILLISECONDS = 7
    session, client = open_session(), Client()

    async def talk():
        request_stream = make(client, session)
        say(request_stream, 1)
        request_stream.close()
        await until(lambda: client.sent[-1:] == [CLOSED])
        say(request_stream, 2)
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) is None
    assert client.body.endswith(sse.retry(7))
    assert client.sent.count(CLOSED) == 1
    assert [message for _, message, _ in stored()] == ["", note(1), note(2), REPLY.body.decode()]


@pytest.mark.django_db
def test_an_older_client_keeps_its_connection():
    session, client = open_session("2025-06-18"), Client()

    async def talk():
        request_stream = make(client, session)
        request_stream.close()
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) == REPLY


async def test_a_modern_client_keeps_its_connection():
    request_stream = make(Client())

    request_stream.close()

    assert await request_stream.finish(REPLY) == REPLY


# A client that is gone


@pytest.mark.parametrize("how", ["raises", "hangs"])
@pytest.mark.django_db
def test_what_a_client_misses_is_stored(settings, how):
    settings.MCP_SEND_TIMEOUT_SECONDS = 0.01
    session, client = open_session(), Client()

    async def talk():
        request_stream = make(client, session)
        client.failure, client.hangs = (OSError("gone") if how == "raises" else None), how == "hangs"
        say(request_stream, 1)
        return await request_stream.finish(REPLY), request_stream.cancelled

    assert on_a_loop(talk) == (None, False)
    assert [message for _, message, _ in stored()] == ["", note(1), REPLY.body.decode()]


@pytest.mark.parametrize("how", ["raises", "hangs", "disconnects"])
async def test_a_modern_client_that_goes_has_cancelled(settings, monkeypatch, how):
    """A modern client has no session, so it cannot come back for the rest."""
    settings.MCP_SEND_TIMEOUT_SECONDS = 0.01
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    client = Client()
    request_stream = make(client)
    running = asyncio.create_task(asyncio.Event().wait())
    request_stream.runs_in(running)

    if how == "disconnects":
        client.gone.set()
    else:
        client.failure, client.hangs = (OSError("gone") if how == "raises" else None), how == "hangs"
        say(request_stream, 1)
    await until(running.cancelled)

    assert request_stream.cancelled
    request_stream.abandon()


@pytest.mark.django_db
def test_a_sessions_client_that_hangs_up_has_not_cancelled(monkeypatch):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()

    async def talk():
        request_stream = make(client, session)
        say(request_stream, 1)
        await until(lambda: note(1).encode() in client.body)
        client.gone.set()
        await until(lambda: request_stream.is_left)
        say(request_stream, 2)
        return await request_stream.finish(REPLY), request_stream.cancelled

    assert on_a_loop(talk) == (None, False)
    assert note(2).encode() not in client.body
    assert [message for _, message, _ in stored()] == ["", note(1), note(2), REPLY.body.decode()]


# Cancellation


@pytest.mark.parametrize("bound", ["at once", "late"])
@pytest.mark.django_db
def test_a_cancelled_request_is_told_wherever_it_runs(monkeypatch, bound):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()

    async def talk():
        request_stream = ASGIRequestStream(client.receive, client.send)
        request_stream.identify(1, "handshake")
        if bound == "late":
            await until(lambda: request_stream._watchers)
            await hop(request_stream.bind, session)
        else:
            request_stream.bind(session)
        running = asyncio.create_task(asyncio.Event().wait())
        request_stream.runs_in(running)
        await until_stored(partial(events.cancel, session.pk, 1))
        await until(running.cancelled)
        reply = request_stream.cancelled_reply()
        return request_stream.cancelled, json.loads(reply.body), await request_stream.finish(reply) == reply

    assert on_a_loop(talk) == (True, wire.error(-32800, "Request cancelled", 1), True)
    assert not Stream.objects.filter(ended_at=None).exists()


@pytest.mark.django_db
def test_a_request_is_watched_on_after_the_database_was_away(monkeypatch, settings, caplog):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()
    is_cancelled, failures = events.is_cancelled, iter([OperationalError("away")])

    def fail_once(session_pk, key):
        for failure in failures:
            raise failure
        return is_cancelled(session_pk, key)

    monkeypatch.setattr(events, "is_cancelled", fail_once)

    async def talk():
        request_stream = make(client, session)
        running = asyncio.create_task(asyncio.Event().wait())
        request_stream.runs_in(running)
        await until(lambda: "away" in caplog.text)
        await until_stored(partial(events.cancel, session.pk, 1))
        await until(running.cancelled)
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) == REPLY


@pytest.mark.django_db
def test_a_request_whose_row_could_not_be_written_at_first_is_made_known_later(monkeypatch, caplog):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()
    open_stream, failures = events.open_stream, iter([OperationalError("away")])

    def fail_once(*args):
        for failure in failures:
            raise failure
        open_stream(*args)

    monkeypatch.setattr(events, "open_stream", fail_once)

    async def talk():
        request_stream = make(client, session)
        await until(lambda: "away" in caplog.text)
        say(request_stream, 1)
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) is None
    assert [message for _, message, _ in stored()] == ["", note(1), REPLY.body.decode()]
    assert not Stream.objects.filter(ended_at=None).exists()


@pytest.mark.django_db
def test_a_call_that_waited_for_a_thread_is_watched_when_its_function_takes_long(monkeypatch):
    """Otherwise each call that waits would make rows and queries, and so the wait of all the others longer."""
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()

    async def talk():
        request_stream = ASGIRequestStream(client.receive, client.send)
        request_stream.identify(1, "handshake")
        await until(lambda: request_stream._watchers)
        monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 60)
        await hop(request_stream.bind, session)
        await until(lambda: request_stream._session_timer)
        reply = await request_stream.finish(REPLY)
        return reply, len(request_stream._watchers), request_stream._session_timer.cancelled()

    assert on_a_loop(talk) == (REPLY, 1, True)
    assert not Stream.objects.exists()


@pytest.mark.parametrize(
    ("happens", "is_watched"),
    [
        pytest.param([], False, id="it waits for a thread"),
        pytest.param(["begin"], True, id="its function runs long"),
        pytest.param(["begin", "release"], False, id="its reply waits for the event loop"),
    ],
)
async def test_only_a_call_whose_function_runs_long_is_watched(monkeypatch, happens, is_watched):
    request_stream = ASGIRequestStream(Client().receive, Client().send)
    for event in happens:
        getattr(request_stream, event)()
    monkeypatch.setattr(asgi_stream, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 60))

    request_stream._start_watching()

    assert bool(request_stream._watchers) == is_watched
    await request_stream.finish(REPLY)


@pytest.mark.django_db
def test_a_function_in_a_thread_looks_by_itself(monkeypatch):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    session, client = open_session(), Client()

    async def talk():
        request_stream = make(client, session)
        await until_stored(partial(events.cancel, session.pk, 1))
        await until(lambda: request_stream.cancelled)
        return await request_stream.finish(REPLY)

    assert on_a_loop(talk) == REPLY


@pytest.mark.django_db  # A worker thread may have a connection, and closes it when it is old.
async def test_a_request_ends_after_it_was_made_known(monkeypatch):
    """Its row is written in another thread, and must not be left open by an end that comes first."""
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    happened, begun, may_go_on = [], threading.Event(), threading.Event()

    def open_stream(*args):
        begun.set()
        may_go_on.wait(timeout=10)
        happened.append("opened")

    monkeypatch.setattr(events, "open_stream", open_stream)
    monkeypatch.setattr(events, "end_stream", lambda *args: happened.append("ended"))
    monkeypatch.setattr(events, "is_cancelled", lambda *args: False)
    request_stream = make(Client(), SimpleNamespace(pk=1, protocol_version=LATEST))
    await until(begun.is_set)

    finishing = asyncio.create_task(request_stream.finish(REPLY))
    for _ in range(3):
        await hop(lambda: None)
    may_go_on.set()

    assert await finishing == REPLY
    assert happened == ["opened", "ended"]


async def test_asking_would_block_the_event_loop():
    request_stream = make(Client())

    with pytest.raises(RuntimeError, match="await the a-method instead"):
        request_stream.ask(ROOTS)

    await request_stream.finish(REPLY)
