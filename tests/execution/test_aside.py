"""Work beside the tools' threads: in few threads, which end when they have nothing to do."""

import contextvars
import subprocess
import sys
import threading
import time

import pytest

from django_mcp.execution import aside as module
from django_mcp.execution.aside import LIMIT, Aside


def test_work_is_done_in_few_threads_whoever_hands_it_in():
    aside, together = Aside(), threading.Barrier(LIMIT + 1, timeout=10)

    def meet():
        together.wait()
        return threading.get_ident()

    futures = [aside.submit(meet) for _ in range(LIMIT)]
    more = [aside.submit(threading.get_ident) for _ in range(50)]
    assert len(aside._threads) == LIMIT
    together.wait()
    found = {future.result(10) for future in futures + more}

    assert len(found) == LIMIT
    assert threading.get_ident() not in found
    aside.stop(10)
    assert not aside._threads


def test_what_fails_is_raised_to_whom_it_was_for():
    def fail():
        raise KeyError("x")

    aside = Aside()
    with pytest.raises(KeyError):
        aside.submit(fail).result(10)
    assert aside.submit(int).result(10) == 0
    aside.stop(10)


def test_a_thread_with_nothing_to_do_ends_and_another_begins_when_there_is(monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.001)
    aside = Aside()
    for number in range(20):
        assert aside.submit(lambda number=number: number).result(10) == number
        deadline = time.monotonic() + 10
        while aside._threads and time.monotonic() < deadline:
            threading.Event().wait(0.001)
        assert not aside._threads


def test_work_has_the_context_variables_of_the_thread_that_hands_it_in():
    """A project's tenant is one: docs/recipes.md."""
    aside, tenant = Aside(), contextvars.ContextVar("tenant", default="public")
    contexts = {name: contextvars.copy_context() for name in ("acme", "zeta")}
    for name, context in contexts.items():
        context.run(tenant.set, name)

    found = {name: context.run(aside.submit, tenant.get).result(10) for name, context in contexts.items()}

    assert found == {"acme": "acme", "zeta": "zeta"}
    assert aside.submit(tenant.get).result(10) == "public"
    aside.stop(10)


FORKS = """
import os

import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_mcp"])
django.setup()
from django_mcp.execution.aside import aside

assert aside.submit(os.getpid).result(10) == os.getpid()
child = os.fork()
if child == 0:
    assert aside.submit(os.getpid).result(10) == os.getpid()
    raise SystemExit(0)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_a_process_that_is_forked_has_threads_of_its_own():
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (made.stdout, made.stderr, made.returncode) == ("0\n", "", 0)
