"""The way to the client while its request runs: what opens a stream, what it says and stores, and what is asked over
it.
"""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync

from django_mcp import exceptions
from django_mcp.asgi import request_stream as asgi_stream
from django_mcp.asgi.request_stream import ASGIRequestStream
from django_mcp.endpoint.request_stream import InlineRequestStream, Transcript
from django_mcp.endpoint.thread_stream import ThreadRequestStream
from django_mcp.endpoint.waiting import waiting_calls
from django_mcp.exceptions import Cancelled, ClientCannot, ClientRefused, ClientTimeout
from django_mcp.execution import threads
from django_mcp.execution.threads import hop
from django_mcp.models import ClientRequest, Event, Stream
from django_mcp.primitives.asking import Question
from django_mcp.protocol import sse
from django_mcp.protocol.replies import Reply
from django_mcp.storage import client_requests, events, sessions
from django_mcp.storage.client_requests import Taken
from tests import wire

LATEST = "2025-11-25"
OPENED = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(a.lower().encode(), b.encode()) for a, b in sse.HEADERS],
}
CLOSED = {"type": "http.response.body", "body": b""}
REPLY = Reply(200, json.dumps(wire.answer({})).encode())
ROOTS = Question("roots/list", {}, {"roots": {}})


def note(number):
    """A notification as it is stored and sent."""
    return f'{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":{number}}}}}'


def say(request_stream, *numbers):
    for number in numbers:
        request_stream.notify("notifications/message", {"data": number})


@pytest.fixture(autouse=True)
def looks_often(settings):
    settings.MCP_POLL_SECONDS = 0.01
    # Each test has an event loop of its own, and a layer over Redis keeps its connections to the loop that it began in.
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def open_session(version=LATEST):
    return sessions.open(
        server="test",
        principal="user:1",
        user=None,
        protocol_version=version,
        client_info={"name": "test", "version": "1"},
        client_capabilities={"roots": {}},
    )


class Client:
    """The server's end of a connection: what was sent to it, and how it fails."""

    def __init__(self):
        self.sent = []
        self.failure = None
        self.hangs = False
        self.gone = asyncio.Event()
        self.stored = []
        self.counts = False

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        if self.counts:
            self.stored.append(await hop(Event.objects.count))
        self.sent.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)


def make(client, session=None):
    request_stream = ASGIRequestStream(client.receive, client.send)
    request_stream.identify(1, "handshake" if session else "modern")
    request_stream.client = client
    if session is not None:
        request_stream.bind(session)
    return request_stream


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def until_stored(condition):
    async with asyncio.timeout(10):
        while not (found := await hop(condition)):
            await asyncio.sleep(0.001)
    return found


def on_a_loop(talk, *args):
    """What a conversation on an event loop comes to; its database work is done in this thread and transaction."""
    return async_to_sync(talk)(*args)


def stored():
    return list(Event.objects.order_by("sequence").values_list("sequence", "message", "is_last"))


# What opens a stream


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


@pytest.mark.django_db
def test_nothing_that_can_be_resumed_is_dropped(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_LIMIT", 2)
    session, client = open_session(), Client()

    async def talk():
        request_stream = ASGIRequestStream(client.receive, client.send)
        request_stream.identify(1, "handshake")
        request_stream.bind(session)
        say(request_stream, *range(20))
        await request_stream.finish(REPLY)

    on_a_loop(talk)
    assert client.body.count(b"data: {") == 21


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
    """It has no session to come back in."""
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


# What is asked


def request_in(body):
    """The request that stands in a stream."""
    messages = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    return next(message for message in messages if message.get("method") == "roots/list")


async def asked(client):
    await until(lambda: b"roots/list" in client.body)
    return request_in(client.body)


def ask(session, then, *, timeout_seconds=None, from_a_thread=False):
    """What asking comes to when meanwhile something happens: the answer or the exception, and the client."""
    client = Client()
    question = Question("roots/list", {}, {}, None, timeout_seconds)

    async def talk():
        request_stream = make(client, session)
        asking = request_stream.aask(question) if not from_a_thread else asyncio.to_thread(request_stream.ask, question)
        asking = asyncio.create_task(asking) if not from_a_thread else asyncio.ensure_future(asking)
        if then is not None:
            await then(request_stream, await asked(client))
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        await request_stream.finish(REPLY)
        return outcome

    return on_a_loop(talk), client


def answering(message):
    async def then(request_stream, request):
        assert await hop(
            client_requests.answer, request_stream.session.pk, request["id"], {"id": request["id"], **message}
        )

    return then


@pytest.mark.parametrize("from_a_thread", [False, True])
@pytest.mark.django_db
def test_an_answer_reaches_whoever_asked(from_a_thread):
    answer, client = ask(open_session(), answering({"result": {"roots": []}}), from_a_thread=from_a_thread)

    request = request_in(client.body)
    assert answer == {"roots": []}
    assert request == {"jsonrpc": "2.0", "id": request["id"], "method": "roots/list", "params": {}}
    assert request["id"].startswith("server-")
    assert ClientRequest.objects.count() == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": -1, "message": "not today"}, "The client answered roots/list with an error: not today"),
        ({}, "The client answered roots/list with an error: unknown"),
        ("no", "The client answered roots/list with an error: unknown"),
    ],
)
@pytest.mark.django_db
def test_a_refusal_is_told(error, said):
    failure, _ = ask(open_session(), answering({"error": error}))

    assert (type(failure), str(failure)) == (ClientRefused, said)


