"""Sync work beside an event loop: in which thread it runs, how many there are, and what comes back."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import time
import weakref
from functools import partial
from queue import SimpleQueue

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group
from django.core.cache import caches
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from django_mcp.execution import threads
from django_mcp.execution.threads import LoopContext, Pool, hop
from django_mcp.execution.transactions import LazyAtomic
from django_mcp.models import Session
from django_mcp.testing import MCPClient

pytestmark = pytest.mark.django_db(transaction=True)

who = contextvars.ContextVar("who", default="nobody")


@pytest.fixture(autouse=True)
def own_pool(monkeypatch):
    """One of the test's own, whose threads end with it, and their connections with them."""
    pool = Pool()
    monkeypatch.setattr(threads, "_pool", pool)
    yield pool
    pool.stop(10)
    assert not pool._threads


def names(count):
    """The threads of so many hops at once, each of which waits for all the others."""
    together = threading.Barrier(count, timeout=10)

    def name():
        together.wait()
        return threading.current_thread().name

    async def many():
        return await asyncio.gather(*(hop(name) for _ in range(count)))

    return asyncio.run(many())


def test_a_hop_gives_back_what_the_function_returns_and_raises():
    def fail():
        raise KeyError("x")

    assert asyncio.run(hop(max, 1, 2)) == 2
    assert async_to_sync(hop)(max, 1, 2) == 2
    with pytest.raises(KeyError):
        asyncio.run(hop(fail))


def test_a_hop_to_a_function_that_raises_stop_iteration_has_failed():
    """Before Python 3.12, a future refuses it, and whoever waits would wait for ever."""
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(asyncio.wait_for(hop(next, iter([])), 10))


def test_a_hop_leads_to_a_thread_of_a_pool_and_under_a_waiting_caller_to_its_own():
    def name():
        return threading.current_thread().name

    assert asyncio.run(hop(name)).startswith("django_mcp")
    assert async_to_sync(hop)(name) == threading.main_thread().name


def test_a_place_says_whether_somebody_waits():
    async def waits():
        return LoopContext.here().caller_waits

    assert asyncio.run(waits()) is False
    assert async_to_sync(waits)() is True


def test_a_function_runs_in_the_context_of_whom_it_is_for():
    async def talk():
        who.set("ada")
        return await hop(who.get)

    assert asyncio.run(talk()) == "ada"
    assert who.get() == "nobody"


def test_hops_run_beside_one_another(own_pool):
    assert len(set(names(4))) == 4
    assert len(own_pool._threads) == 4


def test_a_thread_that_is_free_is_used_again(own_pool):
    async def one_after_another():
        for _ in range(20):
            await hop(int)

    asyncio.run(one_after_another())

    # The next may be asked for before the last one has noted that it is free.
    assert len(own_pool._threads) <= 2


def test_there_are_no_more_threads_than_the_setting_says(own_pool, settings):
    settings.MCP_THREADS = 2
    running, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    async def many():
        await asyncio.gather(*(hop(work) for _ in range(20)))

    asyncio.run(many())
    assert (most, len(own_pool._threads)) == (2, 2)


def test_a_thread_that_waits_for_a_client_lets_another_work(own_pool, settings):
    settings.MCP_THREADS = 1
    answered = threading.Event()

    def wait():
        with threads.waiting_thread():
            return answered.wait(10)

    async def talk():
        waiting = asyncio.ensure_future(hop(wait))
        await hop(answered.set)
        return await waiting

    assert asyncio.run(talk()) is True
    # There is one too many now: either goes when it is free, and what is handed in finds the other.
    deadline = time.monotonic() + 10
    while len(own_pool._threads) > 1 and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    assert len(own_pool._threads) == 1
    assert asyncio.run(hop(max, 1, 2)) == 2


def test_threads_that_have_waited_leave_as_many_as_there_were(own_pool, settings):
    """Work that is handed in afterwards always gets a thread, however often the others have waited."""
    settings.MCP_THREADS = 2

    def wait(together):
        for _ in range(5):
            with threads.waiting_thread():
                together.wait()

    async def talk():
        together = threading.Barrier(8, timeout=10)
        await asyncio.gather(*(hop(wait, together) for _ in range(8)))
        return await asyncio.wait_for(asyncio.gather(*(hop(int, number) for number in range(50))), 10)

    assert asyncio.run(talk()) == list(range(50))
    assert len(own_pool._threads) >= 1


def test_what_is_called_off_before_it_begins_is_never_done(settings):
    settings.MCP_THREADS = 1
    begin, done = threading.Event(), []

    async def talk():
        first = asyncio.ensure_future(hop(begin.wait, 10))
        second = asyncio.ensure_future(hop(done.append, "second"))
        await asyncio.sleep(0)
        second.cancel()
        begin.set()
        await first
        await hop(done.append, "third")

    asyncio.run(talk())
    assert done == ["third"]


def test_what_many_threads_have_done_comes_back_whole():
    async def many():
        return await asyncio.gather(*(hop(int, number) for number in range(1000)))

    assert asyncio.run(many()) == list(range(1000))


def test_work_that_outlives_its_loop_harms_nobody():
    begin = threading.Event()

    async def leave():
        task = asyncio.ensure_future(hop(begin.wait, 10))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    begin.set()
    assert asyncio.run(hop(max, 1, 2)) == 2


