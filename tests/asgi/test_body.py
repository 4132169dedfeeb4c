"""Reading a body in the lane: asked first, bounded in size and time, one body and all of them."""

import asyncio
import json
from threading import current_thread

import pytest
from django.core.asgi import get_asgi_application

from django_mcp.asgi import body, handler, mcp_application
from django_mcp.asgi.body import BodyReader, Disconnected
from tests import wire

pytestmark = pytest.mark.urls("tests.urls")

HEADERS = [("host", "testserver"), *wire.POST_HEADERS.items()]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(body, "_kept_bytes", 0)


def reader(*chunks, limit=100, headers=None):
    """A reader of a body that comes in chunks. `None` hangs up; an unfinished body never ends."""
    messages = [
        {"type": "http.disconnect"}
        if chunk is None
        else {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return BodyReader(receive, headers or {}, limit, asyncio.current_task())


async def test_a_body_is_its_chunks():
    assert await reader(b"ab", b"", b"c").read(100) == b"abc"


async def test_a_body_over_the_limit_is_none_and_read_no_further():
    over = reader(b"x" * 60, b"x" * 60, None)

    assert (await over.read(100), over.is_complete) == (None, True)


async def test_a_body_that_declares_too_much_is_not_received():
    assert await reader(None, headers={"content-length": "101"}).read(100) is None


async def test_reading_pauses_after_so_many_bytes_and_goes_on():
    paused = reader(b"x" * 20, b"x" * 20, b"x")

    assert (await paused.read(10), paused.is_complete) == (None, False)
    assert (await paused.read(100), paused.is_complete) == (b"x" * 41, True)


async def test_a_client_that_hangs_up_is_gone():
    with pytest.raises(Disconnected):
        await reader(b"x", None).read(100)


async def test_a_body_that_does_not_come_times_out(settings):
    settings.MCP_BODY_TIMEOUT_SECONDS = 0.01
    slow = reader(b"x", b"")
    slow._receive = _sends(slow._receive, 1)

    with pytest.raises(TimeoutError):
        await slow.read(100)
    slow.release()
    assert asyncio.current_task().cancelling() == 0


async def test_a_request_that_is_cancelled_at_its_timeout_stays_cancelled(settings):
    settings.MCP_BODY_TIMEOUT_SECONDS = 0
    server_stops = asyncio.current_task().cancel
    slow = reader(b"x", b"")
    slow._receive = _sends(slow._receive, 1)
    asyncio.get_running_loop().call_soon(server_stops)

    with pytest.raises(asyncio.CancelledError):
        await slow.read(100)
    assert asyncio.current_task().uncancel() == 0


def _sends(receive, messages):
    """A client that sends so many messages, and then nothing."""
    sent = []

    async def wait():
        if len(sent) == messages:
            await asyncio.Event().wait()
        sent.append(await receive())
        return sent[-1]

    return wait


async def test_all_unfinished_bodies_together_are_bounded(settings):
    settings.MCP_MAX_READING_BYTES = 50
    first, second = reader(b"x" * 40, b"x"), reader(b"x" * 40, b"x")
    assert await first.read(30) is None
    assert not first.is_busy

    assert (await second.read(100), second.is_busy) == (None, True)
    second.release()
    first.release()
    assert body._kept_bytes == 0


def test_a_body_that_comes_whole_is_never_refused_for_others(settings):
    settings.MCP_MAX_READING_BYTES = 0
    response, _ = wire.send_asgi("/off", "POST", HEADERS, [json.dumps(wire.initialize()).encode()])

    assert response.status_code == 200


def test_a_server_that_reads_too_much_answers_503_and_says_when_to_try_again(settings):
    settings.MCP_MAX_READING_BYTES = 4
    response, _ = wire.send_asgi("/off", "POST", HEADERS, [b"[1, 2,", b"3, 4", b"]"])

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


@pytest.mark.django_db
def test_a_stranger_is_asked_after_a_small_part_of_the_body(settings):
    settings.MCP_MAX_UNADMITTED_BYTES = 10
    response, taken = wire.send_asgi("/closed", "POST", HEADERS, [b"x" * 8] * 100)

    assert (response.status_code, taken) == (401, 2)


@pytest.mark.django_db
def test_nothing_of_a_strangers_body_is_parsed(monkeypatch):
    monkeypatch.setattr(handler.inbound, "read", lambda *args: pytest.fail("parsed"))

    assert wire.send_asgi("/closed", "POST", HEADERS, [b"{}"])[0].status_code == 401


async def test_a_large_body_of_an_open_endpoint_is_parsed_in_a_worker_thread(monkeypatch):
    threads = []
    read = handler.inbound.read
    monkeypatch.setattr(handler.inbound, "read", lambda *args: threads.append(current_thread()) or read(*args))
    headers = [*HEADERS, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "greet")]
    application = mcp_application(get_asgi_application())

    async def call(name):
        message = wire.modern_request("tools/call", {"name": "greet_async", "arguments": {"name": name}})
        sent = [*headers[:-1], ("mcp-name", "greet_async")]
        response, _ = await wire.over_asgi(application, "/off", "POST", sent, [json.dumps(message).encode()])
        return response.status_code

    assert await call("Ada") == 200
    assert await call("x" * handler.INLINE_BYTES) == 200
    assert [thread is current_thread() for thread in threads] == [True, False]