@pytest.mark.django_db
def test_a_client_that_does_not_answer_in_time_is_told_not_to():
    failure, client = ask(open_session(), None, timeout_seconds=0.01)

    assert (type(failure), str(failure)) == (ClientTimeout, "The client did not answer roots/list within 0.01 seconds.")
    params = {"requestId": request_in(client.body)["id"], "reason": "Timed out after 0.01 seconds"}
    text = json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}, separators=(",", ":"))
    assert text.encode() in client.body
    assert ClientRequest.objects.count() == 0


@pytest.mark.django_db
def test_nobody_waits_for_the_answer_of_a_session_that_has_ended():
    session = open_session()

    async def end(request_stream, request):
        await hop(partial(sessions.terminate, session.session_id, server="test", principal="user:1"))

    failure, _ = ask(session, end)

    assert (type(failure), str(failure)) == (ClientCannot, "The session ended before the client answered.")


@pytest.mark.django_db
def test_nobody_waits_for_an_answer_to_a_request_that_was_cancelled():
    async def cancel(request_stream, request):
        request_stream.cancelled = True

    failure, _ = ask(open_session(), cancel)

    assert type(failure) is Cancelled
    assert ClientRequest.objects.count() == 0


@pytest.mark.django_db
def test_a_client_is_not_asked_too_much_at_once(settings):
    settings.MCP_MAX_CLIENT_REQUESTS = 0

    failure, client = ask(open_session(), None)

    assert (type(failure), client.sent) == (ClientCannot, [])


@pytest.mark.django_db
def test_a_client_is_not_asked_when_too_many_calls_wait_already(settings):
    settings.MCP_MAX_WAITING_CALLS = 0

    failure, client = ask(open_session(), None)

    assert (type(failure), client.sent) == (ClientCannot, [])
    assert "too many calls wait" in str(failure)
    assert len(waiting_calls) == 0


@pytest.mark.parametrize("from_a_thread", [False, True])
@pytest.mark.django_db
def test_a_call_whose_client_never_comes_back_is_ended(settings, monkeypatch, from_a_thread):
    monkeypatch.setattr(asgi_stream, "WATCH_AFTER_SECONDS", 0)
    settings.MCP_CLIENT_GONE_SECONDS = 0.02

    async def leave(request_stream, request):
        request_stream.client.gone.set()

    failure, _ = ask(open_session(), leave, from_a_thread=from_a_thread)

    assert type(failure) is Cancelled
    assert (ClientRequest.objects.count(), len(waiting_calls)) == (0, 0)


async def test_who_has_no_session_cannot_be_asked():
    request_stream = make(Client())

    with pytest.raises(ClientCannot, match="it has no session"):
        await request_stream.aask(ROOTS)

    await request_stream.finish(REPLY)


async def test_asking_would_block_the_event_loop():
    request_stream = make(Client())

    with pytest.raises(RuntimeError, match="await the a-method instead"):
        request_stream.ask(ROOTS)

    await request_stream.finish(REPLY)


# In the view


def run(work, session=None, era=None):
    """The request_stream of a request in the view, and what it comes to."""
    request_stream = ThreadRequestStream(1, era or ("handshake" if session else "modern"))
    if session is not None:
        request_stream.bind(session)
    answer = request_stream.run(lambda: work(request_stream))
    return request_stream, answer if isinstance(answer, Reply) else iter(answer)