def test_a_loop_that_is_gone_is_forgotten(own_pool):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(hop(int))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    # The thread lets go of the loop a moment after it has delivered the result.
    deadline = time.monotonic() + 10
    while gone() is not None and time.monotonic() < deadline:
        threading.Event().wait(0.001)
        gc.collect()

    assert gone() is None
    assert len(own_pool._results) == 0


def test_a_connection_that_has_failed_is_closed_before_the_next_work():
    def fail():
        connection.ensure_connection()
        connection.errors_occurred = True
        return connection

    async def talk():
        broken = await hop(fail)
        return broken.errors_occurred

    assert asyncio.run(talk()) is False


@pytest.mark.parametrize("closes", [False, True], ids=["open", "closed"])
def test_an_atomic_that_work_leaves_open_is_undone_and_the_next_work_has_one_of_its_own(settings, closes):
    settings.MCP_THREADS = 1

    def leave_open():
        # One to a database in memory is never closed otherwise.
        connection.close = partial(BaseDatabaseWrapper.close, connection)
        transaction.atomic().__enter__()
        Group.objects.create(name="undone")
        if closes:
            connection.close()

    def write():
        assert not connection.in_atomic_block
        with LazyAtomic():
            Group.objects.create(name="kept")

    async def talk():
        await hop(leave_open)
        await hop(write)

    asyncio.run(talk())

    assert list(Group.objects.values_list("name", flat=True)) == ["kept"]


def test_a_connection_that_is_closed_is_not_opened_to_be_looked_at(settings, monkeypatch):
    settings.MCP_THREADS = 1

    def leave_closed():
        connection.ensure_connection()
        connection.connection.close()
        connection.connection = None

    def refuse(self):
        raise AssertionError("It was opened.")

    async def talk():
        await hop(leave_closed)
        monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)
        return await hop(max, 1, 2)

    assert asyncio.run(talk()) == 2


def test_a_thread_that_ends_closes_its_connections(own_pool):
    def connect():
        connection.ensure_connection()
        return connections["default"]

    # To look at it from here is not what a thread may do with another's.
    used = asyncio.run(hop(connect))
    own_pool.stop(10)

    assert used.connection is None or used.vendor == "sqlite"  # One in memory is never closed.


def test_a_thread_that_a_request_waits_for_serves_the_next_one_in_the_context_of_that(monkeypatch):
    pool = Pool(lambda: 1)
    monkeypatch.setattr(threads, "_awaited", pool)
    ran = SimpleQueue()
    for name in ("ada", "bob"):
        context = contextvars.copy_context()
        context.run(who.set, name)
        context.run(threads.run_in_thread, lambda: ran.put((threading.get_ident(), who.get())))

    (one, first), (other, second) = ran.get(timeout=10), ran.get(timeout=10)
    pool.stop(10)

    assert (first, second) == ("ada", "bob")
    assert one == other


FORKS = """
import os
from queue import SimpleQueue

import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_mcp"])
django.setup()
from django_mcp.execution.threads import run_in_thread

def pid():
    found = SimpleQueue()
    run_in_thread(lambda: found.put(os.getpid()))
    return found.get(timeout=10)

assert pid() == os.getpid()
child = os.fork()
if child == 0:
    assert pid() == os.getpid()
    raise SystemExit(0)
_, status = os.waitpid(child, 0)
assert pid() == os.getpid()
print(os.waitstatus_to_exitcode(status))
"""


def test_a_process_that_is_forked_has_threads_of_its_own():
    """A server loads the project, which may call a tool, and forks its workers then."""
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    made = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert (made.stdout, made.stderr, made.returncode) == ("0\n", "", 0)


def test_a_thread_that_a_request_waits_for_closes_a_connection_that_has_failed(monkeypatch):
    pool = Pool(lambda: 1)
    monkeypatch.setattr(threads, "_awaited", pool)
    found = SimpleQueue()

    def fail():
        connection.ensure_connection()
        connection.errors_occurred = True

    threads.run_in_thread(fail)
    threads.run_in_thread(lambda: found.put(connection.errors_occurred))

    assert found.get(timeout=10) is False
    pool.stop(10)


def test_caches_that_a_thread_keeps_are_those_of_each_context():
    made = []
    for _ in range(2):
        context = contextvars.Context()
        context.run(threads.keep_caches)
        made.append(context.copy().run(lambda: caches["default"]))

    assert made[0] is made[1]


def test_a_client_in_a_thread_of_a_running_loop_works_in_the_transaction_of_that_thread():
    def talk():
        with transaction.atomic():
            MCPClient("/bench/mcp", lane="asgi", era="handshake").request("ping")
            opened = Session.objects.count()
            transaction.set_rollback(True)
        connections.close_all()
        return opened

    assert asyncio.run(sync_to_async(talk)()) == 1
    assert Session.objects.count() == 0


def test_work_that_nobody_waits_for_is_logged_when_it_fails(own_pool, caplog):
    def fail():
        raise KeyError("lost")

    own_pool.start(fail)
    own_pool.stop(10)

    assert [record.exc_info[1].args for record in caplog.records] == [("lost",)]
