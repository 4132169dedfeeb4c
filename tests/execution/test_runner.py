"""Functions of both colours under carriers of both colours: what they return, and what becomes of what they wrote."""

import asyncio
import contextvars
import json
import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_mcp import MCPServer, ToolError, ToolResult
from django_mcp.exceptions import Cancelled
from django_mcp.execution.runner import arun, run
from django_mcp.methods.answering import prepare
from django_mcp.primitives.asking import InputRequired
from tests import wire
from tests.answering import CALLER, MODERN, inbound
from tests.tables import cases

who = contextvars.ContextVar("who", default="nobody")

FAILURES = {
    "tool": ToolError("no"),
    "fault": ValueError("no"),
    "result": TypeError("no"),
    "cancelled": Cancelled("no"),
    "questions": InputRequired(state="no"),
}

server = MCPServer("test")


class Unwritable:
    """A value that no result can be made of."""


def finish(how):
    if how == "unwritable":
        return Unwritable()
    if how is not None:
        raise FAILURES[how]
    return "done"


@server.tool
def write(name: str, how: str | None = None):
    Group.objects.create(name=name)
    return finish(how)


@server.tool
async def write_async(name: str, how: str | None = None):
    await Group.objects.acreate(name=name)
    return finish(how)


@server.tool(name="write_in_thread_async")
async def write_in_thread(name: str, how: str | None = None):
    await sync_to_async(Group.objects.create)(name=name)
    await Group.objects.acreate(name=f"{name} too")
    return finish(how)


@server.tool(atomic=False)
def scribble(name: str, how: str | None = None):
    Group.objects.create(name=name)
    return finish(how)


@server.tool(atomic=False)
async def scribble_async(name: str, how: str | None = None):
    await Group.objects.acreate(name=name)
    return finish(how)


@server.tool
def refuse(name: str):
    Group.objects.create(name=name)
    return ToolResult(content="no", is_error=True)


@server.tool
async def refuse_async(name: str):
    await Group.objects.acreate(name=name)
    return ToolResult(content="no", is_error=True)


@server.tool
def list_groups():
    return Group.objects.order_by("name").values("name")


@server.tool
async def list_groups_async():
    return Group.objects.order_by("name").values("name")


@server.tool
async def write_and_list_async(name: str):
    await Group.objects.acreate(name=name)
    return Group.objects.order_by("name").values("name")


@server.tool
def dangle():
    Permission.objects.create(name="x", codename="x", content_type_id=2**31 - 1)


@server.tool
async def dangle_async():
    await Permission.objects.acreate(name="x", codename="x", content_type_id=2**31 - 1)


after_commit = []


def note(name):
    transaction.on_commit(lambda: after_commit.append((name, connection.in_atomic_block)))


@server.tool
def note_commit(how: str | None = None):
    note("noted")
    return finish(how)


@server.tool
async def note_commit_async(how: str | None = None):
    await sync_to_async(note)("noted")
    return finish(how)


@server.tool
def say_who():
    return f"{who.get()} {threading.current_thread() is threading.main_thread()}"


@server.tool
async def say_who_async():
    return f"{who.get()} {threading.current_thread() is threading.main_thread()}"


@server.tool
def touch_nothing():
    return "done"


@server.tool
async def touch_nothing_async():
    return "done"


@server.tool
def lock(name: str):
    return Group.objects.select_for_update().get(name=name).name


@server.tool
async def lock_async(name: str):
    return (await Group.objects.select_for_update().aget(name=name)).name


@server.tool(dry_run=True)
def try_out(how: str | None = None):
    Group.objects.create(name="tried")
    note("tried")
    return finish(how)


@server.tool(name="try_out_async", dry_run=True)
async def atry_out(how: str | None = None):
    await Group.objects.acreate(name="tried")
    await sync_to_async(note)("tried")
    return finish(how)


@pytest.fixture(autouse=True)
def nothing_noted():
    after_commit.clear()


