"""The event loop that a process keeps: one for all, wherever its thread is, and alive whatever its tasks do."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import translation

from django_mcp import MCPServer
from django_mcp.execution.kept_loop import KeptLoop, kept_loop, wait_for
from django_mcp.execution.loops import serving_loop
from django_mcp.execution.runner import run
from django_mcp.execution.threads import LoopContext, hop
from django_mcp.methods.answering import prepare
from tests.answering import CALLER, MODERN, inbound
from tests.wire import modern_request

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


@pytest.fixture
def own_loop():
    loop = KeptLoop()
    yield loop
    loop.stop(10)


async def here():
    return asyncio.get_running_loop(), threading.current_thread().name


def outcome(function):
    server = MCPServer("kept")
    server.tool(name="called")(function)
    return run(prepare(server, inbound(modern_request("tools/call", {"name": "called"}), MODERN), None, CALLER))


def test_async_calls_of_all_threads_run_on_one_loop():
    found = []
    threads = [threading.Thread(target=lambda: found.append(wait_for(here))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert found == [(kept_loop.loop, "django_mcp-loop")] * 3


async def test_async_calls_of_a_worker_thread_run_on_the_loop_that_serves():
    def work():
        serving_loop.set(loop)
        return wait_for(here)

    loop = asyncio.get_running_loop()

    assert (await asyncio.to_thread(work))[0] is loop


@pytest.mark.django_db
def test_sync_work_of_an_async_call_is_in_the_thread_and_the_transaction_that_wait():
    async def work():
        assert LoopContext.here().caller_waits
        idents = [await sync_to_async(threading.get_ident)(), await hop(threading.get_ident)]
        return idents, await Group.objects.filter(name="of the test").aexists()

    Group.objects.create(name="of the test")

    assert wait_for(work) == ([threading.get_ident()] * 2, True)
    assert connection.in_atomic_block


def test_a_task_has_the_context_of_its_caller_and_changes_none(own_loop):
    found, done = [], threading.Event()

    async def work():
        found.append((who.get(), translation.get_language()))
        who.set("the task")
        translation.activate("fr")
        done.set()

    who.set("ada")
    with translation.override("de"):
        own_loop.start(work)
        assert done.wait(10)
        assert (who.get(), translation.get_language()) == ("ada", "de")

    assert found == [("ada", "de")]


def test_a_task_that_raises_system_exit_stops_nobody_else(own_loop, caplog):
    gone, on = threading.Event(), threading.Event()
    tasks = []

    async def leave():
        tasks.append(asyncio.current_task())
        gone.set()
        raise SystemExit(3)

    async def go_on():
        on.set()

    own_loop.start(leave)
    assert gone.wait(10)
    own_loop.start(go_on)

    assert on.wait(10)
    assert "A task has stopped the event loop, which goes on" in caplog.text
    # Taken here: otherwise asyncio logs it when the collector meets the task, in the middle of another test.
    assert isinstance(tasks[0].exception(), SystemExit)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_function_that_raises_system_exit_in_a_thread_has_failed(colour):
    def leave():
        raise SystemExit(3)

    async def leave_async():
        raise SystemExit(3)

    found = []
    function = leave if colour == "sync" else leave_async
    thread = threading.Thread(target=lambda: found.append(outcome(function)))
    thread.start()
    thread.join(10)

    assert str(found[0].error) == "The function raised SystemExit(3)"


def test_a_signal_that_raises_system_exit_in_the_main_thread_is_obeyed():
    def interrupted():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        outcome(interrupted)


def test_tasks_end_when_the_loop_is_stopped_and_another_loop_is_made_afterwards():
    loop = KeptLoop()
    begun, ended, again = threading.Event(), threading.Event(), threading.Event()

    async def wait():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def note():
        again.set()

    loop.start(wait)
    assert begun.wait(10)
    first = loop.loop
    loop.stop(10)
    assert ended.is_set()
    assert first.is_closed()

    loop.start(note)
    assert again.wait(10)
    loop.stop(10)


@pytest.mark.parametrize("library", ["gevent.monkey", "eventlet.patcher"])
def test_there_is_no_loop_among_greenlets(monkeypatch, library):
    """It would run in the thread of all of them, where Django refuses the ORM."""
    patched = SimpleNamespace(is_module_patched=lambda name: True, is_monkey_patched=lambda name: True)
    monkeypatch.setitem(sys.modules, library, patched)

    with pytest.raises(ImproperlyConfigured, match="--worker-class gthread"):
        KeptLoop().start(here)


FORKS = """
import os
from django.conf import settings
settings.configure()
from django_mcp.execution.kept_loop import kept_loop, wait_for

async def pid():
    return os.getpid()

assert wait_for(pid) == os.getpid()
parents = kept_loop.loop
child = os.fork()
if child == 0:
    assert wait_for(pid) == os.getpid() and kept_loop.loop is not parents
    raise SystemExit(0)
_, status = os.waitpid(child, 0)
assert wait_for(pid) == os.getpid() and kept_loop.loop is parents
print(os.waitstatus_to_exitcode(status))
"""


def test_a_process_that_is_forked_has_a_loop_of_its_own():
    """A server loads the project, which may call an async function, and forks its workers then."""
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    made = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert (made.stdout, made.stderr, made.returncode) == ("0\n", "", 0)