def test_a_silent_request_in_the_view_has_a_plain_reply():
    assert run(lambda request_stream: REPLY)[1] == REPLY


def test_a_request_in_the_view_that_says_something_is_a_stream():
    def work(request_stream):
        say(request_stream, 1, 2)
        return REPLY

    _, lines = run(work)

    assert b"".join(lines) == sse.KEEPALIVE + b"".join(map(sse.encode, [note(1), note(2), REPLY.body.decode()]))


@pytest.mark.django_db
def test_a_sessions_stream_in_the_view_is_stored():
    session = open_session()

    def work(request_stream):
        say(request_stream, 1)
        return REPLY

    _, lines = run(work, session)
    body = b"".join(lines)

    key = Stream.objects.get(ended_at__isnull=False).key
    assert body == b"".join(
        [sse.prime(f"{key}:0", 1000), sse.encode(note(1), f"{key}:1"), sse.encode(REPLY.body.decode(), f"{key}:2")]
    )
    assert [message for _, message, _ in stored()] == ["", note(1), REPLY.body.decode()]


def test_a_long_silence_in_the_view_opens_the_stream_and_keeps_it_alive(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01
    may_go_on = threading.Event()

    def work(request_stream):
        may_go_on.wait(timeout=10)
        return REPLY

    _, lines = run(work)
    first = [next(lines) for _ in range(3)]
    may_go_on.set()

    assert first == [sse.KEEPALIVE] * 3
    assert b"".join(lines).endswith(sse.encode(REPLY.body.decode()))


def test_what_a_function_of_the_view_says_waits_for_its_client(monkeypatch):
    monkeypatch.setattr(asgi_stream, "OUTBOX_LIMIT", 2)
    request_stream = ThreadRequestStream(1, "modern")

    lines = request_stream.run(lambda: (say(request_stream, *range(20)), REPLY)[1])

    assert b"".join(lines) == sse.KEEPALIVE + b"".join(map(sse.encode, [*map(note, range(20)), REPLY.body.decode()]))


@pytest.mark.django_db
def test_streams_of_the_view_under_asgi_hold_no_thread_while_nothing_is_said(settings, monkeypatch):
    pool = threads.Pool()
    monkeypatch.setattr(threads, "_pool", pool)
    settings.MCP_THREADS = 1
    may_go_on = threading.Event()

    def work(request_stream):
        say(request_stream, 1)
        may_go_on.wait(timeout=10)
        say(request_stream, 2)
        return REPLY

    bodies = ([], [])

    async def read(number):
        request_stream = ThreadRequestStream(number, "modern")
        async for line in await asyncio.to_thread(request_stream.run, partial(work, request_stream)):
            bodies[number].append(line)

    async def talk():
        reading = [asyncio.create_task(read(number)) for number in range(2)]
        await until(lambda: all(len(body) == 2 for body in bodies))
        assert await asyncio.wait_for(hop(max, 1, 2), 5) == 2
        may_go_on.set()
        await asyncio.gather(*reading)

    asyncio.run(talk())
    pool.stop(10)

    said = b"".join(map(sse.encode, [note(1), note(2), REPLY.body.decode()]))
    assert [b"".join(body) for body in bodies] == [sse.KEEPALIVE + said] * 2


async def test_a_client_of_the_view_under_asgi_that_goes_has_cancelled():
    may_go_on = threading.Event()

    def work(request_stream):
        say(request_stream, 1)
        may_go_on.wait(timeout=10)
        return REPLY

    request_stream = ThreadRequestStream(1, "modern")
    lines = aiter(await asyncio.to_thread(request_stream.run, lambda: work(request_stream)))
    await anext(lines)
    await lines.aclose()
    may_go_on.set()

    assert request_stream.cancelled


def test_a_modern_client_of_the_view_that_goes_has_cancelled():
    may_go_on = threading.Event()

    def work(request_stream):
        say(request_stream, 1)
        may_go_on.wait(timeout=10)
        return REPLY

    request_stream, lines = run(work)
    next(lines)
    lines.close()
    may_go_on.set()

    assert request_stream.cancelled


@pytest.mark.parametrize("talkative", [False, True])
@pytest.mark.django_db
def test_a_cancelled_request_in_the_view_is_told(talkative):
    """Also one that never leaves its client without news."""
    session = open_session()
    done = threading.Event()
    deadline = time.monotonic() + 10

    def work(request_stream):
        say(request_stream, 0)
        while not done.is_set() and not request_stream.cancelled:
            if talkative and request_stream._queue.qsize() < 20:  # So that it is never found empty.
                say(request_stream, 1)
        return request_stream.cancelled_reply()

    request_stream, lines = run(work, session)
    next(lines)
    assert events.cancel(session.pk, 1)
    while not request_stream.cancelled and time.monotonic() < deadline:
        next(lines)
    done.set()
    *_, last = lines

    assert request_stream.cancelled
    assert b"-32800" in last


def test_a_failure_in_the_view_is_logged_and_says_nothing(caplog):
    def work(request_stream):
        raise RuntimeError("hunter2")

    _, reply = run(work)

    assert (reply.status, reply.body) == (500, wire.INTERNAL_ERROR)
    assert "hunter2" in caplog.text


class Asked:
    """An event store that knows requests to clients alone."""

    def __init__(self, monkeypatch):
        self.waiting = []
        self.forgotten = []
        self.answer = Taken()
        self.is_full = False
        for name in ("ask", "take_answer", "forget_request"):
            monkeypatch.setattr(client_requests, name, getattr(self, f"_{name}"))

    def _ask(self, session_pk, request_id, method):
        if self.is_full:
            raise exceptions.TooManyClientRequests
        self.waiting.append((session_pk, request_id, method, threading.get_ident()))

    def _take_answer(self, session_pk, request_id):
        return self.answer

    def _forget_request(self, session_pk, request_id):
        self.forgotten.append(request_id)


@pytest.fixture
def asked_store(monkeypatch):
    return Asked(monkeypatch)


@pytest.fixture
def thread_stream():
    request_stream = ThreadRequestStream(1, "handshake")
    request_stream.bind(SimpleNamespace(pk=7, protocol_version=LATEST, principal="user:1", user_id=1))
    return request_stream


def test_an_answer_reaches_a_tool_in_the_view(asked_store, thread_stream):
    asked_store.answer = Taken({"result": {"roots": []}})

    assert thread_stream.ask(ROOTS) == {"roots": []}
    ((session_pk, request_id, method, thread),) = asked_store.waiting
    assert (session_pk, method, asked_store.forgotten) == (7, "roots/list", [request_id])
    # In the tool's own thread it would be part of the tool's transaction.
    assert thread != threading.get_ident()


async def test_an_answer_reaches_an_async_tool_in_the_view(asked_store, thread_stream):
    asked_store.answer = Taken({"result": {"roots": []}})

    assert await thread_stream.aask(ROOTS) == {"roots": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"answer": Taken({"error": {"message": "no"}})}, ClientRefused),
        ({"answer": Taken(is_alive=False)}, ClientCannot),
        ({"is_full": True}, ClientCannot),
        ({}, ClientTimeout),
    ],
)
def test_what_comes_instead_of_an_answer_is_told_in_the_view(asked_store, thread_stream, values, expected):
    for name, value in values.items():
        setattr(asked_store, name, value)

    with pytest.raises(expected):
        thread_stream.ask(Question("roots/list", {}, {}, None, 0.01))

    assert len(asked_store.forgotten) == len(asked_store.waiting)


def test_nobody_in_the_view_waits_for_an_answer_to_a_request_that_was_cancelled(asked_store, thread_stream):
    thread_stream.cancelled = True

    with pytest.raises(Cancelled):
        thread_stream.ask(ROOTS)


def test_nobody_in_the_view_waits_for_a_client_that_never_comes_back(asked_store, thread_stream, settings):
    settings.MCP_CLIENT_GONE_SECONDS = 0.02
    thread_stream.is_left = True

    with pytest.raises(Cancelled):
        thread_stream.ask(ROOTS)
    with pytest.raises(Cancelled):
        async_to_sync(thread_stream.aask)(ROOTS)

    assert len(waiting_calls) == 0


def test_who_has_no_session_cannot_be_asked_in_the_view():
    with pytest.raises(ClientCannot):
        ThreadRequestStream(1, "modern").ask(ROOTS)


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


@pytest.mark.django_db
def test_a_stream_that_is_written_is_not_taken_for_dead():
    transcript = Transcript(1, open_session())
    transcript.open()
    assert transcript.session is not None
    Stream.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    transcript._renewed = 0

    transcript.add(["{}"])

    assert events.dead_request(transcript.session.pk, transcript.key) is None
