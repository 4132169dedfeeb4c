"""A server that is told to stop: the open streams end first, and then the server's own handler gets the signal."""

import asyncio
import signal
import threading

import pytest

from django_mcp.asgi import shutdown

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch):
    """The process's own handlers are put back, and nothing is watched before the test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    monkeypatch.setattr(shutdown, "_watched", set())
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def heard(monkeypatch):
    """The events, in their order: "closed", and the number of each signal that was received."""
    happened = []
    monkeypatch.setattr(shutdown, "close_all", lambda: happened.append("closed"))
    for number in SIGNALS:
        signal.signal(number, lambda received, frame: happened.append(received))
    return happened


@pytest.mark.parametrize("number", SIGNALS)
def test_the_streams_are_closed_and_the_servers_own_handler_is_called(heard, number):
    async def serve():
        shutdown.close_streams_at_shutdown()
        signal.raise_signal(number)
        await asyncio.sleep(0)  # Once round the loop, which closes them.

    asyncio.run(serve())

    assert heard == [number, "closed"]


def test_the_signals_are_listened_to_once(heard):
    async def serve():
        shutdown.close_streams_at_shutdown()
        handlers = [signal.getsignal(number) for number in SIGNALS]
        shutdown.close_streams_at_shutdown()
        return handlers

    handlers = asyncio.run(serve())

    assert [signal.getsignal(number) for number in SIGNALS] == handlers


def test_a_loop_that_is_gone_has_no_streams_to_close(heard):
    async def serve():
        shutdown.close_streams_at_shutdown()

    asyncio.run(serve())
    signal.raise_signal(signal.SIGTERM)

    assert heard == [signal.SIGTERM]


def test_a_signal_that_nobody_handled_does_what_it_does_by_itself(heard):
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def serve():
        shutdown.close_streams_at_shutdown()
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)

    asyncio.run(serve())

    assert heard == ["closed"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_signals_are_left_alone_in_other_threads(heard):
    before = [signal.getsignal(number) for number in SIGNALS]

    async def serve():
        shutdown.close_streams_at_shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    thread.join(timeout=10)

    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert shutdown._watched == set()
