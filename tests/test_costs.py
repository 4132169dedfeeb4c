"""The cost of a call, counted in functions entered, memory left behind, and queries. It is never a time.

Instructions are counted by `python -m benchmarks.instructions --check`, which takes longer. A number that is passed
says that something has become more expensive: it is mended, or the limit raised with a reason.
"""

import gc
import sys

import pytest

from benchmarks.own_code import CASES, send
from django_mcp.testing import MCPClient

ADD = CASES[0]
LIMITS = {"handshake": 70, "modern": 85}
"""Python functions that a call enters, from the bytes of its body to those of its answer: a tenth above what it was."""


@pytest.fixture(params=LIMITS)
def era(request):
    return request.param


def test_a_call_enters_so_many_functions(era):
    sent, entered = send(ADD, era), []
    sent.answer()

    def count(frame, event, argument):
        if event == "call":
            entered.append(frame.f_code.co_qualname)

    sys.setprofile(count)
    try:
        sent.answer()
    finally:
        sys.setprofile(None)

    assert len(entered) <= LIMITS[era], "\n".join(entered)
    assert len(entered) > LIMITS[era] / 2, "The limit says nothing any more."


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
