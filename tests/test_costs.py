"""The cost of a call, counted in functions entered, memory left behind, and queries. It is never a time.

Instructions are counted by `python -m benchmarks.instructions --check`, which takes longer. A number that is passed
says that something has become more expensive: it is mended, or the limit raised with a reason.
"""

import asyncio
import gc
import sys
from pathlib import Path

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

import django_mcp
from benchmarks.own_code import CASES, send
from django_mcp.asgi import mcp_application
from django_mcp.testing import MCPClient
from django_mcp.wsgi import mcp_wsgi_application
from tests import wire

ADD = CASES[0]
LIMITS = {"handshake": 68, "modern": 78}
"""Python functions that a call enters, from the bytes of its body to those of its answer: a tenth above what it was."""

LANE_LIMITS = {"asgi": 156, "wsgi": 156, "view": 146}
"""Functions of this package that a modern call enters in a lane: a tenth above what it was, too."""

OURS = str(Path(django_mcp.__file__).parent)


@pytest.fixture(params=LIMITS)
def era(request):
    return request.param


def test_a_call_enters_so_many_functions(era):
    sent = send(ADD, era)

    entered = entered_by(sent.answer)

    assert len(entered) <= LIMITS[era], "\n".join(code.co_qualname for code in entered)
    assert len(entered) > LIMITS[era] / 2, "The limit says nothing any more."


@pytest.mark.django_db
@pytest.mark.parametrize("lane", LANE_LIMITS)
def test_a_call_enters_so_many_of_our_functions_in_each_lane(lane):
    headers, body = wire.modern_call("add" if lane == "asgi" else "add_sync", a=2, b=3)
    headers = {"host": "testserver", **headers}
    in_asgi, in_wsgi = mcp_application(get_asgi_application()), mcp_wsgi_application(get_wsgi_application())

    def call():
        if lane != "asgi":
            return wire.send_wsgi("/bench/mcp", "POST", headers, body, application=in_wsgi if lane == "wsgi" else None)
        return asyncio.run(wire.over_asgi(in_asgi, "/bench/mcp", "POST", list(headers.items()), [body]))[0]

    assert call().json()["result"]["structuredContent"] == 5
    entered = [code.co_qualname for code in entered_by(call) if code.co_filename.startswith(OURS)]

    assert len(entered) <= LANE_LIMITS[lane], "\n".join(entered)
    assert len(entered) > LANE_LIMITS[lane] / 2, "The limit says nothing any more."


def entered_by(call):
    """The code of each Python function that a call enters, after a first call has filled every cache."""
    entered = []

    def note(frame, event, argument):
        if event == "call":
            entered.append(frame.f_code)

    call()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered


def test_a_call_leaves_no_memory_behind(era):
    sent = send(ADD, era)

    def blocks_after(calls):
        for _ in range(calls):
            sent.answer()
        gc.collect()
        return sys.getallocatedblocks()

    blocks_after(200)
    before = blocks_after(200)
    assert blocks_after(2000) - before < 200


@pytest.mark.django_db
@pytest.mark.parametrize(("era", "queries"), [("handshake", 1), ("modern", 0)])
def test_a_call_asks_the_database_as_often_as_it_has_a_session(lane, era, queries, django_assert_num_queries):
    client = MCPClient("/bench/mcp", era=era, **lane)
    client.call_tool("add", {"a": 2, "b": 3})

    with django_assert_num_queries(queries):
        client.call_tool("add", {"a": 2, "b": 3})
