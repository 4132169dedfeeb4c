"""Observers of calls: each call tells them once that it starts, and once how it ended."""

import asyncio
import json
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.core.asgi import get_asgi_application

from django_mcp import observers
from django_mcp.asgi import mcp_application, request_stream
from django_mcp.observers import Observer
from django_mcp.testing import MCPClient
from tests import wire
from tests.asgi.connections import Connection
from tests.calls import SECRET, SENT, calls
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


class Recorder(Observer):
    counts_queries = True

    def __init__(self, *, blocks=False):
        self.blocks = blocks
        self.begun = []
        self.ended = []

    def started(self, call):
        self.begun.append(call)

    def finished(self, call):
        if self.blocks:
            Group.objects.exists()
        self.ended.append(call)


@pytest.fixture(params=[False, True], ids=["", "blocks"])
def seen(request):
    recorder = Recorder(blocks=request.param)
    observers.observe(recorder)
    yield recorder
    observers.stop_observing(recorder)
    assert [observers.observing, observers.blocking] == [[], []]


def send(client, method, params):
    message = wire.modern_request if client.era == "modern" else wire.request
    return client.post(message(method, params))


@pytest.mark.every_combination
def test_each_call_is_seen_to_start_and_to_end_once_with_its_outcome(connect, era, lane, seen):
    client = connect("/calls")
    client.initialize()

    for sent in SENT:
        seen.begun.clear(), seen.ended.clear()
        answered = send(client, sent.method, sent.params)

        assert seen.begun == seen.ended, sent
        (call,) = seen.ended
        assert (call.outcome, call.error_class, call.name) == (sent.outcome, sent.error_class, sent.name), sent
        assert (call.method, call.server, call.path, call.era) == (sent.method, "calls", "/calls", era)
        assert call.lane == ("view" if "application" in lane else lane["lane"])
        assert call.client_info == client_info(client)
        assert call.body in answered.content
        assert call.seconds > 0
        assert (call.session is not None) == (era == "handshake")
        assert call.protocol_version == client.version
        assert SECRET not in call.error_text or sent.outcome == "tool_error"


def test_each_message_of_a_batch_is_seen_and_what_was_refused_before_it_was_prepared(lane, seen):
    client = MCPClient("/calls", version="2025-03-26", **lane)
    client.initialize()
    messages = [wire.request(one.method, one.params, number) for number, one in enumerate(SENT)]

    client.post(json.dumps([*messages, wire.request("ping", None, "p"), wire.notification()]).encode())
    client.session_id = "s" * 43
    send(client, "tools/call", {"name": "greet", "arguments": {}})

    assert seen.begun == seen.ended
    assert [call.outcome for call in seen.ended] == [*[one.outcome for one in SENT], "invalid"]
    assert seen.ended[-1].error_text == wire.SESSION_NOT_FOUND.decode()


def test_the_rounds_of_a_modern_call_share_a_key_and_a_handshake_client_has_one_round(connect, era, seen):
    client = connect("/calls", answers={"roots": []})

    client.call_tool("ask")
    client.call_tool("ask")

    rounds = [(call.outcome, call.round) for call in seen.ended]
    keys = [call.key for call in seen.ended]
    if era == "modern":
        assert rounds == [("input_required", 0), ("ok", 1)] * 2
        assert keys[0] == keys[1] != keys[2] == keys[3]
    else:
        assert rounds == [("ok", 0)] * 2
        assert keys[0] != keys[1]


def test_queries_and_rows_are_counted_without_a_budget_where_an_observer_wants_them(connect, seen):
    Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    client = connect("/calls")

    client.call_tool("groups")
    client.call_tool("groups_async")
    client.call_tool("greet", {"name": "Ada"})

    assert [(call.queries, call.rows) for call in seen.ended] == [(1, 2), (1, 2), (0, 0)]


def test_a_call_found_by_the_tool_search_is_seen_under_its_own_name(connect, seen):
    connect("/many").call_tool("call_tool", {"name": "pinned", "arguments": {}})
    connect("/many").call_tool("call_tool", {})

    assert [(call.name, call.outcome) for call in seen.ended] == [("pinned", "ok"), ("call_tool", "invalid")]


