"""Which event loop serves requests, as the threads that it sends work to see it."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async

from django_mcp.execution.loops import serving_loop
from django_mcp.execution.threads import hop


def test_code_that_no_loop_serves_has_none():
    assert serving_loop.get() is None


@pytest.mark.django_db  # A worker thread may have a connection, and closes it when it is old.
async def test_work_in_a_worker_thread_knows_the_loop_that_sent_it():
    found = await hop(lambda: (serving_loop.get(), threading.current_thread() is threading.main_thread()))

    assert found == (asyncio.get_running_loop(), False)


@pytest.mark.django_db
async def test_a_loop_is_known_to_the_work_alone():
    await hop(lambda: None)

    assert serving_loop.get() is None
    assert await sync_to_async(serving_loop.get)() is None
