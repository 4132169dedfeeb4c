"""Questions of a running call to its client, in each colour."""

import asyncio
import json
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync

from django_mcp.asgi import request_stream as asgi_stream
from django_mcp.endpoint.thread_stream import ThreadRequestStream
from django_mcp.endpoint.waiting import waiting_calls
from django_mcp.exceptions import Cancelled, ClientCannot, ClientRefused, ClientTimeout, TooManyClientRequests
from django_mcp.execution.threads import hop
from django_mcp.models import ClientRequest
from django_mcp.primitives.asking import Question
from django_mcp.storage import client_requests, events, sessions
from django_mcp.storage.client_requests import TakenAnswer
from tests.endpoint.request_streams import (
    LATEST,
    REPLY,
    ROOTS,
    Client,
    make,
    on_a_loop,
    open_session,
    until,
)

# On an event loop


def request_in(body):
    """The request that stands in a stream."""
    messages = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    return next(message for message in messages if message.get("method") == "roots/list")


async def asked(client):
    await until(lambda: b"roots/list" in client.body)
    return request_in(client.body)


def ask(session, then, *, timeout_seconds=None, from_a_thread=False):
    """The outcome of a question while `then` happens: the answer or the exception, and the client."""
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
def test_nobody_waits_for_an_answer_to_a_request_that_was_cancelled(settings):
    settings.MCP_KEEPALIVE_SECONDS = 0.01

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
def test_a_call_that_may_not_wait_keeps_its_place_among_the_threads(settings, monkeypatch, from_a_thread):
    """Otherwise another call would get the place and be refused too, and so on, each with a thread and a connection."""
    settings.MCP_MAX_WAITING_CALLS = 0
    for name in ("waiting_thread", "waiting_call"):
        monkeypatch.setattr(asgi_stream, name, pytest.fail)

    failure, _ = ask(open_session(), None, from_a_thread=from_a_thread)

    assert type(failure) is ClientCannot


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


# In a thread


class Asked:
    """An event store that knows requests to clients alone."""

    def __init__(self, monkeypatch):
        self.waiting = []
        self.forgotten = []
        self.answer = TakenAnswer()
        self.is_full = False
        self.is_cancelled = False
        monkeypatch.setattr(events, "renew_stream", lambda session_pk, key: self.is_cancelled)
        for name in ("ask", "take_answer", "forget_request"):
            monkeypatch.setattr(client_requests, name, getattr(self, f"_{name}"))

    def _ask(self, session_pk, request_id, method):
        if self.is_full:
            raise TooManyClientRequests
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
    asked_store.answer = TakenAnswer({"result": {"roots": []}})

    assert thread_stream.ask(ROOTS) == {"roots": []}
    ((session_pk, request_id, method, thread),) = asked_store.waiting
    assert (session_pk, method, asked_store.forgotten) == (7, "roots/list", [request_id])
    # In the tool's own thread it would be part of the tool's transaction.
    assert thread != threading.get_ident()


async def test_an_answer_reaches_an_async_tool_in_the_view(asked_store, thread_stream):
    asked_store.answer = TakenAnswer({"result": {"roots": []}})

    assert await thread_stream.aask(ROOTS) == {"roots": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"answer": TakenAnswer({"error": {"message": "no"}})}, ClientRefused),
        ({"answer": TakenAnswer(is_alive=False)}, ClientCannot),
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


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_client_that_has_left_the_view_can_still_cancel_its_request(asked_store, thread_stream, settings, colour):
    """Nobody writes its response any more, and hears of the cancellation so."""
    settings.MCP_CLIENT_GONE_SECONDS = 0.02
    thread_stream.is_left = asked_store.is_cancelled = True

    with pytest.raises(Cancelled):
        thread_stream.ask(ROOTS) if colour == "sync" else async_to_sync(thread_stream.aask)(ROOTS)

    assert thread_stream.cancelled


def test_who_has_no_session_cannot_be_asked_in_the_view():
    with pytest.raises(ClientCannot):
        ThreadRequestStream(1, "modern").ask(ROOTS)