@pytest.fixture(autouse=True)
def no_connection_kept(monkeypatch):
    """Keeps no connection in the threads of the pool, which outlive the tests and their database."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)


def in_this_thread(call):
    return run(call)


def under_a_waiting_caller(call):
    """As an async server is called by sync code: a test, or a view under WSGI."""
    return async_to_sync(arun)(call)


def on_an_event_loop(call):
    return asyncio.run(arun(call))


CARRIERS = [in_this_thread, under_a_waiting_caller, on_an_event_loop]
COLOURS = ["", "_async"]

colours = pytest.mark.parametrize("colour", COLOURS)
carriers = pytest.mark.parametrize("carry", CARRIERS)
transactional = pytest.mark.django_db(transaction=True)

in_a_test_case = pytest.mark.django_db
same_thread = pytest.mark.parametrize("carry", [in_this_thread, under_a_waiting_caller])
"""The carriers that stay in the thread of a test, and so in its transaction."""


def call_of(tool, **arguments):
    message = wire.modern_request("tools/call", {"name": tool, "arguments": arguments})
    return prepare(server, inbound(message, MODERN), None, CALLER)


def names():
    return sorted(Group.objects.values_list("name", flat=True))


def text_of(outcome):
    assert outcome.error is None, outcome.error
    (block,) = outcome.result["content"]
    return block["text"]


# The value that a function returns


@transactional
@carriers
@colours
def test_an_outcome_is_what_the_function_returned(carry, colour):
    assert text_of(carry(call_of(f"touch_nothing{colour}"))) == "done"


@same_thread
@colours
def test_a_function_that_touches_no_database_needs_none(carry, colour):
    # Without a mark, pytest-django refuses whatever goes to a database.
    assert carry(call_of(f"touch_nothing{colour}")).error is None


@transactional
@same_thread
@colours
def test_a_function_that_touches_no_database_costs_no_query(carry, colour):
    with CaptureQueriesContext(connection) as queries:
        carry(call_of(f"touch_nothing{colour}"))

    assert queries.captured_queries == []


@transactional
@carriers
@colours
@cases("how", ["tool", "fault", "result", "cancelled"])
def test_an_outcome_is_what_the_function_raised(carry, colour, how):
    outcome = carry(call_of(f"write{colour}", name="x", how=how))

    assert (outcome.result, outcome.error) == (None, FAILURES[how])


@transactional
@carriers
@pytest.mark.parametrize("name", ["list_groups", "list_groups_async"])
def test_a_queryset_is_read_where_the_function_ran(carry, name):
    Group.objects.create(name="a")
    Group.objects.create(name="b")

    assert json.loads(text_of(carry(call_of(name)))) == [{"name": "a"}, {"name": "b"}]


@transactional
@carriers
def test_a_queryset_of_an_async_function_sees_what_the_function_wrote(carry):
    assert json.loads(text_of(carry(call_of("write_and_list_async", name="a")))) == [{"name": "a"}]


@transactional
@carriers
@colours
def test_a_function_runs_in_the_context_of_its_request(carry, colour):
    token = who.set("ada")
    try:
        assert text_of(carry(call_of(f"say_who{colour}"))).startswith("ada ")
    finally:
        who.reset(token)


@transactional
@pytest.mark.parametrize(
    ("carry", "name", "expected"),
    [
        (on_an_event_loop, "say_who", False),
        (on_an_event_loop, "say_who_async", True),
        (under_a_waiting_caller, "say_who", True),
        (in_this_thread, "say_who", True),
    ],
)
def test_a_sync_function_keeps_off_the_event_loop(carry, name, expected):
    assert text_of(carry(call_of(name))) == f"nobody {expected}"


# The rows that a function wrote


@transactional
@carriers
@colours
def test_what_a_function_wrote_is_kept(carry, colour):
    assert text_of(carry(call_of(f"write{colour}", name="kept"))) == "done"

    assert names() == ["kept"]


@transactional
@carriers
@colours
@cases("how", ["tool", "fault", "cancelled", "questions", "unwritable"])
def test_what_a_function_wrote_is_undone_when_it_fails(carry, colour, how):
    """The same holds when the client must answer first, because the function will run again from the top."""
    outcome = carry(call_of(f"write{colour}", name="undone", how=how))

    assert outcome.result is None
    assert (outcome.required is not None) is (how == "questions")
    assert names() == []


@transactional
@carriers
@pytest.mark.parametrize("how", [None, "fault"])
def test_all_that_an_async_function_sends_to_threads_is_one_transaction(carry, how):
    carry(call_of("write_in_thread_async", name="a", how=how))

    assert names() == ([] if how else ["a", "a too"])


@transactional
@carriers
@colours
def test_what_a_function_wrote_is_kept_when_it_returns_its_failure(carry, colour):
    """A function that returns an error has decided to keep its writes. It raises to undo them."""
    assert carry(call_of(f"refuse{colour}", name="kept")).result["isError"] is True

    assert names() == ["kept"]


@transactional
@carriers
@pytest.mark.parametrize("name", ["scribble", "scribble_async"])
def test_nothing_is_undone_where_the_tool_says_so(carry, name):
    assert carry(call_of(name, name="kept", how="fault")).error is FAILURES["fault"]

    assert names() == ["kept"]


@transactional
@carriers
@pytest.mark.parametrize("name", ["dangle", "dangle_async"])
def test_what_cannot_be_committed_is_a_failure_of_the_call(carry, name):
    """A foreign key is checked at the end of the transaction."""
    outcome = carry(call_of(name))

    assert isinstance(outcome.error, IntegrityError)
    assert not Permission.objects.filter(codename="x").exists()


@transactional
@carriers
@pytest.mark.parametrize("name", ["lock", "lock_async"])
def test_rows_can_be_locked(carry, name):
    Group.objects.create(name="locked")

    assert text_of(carry(call_of(name, name="locked"))) == "locked"


@transactional
@carriers
@colours
def test_what_waits_for_the_commit_runs_once_after_it(carry, colour):
    carry(call_of(f"note_commit{colour}"))

    assert after_commit == [("noted", False)]


@transactional
@carriers
@colours
def test_what_waits_for_the_commit_of_a_failed_call_never_runs(carry, colour):
    carry(call_of(f"note_commit{colour}", how="fault"))

    assert after_commit == []


@transactional
@carriers
@colours
def test_one_call_leaves_nothing_behind_for_the_next(carry, colour):
    for how in ("fault", "questions"):
        carry(call_of(f"write{colour}", name="undone", how=how))
    carry(call_of(f"write{colour}", name="kept"))

    assert names() == ["kept"]


# Inside a transaction of the caller's


@in_a_test_case
@same_thread
@colours
def test_inside_a_transaction_what_a_function_wrote_is_seen_at_once(carry, colour):
    Group.objects.create(name="before")

    carry(call_of(f"write{colour}", name="kept"))

    assert names() == ["before", "kept"]
    assert json.loads(text_of(carry(call_of(f"list_groups{colour}")))) == [{"name": "before"}, {"name": "kept"}]


@in_a_test_case
@same_thread
@colours
@cases("how", ["tool", "fault", "questions"], undone=True)
def test_inside_a_transaction_only_what_the_function_wrote_is_undone(carry, colour, how):
    Group.objects.create(name="before")

    carry(call_of(f"write{colour}", name="undone", how=how))

    assert names() == ["before"]


@in_a_test_case
@same_thread
@colours
def test_inside_a_transaction_functions_wait_for_its_commit(carry, colour, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        carry(call_of(f"note_commit{colour}"))
        carry(call_of(f"note_commit{colour}", how="fault"))
        assert after_commit == []

    assert [name for name, _ in after_commit] == ["noted"]


# Cancellation


async def started_and_cancelled(function, then=lambda: None):
    """A call that was cancelled where `function` waits; `then` is called at once."""
    reached = asyncio.Event()
    cancelling = MCPServer("test")

    @cancelling.tool(name="wait")
    async def wait():
        await function(reached)

    message = wire.modern_request("tools/call", {"name": "wait", "arguments": {}})
    task = asyncio.create_task(arun(prepare(cancelling, inbound(message, MODERN), None, CALLER)))
    await asyncio.wait_for(reached.wait(), 5)
    task.cancel()
    then()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


def run_for_a_waiting_caller(task):
    async def wait():
        await task

    async_to_sync(wait)()


async def write_and_wait(reached):
    await Group.objects.acreate(name="undone")
    reached.set()
    await asyncio.Event().wait()


async def catch_and_wait(reached):
    try:
        await write_and_wait(reached)
    finally:
        await Group.objects.acreate(name="undone too")


@transactional
@pytest.mark.parametrize("function", [write_and_wait, catch_and_wait])
@pytest.mark.parametrize("start", [asyncio.run, run_for_a_waiting_caller])
def test_what_a_cancelled_function_wrote_is_undone(start, function):
    start(started_and_cancelled(function))

    assert names() == []


@transactional
def test_a_function_that_is_cancelled_in_the_middle_of_a_query_writes_nothing():
    going, gone = threading.Event(), threading.Event()

    def write_slowly(reached):
        Group.objects.create(name="undone")
        reached()
        going.wait(5)
        Group.objects.create(name="undone too")
        gone.set()

    async def query(reached):
        loop = asyncio.get_running_loop()
        await sync_to_async(write_slowly)(lambda: loop.call_soon_threadsafe(reached.set))

    asyncio.run(started_and_cancelled(query, going.set))

    assert gone.wait(5)
    assert names() == []


@transactional
def test_a_call_after_a_cancelled_one_has_a_transaction_of_its_own():
    async def two():
        await started_and_cancelled(write_and_wait)
        return await arun(call_of("write_async", name="kept"))

    assert text_of(asyncio.run(two())) == "done"
    assert names() == ["kept"]


# Calls beside one another


@transactional
def test_calls_at_the_same_time_have_a_transaction_each():
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database takes one writer at a time, and lets no other wait")

    async def together():
        calls = [call_of("write_async", name=f"{n}", how="fault" if n % 2 else None) for n in range(8)]
        return await asyncio.gather(*map(arun, calls))

    outcomes = asyncio.run(together())

    assert [outcome.error is None for outcome in outcomes] == [True, False] * 4
    assert names() == ["0", "2", "4", "6"]


@colours
@carriers
@transactional
def test_a_dry_run_leaves_nothing_and_nothing_waits_for_its_commit(colour, carry):
    outcome = carry(call_of(f"try_out{colour}", dry_run=True))

    assert (outcome.error, outcome.result["content"][0]["text"]) == (None, "done")
    assert (Group.objects.count(), after_commit) == (0, [])

    carry(call_of(f"try_out{colour}"))
    assert (Group.objects.count(), after_commit) == (1, [("tried", False)])


@colours
@carriers
@transactional
@cases("how", FAILURES)
def test_a_dry_run_fails_as_the_call_would(colour, carry, how):
    outcome = carry(call_of(f"try_out{colour}", how=how, dry_run=True))

    assert outcome.result is None
    assert (outcome.error or outcome.required) == FAILURES[how]
    assert Group.objects.count() == 0