def test_a_call_whose_client_or_carrier_goes_is_cancelled(seen, monkeypatch):
    """A modern client cancels by hanging up; some servers cancel the task of a request."""
    monkeypatch.setattr(request_stream, "WATCH_AFTER_SECONDS", 0)
    client = MCPClient("/calls", era="modern")
    body = json.dumps(wire.modern_request("tools/call", {"name": "wait", "arguments": {}})).encode()
    headers = [*wire.POST_HEADERS.items(), *client._mirrors(json.loads(body)).items()]

    async def talk(end):
        lane = mcp_application(get_asgi_application())
        connection = Connection(application=lane, scope=wire.scope("/calls", "POST", headers), body=body)
        while not seen.begun:
            await asyncio.sleep(0)
        end(connection, seen.begun[0])
        await asyncio.wait([connection.serving], timeout=10)
        assert seen.begun == seen.ended
        return seen.ended.pop(), seen.begun.clear()

    ends = (
        lambda connection, call: connection.gone.set(),
        lambda connection, call: connection.serving.cancel(),
        lambda connection, call: threading.Thread(target=call.stream.cancel).start(),
    )
    for end in ends:
        assert async_to_sync(talk)(end)[0].outcome == "cancelled"


def test_an_observer_that_raises_is_logged_and_fails_no_call(connect, caplog):
    class Broken(Observer):
        def started(self, call):
            raise RuntimeError("started")

        def finished(self, call):
            raise RuntimeError("finished")

    broken = Broken()
    observers.observe(broken)
    observers.observe(broken)
    try:
        assert connect("/calls").call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    finally:
        observers.stop_observing(broken)

    assert [str(record.exc_info[1]) for record in caplog.records] == ["started", "finished"]
    assert not observers.observing


def test_the_trace_context_is_that_of_meta_else_of_the_header(connect, seen):
    client = connect("/calls", headers={"traceparent": "00-a"})

    client.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})
    client.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}, "_meta": {"traceparent": "00-b"}})

    assert [call.traceparent for call in seen.ended] == ["00-a", "00-b"]


def client_info(client):
    return wire.ENVELOPE["io.modelcontextprotocol/clientInfo"] if client.era == "modern" else client.client_info


class Surrounding(Observer):
    """Notes where it is entered and left."""

    surrounds = True

    def __init__(self, *, fails=""):
        self.fails = fails
        self.heard = []

    @contextmanager
    def around(self, call):
        self.heard.append(f"enter {call.name}")
        if self.fails == "enter":
            raise RuntimeError("enter")
        inside.set(self)
        yield
        inside.set(None)
        self.heard.append(f"leave {call.name}")
        if self.fails == "leave":
            raise RuntimeError("leave")


inside = ContextVar("inside", default=None)


@pytest.mark.every_combination
@cases("tool", ["greet", "greet_async", "fail", "fail_async"])
def test_the_function_runs_inside_of_what_an_observer_puts_around_it(connect, lane, tool, monkeypatch):
    observer, seen = Surrounding(), []
    observers.observe(observer)
    client = connect("/calls")
    client.initialize()
    entry = calls.registry.tools[tool]
    function = entry.signature.function

    def spy(*args, **kwargs):
        seen.append(inside.get())
        return function(*args, **kwargs)

    monkeypatch.setitem(calls.registry.tools, tool, replace(entry, signature=replace(entry.signature, function=spy)))

    send(
        client, "tools/call", {"name": tool, "arguments": {"password": "x"} | ({"name": "Ada"} if "g" in tool else {})}
    )

    observers.stop_observing(observer)
    assert observer.heard == [f"enter {tool}", f"leave {tool}"]
    assert seen == [observer]


@pytest.mark.parametrize("fails", ["enter", "leave"])
@pytest.mark.parametrize("tool", ["greet", "greet_async"])
def test_an_observer_that_fails_around_a_call_is_logged_and_the_call_goes_on(connect, tool, fails, caplog):
    first, second = Surrounding(fails=fails), Surrounding()
    for one in (first, second):
        observers.observe(one)
    client = connect("/calls")
    client.initialize()

    answered = send(client, "tools/call", {"name": tool, "arguments": {"name": "Ada"}})

    for one in (first, second):
        observers.stop_observing(one)
    assert b"Hello, Ada" in answered.content
    assert second.heard == [f"enter {tool}", f"leave {tool}"]
    assert [record.exc_info[1].args[0] for record in caplog.records if record.exc_info] == [fails]
