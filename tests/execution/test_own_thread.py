"""The threads that async calls are lent: used again, bounded, and never another call's while they are one's own."""

import asyncio
import gc
import threading
from contextlib import nullcontext

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from django_mcp.execution import threads
from django_mcp.execution.own_thread import OwnThread, waiting_call
from django_mcp.execution.threads import Pool
from tests.endpoint.request_streams import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def lent(monkeypatch, settings):
    settings.MCP_ASYNC_THREADS = settings.MCP_THREADS = 2
    pool = Pool(threads._lent._most)
    monkeypatch.setattr(threads, "_lent", pool)
    yield pool
    pool.stop(10)
    assert not pool._threads


def used():
    """The thread that database work runs in, and its connection, opened."""
    connection.ensure_connection()
    return threading.get_ident(), id(connection.connection)


async def call(work=used, *, meanwhile=None, atomic=None):
    with OwnThread(lambda: atomic or nullcontext()) as own:
        try:
            found = await sync_to_async(work)()
            if meanwhile is not None:
                await meanwhile()
            return found
        finally:
            await own.finish(None)


def test_the_next_call_has_a_thread_and_a_connection_of_earlier_ones(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)

    async def talk():
        return [await call() for _ in range(20)]

    # The next may be asked for before the last one has noted that it is free.
    assert len(set(asyncio.run(talk()))) <= 2


def test_so_many_calls_have_a_thread_at_once_and_those_that_wait_for_a_client_do_not_count(lent):
    async def talk():
        let_go = asyncio.Event()
        holding = [asyncio.create_task(call(meanwhile=let_go.wait)) for _ in range(2)]
        late = asyncio.create_task(call())
        done, _ = await asyncio.wait([late], timeout=0.05)
        assert not done

        async def wait():
            with waiting_call():
                await let_go.wait()

        # A call that waits makes room for another.
        let_go.set()
        await asyncio.gather(*holding, late)
        let_go.clear()
        waiting = [asyncio.create_task(call(meanwhile=wait)) for _ in range(5)]
        await asyncio.wait_for(call(), 10)
        let_go.set()
        await asyncio.gather(*waiting)
        # A thread hands its result over before it leaves.
        await until(lambda: len(lent._threads) <= 2)

    asyncio.run(talk())


def test_threads_for_many_calls_stay_while_there_are_calls_and_leave_when_there_are_none(lent, monkeypatch, settings):
    """Otherwise a busy process would open connections again and again."""
    settings.MCP_ASYNC_THREADS = 6

    async def together(count):
        ready = asyncio.Barrier(count)
        return {thread for thread, _ in await asyncio.gather(*(call(meanwhile=ready.wait) for _ in range(count)))}

    async def talk():
        first = await together(6)
        again = [await together(count) for count in (1, 6, 2, 6)]
        assert set().union(*again) == first
        monkeypatch.setattr(threads, "IDLE_SECONDS", 0.001)
        # Those that wait already still have the time of before.
        await together(6)
        await until(lambda: len(lent._threads) == settings.MCP_THREADS)
        return await call(int)

    assert asyncio.run(talk()) == 0


class Broken(nullcontext):
    def __enter__(self):
        raise OSError("no transaction")


def test_a_transaction_that_cannot_begin_fails_its_call_and_not_the_next():
    async def talk():
        with pytest.raises(OSError, match="no transaction"):
            await call(atomic=Broken())
        return await call(int)

    assert asyncio.run(talk()) == 0


def test_what_fails_in_the_thread_fails_in_the_call():
    def fail():
        raise KeyError("x")

    async def talk():
        with OwnThread(nullcontext) as own:
            with pytest.raises(KeyError):
                await sync_to_async(fail)()
            assert await sync_to_async(int)() == 0
            await own.finish(None)

    asyncio.run(talk())


def test_stop_iteration_in_the_thread_fails_the_call():
    """Before Python 3.12, a future refuses it, and the call would wait for ever."""

    async def talk():
        with OwnThread(nullcontext) as own:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await asyncio.wait_for(sync_to_async(next)(iter([])), 10)
            await own.finish(None)

    asyncio.run(talk())


@pytest.mark.parametrize("work", [used, None], ids=["lent", "not lent"])
def test_a_task_that_outlives_its_call_works_in_the_threads_of_short_work(lent, work):
    """Nobody would return a thread of the call, and one of asgiref's would keep its connection."""

    async def talk():
        with OwnThread(nullcontext) as own:
            if work is not None:
                await sync_to_async(work)()
            left = asyncio.create_task(sync_to_async(threading.current_thread)())
            if work is not None:
                await own.finish(None)
        # A thread hands its result over before it is free.
        await until(lambda: lent._open == 0)
        return await left

    assert asyncio.run(talk()) in threads._pool._threads


def test_a_call_leaves_nothing_for_the_garbage_collector():
    async def talk():
        for _ in range(100):
            with OwnThread(nullcontext):
                pass

    with asyncio.Runner() as runner:
        runner.run(talk())
        gc.collect()
        gc.disable()
        try:
            runner.run(talk())
            assert gc.collect() < 100
        finally:
            gc.enable()
