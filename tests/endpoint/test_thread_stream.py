"""The request stream of the view."""

import asyncio
import threading
import time
from functools import partial

import pytest
from django.db import OperationalError

from django_mcp.endpoint import thread_stream
from django_mcp.endpoint.thread_stream import ThreadRequestStream
from django_mcp.execution import threads
from django_mcp.execution.threads import hop
from django_mcp.models import Stream
from django_mcp.protocol import sse
from django_mcp.protocol.replies import Reply
from django_mcp.storage import events, sessions
from tests import wire
from tests.endpoint.request_streams import REPLY, note, open_session, say, stored, until


def run(work, session=None, era=None):
    """The request_stream of a request in the view, and what it comes to."""
    request_stream = ThreadRequestStream(1, era or ("handshake" if session else "modern"))
    if session is not None:
        request_stream.bind(session)
    answer = request_stream.run(lambda: work(request_stream))
    return request_stream, answer if isinstance(answer, Reply) else iter(answer)


def test_a_silent_request_in_the_view_has_a_plain_reply():
    assert run(lambda request_stream: REPLY)[1] == REPLY


@pytest.mark.django_db
def test_a_slow_request_in_the_view_that_says_nothing_leaves_nothing_behind():
    """The request's stream was registered, so that the client could cancel it."""
    session = open_session()

    def work(request_stream):
        deadline = time.monotonic() + 10
        while not request_stream.transcript.is_known and time.monotonic() < deadline:
            time.sleep(0.001)
        return REPLY

    request_stream, reply = run(work, session)

    assert (reply, request_stream.transcript.is_known) == (REPLY, True)
    assert not Stream.objects.exists()


def test_a_request_in_the_view_that_says_something_is_a_stream():
    def work(request_stream):
        say(request_stream, 1, 2)
        return REPLY

    _, lines = run(work)

    assert b"".join(lines) == sse.KEEPALIVE + b"".join(map(sse.encode, [note(1), note(2), REPLY.body.decode()]))


@pytest.mark.django_db
def test_a_sessions_stream_in_the_view_is_stored(settings):
    settings.MCP_RETRY_MILLISECONDS = 7
    session = open_session()

    def work(request_stream):
        say(request_stream, 1)
        return REPLY

    _, lines = run(work, session)
    body = b"".join(lines)

    key = Stream.objects.get(ended_at__isnull=False).key
    assert body == b"".join(
        [sse.prime(f"{key}:0", 7), sse.encode(note(1), f"{key}:1"), sse.encode(REPLY.body.decode(), f"{key}:2")]
    )
    assert [message for _, message, _ in stored()] == ["", note(1), REPLY.body.decode()]


@pytest.mark.django_db
def test_a_stream_of_the_view_goes_on_after_the_database_was_away(settings, monkeypatch, caplog):
    settings.MCP_POLL_SECONDS = 0.01
    has_failed = threading.Event()

    def fail(session_pk, key):
        has_failed.set()
        raise OperationalError("away")

    monkeypatch.setattr(sessions, "renew_request", fail)

    def work(request_stream):
        say(request_stream, 1)
        assert has_failed.wait(10)
        return REPLY

    _, lines = run(work, open_session())

    assert b"".join(lines).endswith(REPLY.body + b"\n\n")
    assert "Asking whether a request was cancelled failed: OperationalError('away')" in caplog.text


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
    monkeypatch.setattr(thread_stream, "OUTBOX_LIMIT", 2)
    request_stream = ThreadRequestStream(1, "modern")

    lines = request_stream.run(lambda: (say(request_stream, *range(20)), REPLY)[1])

    assert b"".join(lines) == sse.KEEPALIVE + b"".join(map(sse.encode, [*map(note, range(20)), REPLY.body.decode()]))


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
    """A request that sends news all the time is cancelled too."""
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


# Coroutines, on the event loop that the process keeps


def run_on_loop(work, era="modern"):
    """See run(): the work is a coroutine."""
    request_stream = ThreadRequestStream(1, era)
    answer = request_stream.run_on_loop(lambda loop_context, task: work(request_stream, task))
    return request_stream, answer if isinstance(answer, Reply) else iter(answer)


def test_a_coroutine_of_the_view_is_answered_with_no_thread_of_its_own():
    async def work(request_stream, task):
        await asyncio.sleep(0)
        return REPLY

    before = threading.active_count()
    answers = [run_on_loop(work)[1] for _ in range(3)]

    assert answers == [REPLY] * 3
    assert threading.active_count() <= before + 1


def test_a_coroutine_that_says_more_than_its_client_reads_loses_the_rest(monkeypatch, caplog):
    """It cannot wait, and must not block the loop, which is everybody's."""
    monkeypatch.setattr(thread_stream, "OUTBOX_LIMIT", 2)
    has_said = threading.Event()

    async def work(request_stream, task):
        say(request_stream, *range(5))
        has_said.set()
        return REPLY

    _, lines = run_on_loop(work)
    assert has_said.wait(10)
    body = b"".join(lines)

    assert body.startswith(sse.KEEPALIVE + sse.encode(note(0)))
    assert body.endswith(sse.encode(note(1)) + sse.encode(REPLY.body.decode()))
    assert "3 messages were dropped" in caplog.text


def test_a_modern_client_that_goes_cancels_a_coroutine_of_the_view():
    ended = threading.Event()

    async def work(request_stream, task):
        request_stream.runs_in(task)
        say(request_stream, 1)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    _, lines = run_on_loop(work)
    next(lines)
    lines.close()

    assert ended.wait(10)


@pytest.mark.parametrize("raised", [RuntimeError("hunter2"), SystemExit(3)])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_whatever_a_request_of_the_view_raises_its_client_is_answered(caplog, colour, raised):
    def work(request_stream):
        raise raised

    async def work_async(request_stream, task):
        raise raised

    _, reply = run(work) if colour == "sync" else run_on_loop(work_async)

    assert (reply.status, reply.body) == (500, wire.INTERNAL_ERROR)
    assert repr(raised)[:10] in caplog.text
