"""The promises of `LazyAtomic`. No test runs inside a transaction of its own, except those that say so."""

from contextlib import contextmanager, suppress

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from django_mcp.execution.guards import WroteInReadOnly
from django_mcp.execution.transactions import LazyAtomic, release_connections

transactional = pytest.mark.django_db(transaction=True)
in_a_test_case = pytest.mark.django_db


class Failure(Exception):
    """The exception that the block under test raises."""


@contextmanager
def failing_block(error=Failure):
    """A block that raises when all that stands in it is done."""
    try:
        with LazyAtomic():
            yield
            raise error
    except error:
        pass


@contextmanager
def failing_atomic(**options):
    """The same for an `atomic()` that the block opens itself."""
    try:
        with transaction.atomic(**options):
            yield
            raise Failure
    except Failure:
        pass


@pytest.fixture
def closed(transactional_db):
    """Runs a test as the first request of a new thread runs: with no connection yet. An in-memory database lives on in
    the connection that is put aside.
    """
    kept, connection.connection = connection.connection, None
    yield
    if connection.connection is not None:
        BaseDatabaseWrapper.close(connection)
    connection.connection = kept


@pytest.fixture(params=["open", "closed"])
def opened_or_not(request):
    """Runs a test on a connection that is open already, and on one that the block opens."""
    request.getfixturevalue("closed" if request.param == "closed" else "transactional_db")
    if request.param == "open":
        connection.ensure_connection()


def names():
    return sorted(Group.objects.values_list("name", flat=True))


def on_commit(function, queries):
    """Has a function wait for the commit, with queries before it, after it, both or none."""
    if queries in ("before", "both"):
        names()
    transaction.on_commit(function)
    if queries in ("after", "both"):
        names()


def undo_and_keep():
    """Two blocks, one after the other: the first fails."""
    with failing_block():
        Group.objects.create(name="undone")
    with LazyAtomic():
        Group.objects.create(name="kept")


def write_and_close():
    with LazyAtomic():
        Group.objects.create(name="lost with its connection")
        BaseDatabaseWrapper.close(connection)


def write_in_an_open_atomic(error=None):
    with LazyAtomic():
        transaction.atomic().__enter__()
        Group.objects.create(name="lost")
        if error is not None:
            raise error


def state():
    """The state of a connection's transactions. Every block must leave it unchanged."""
    return {
        "in_atomic_block": connection.in_atomic_block,
        "savepoint_ids": list(connection.savepoint_ids),
        "atomic_blocks": list(connection.atomic_blocks),
        "run_on_commit": list(connection.run_on_commit),
        "needs_rollback": connection.needs_rollback,
        "closed_in_transaction": connection.closed_in_transaction,
        "patched": "ensure_connection" in connection.__dict__,
    }


IDLE = {
    "in_atomic_block": False,
    "savepoint_ids": [],
    "atomic_blocks": [],
    "run_on_commit": [],
    "needs_rollback": False,
    "closed_in_transaction": False,
    "patched": False,
}


# A database that is not touched costs nothing


@transactional
def test_a_block_that_touches_no_database_asks_nothing_of_it():
    with CaptureQueriesContext(connection) as queries, LazyAtomic():
        pass

    assert queries.captured_queries == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_touches_no_database_opens_no_connection():
    with LazyAtomic():
        assert connection.connection is None

    assert connection.connection is None
    assert state() == IDLE


def test_a_block_needs_no_database_at_all():
    # Without the mark, pytest-django refuses whatever goes to a database.
    with LazyAtomic():
        pass


def test_what_a_block_raises_without_a_database_is_raised():
    with failing_block():
        pass


@transactional
def test_the_first_query_begins_one_transaction():
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as queries, LazyAtomic():
        names()
        names()

    statements = [query["sql"].split()[0] for query in queries.captured_queries]
    assert statements == ["BEGIN", "SELECT", "SELECT", "COMMIT"]


# Writes are kept, or undone


@transactional
@pytest.mark.usefixtures("closed")
def test_what_a_block_wrote_is_kept():
    with LazyAtomic():
        Group.objects.create(name="kept")

    assert names() == ["kept"]
    assert state() == IDLE


@transactional
@pytest.mark.parametrize("error", [Failure, KeyboardInterrupt])
def test_what_a_block_wrote_before_it_raised_is_undone(error):
    with failing_block(error):
        Group.objects.create(name="undone")

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_what_a_block_on_a_new_connection_wrote_before_it_raised_is_undone():
    with failing_block():
        Group.objects.create(name="undone")

    assert names() == []


@transactional
def test_a_raise_after_queries_that_the_database_refused_leaves_a_sound_connection():
    def ask_for_nothing():
        with LazyAtomic():
            Group.objects.create(name="undone")
            connection.cursor().execute("SELECT nothing FROM nowhere")

    with pytest.raises(DatabaseError):
        ask_for_nothing()

    assert names() == []


@transactional
def test_a_rollback_that_the_block_asks_for_happens():
    with LazyAtomic():
        Group.objects.create(name="undone")
        transaction.set_rollback(True)

    assert names() == []
    assert state() == IDLE


@transactional
def test_a_rollback_asked_for_before_the_first_query_is_remembered():
    with LazyAtomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            names()

    assert names() == []
    assert state() == IDLE


@transactional
def test_a_rollback_asked_for_without_a_query_leaves_a_sound_connection():
    with LazyAtomic():
        transaction.set_rollback(True)

    assert state() == IDLE
    assert names() == []


# The block's own atomic()


@transactional
@pytest.mark.usefixtures("opened_or_not")
@pytest.mark.parametrize("savepoint", [True, False])
def test_an_atomic_of_the_blocks_own_is_part_of_it(savepoint):
    with failing_block(), transaction.atomic(savepoint=savepoint):
        Group.objects.create(name="undone")

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("opened_or_not")
def test_an_atomic_of_the_blocks_own_undoes_only_itself():
    with LazyAtomic():
        with failing_atomic():
            Group.objects.create(name="undone")
        Group.objects.create(name="kept")

    assert names() == ["kept"]
    assert state() == IDLE


@transactional
def test_a_caught_failure_of_an_atomic_without_savepoint_undoes_the_block():
    with LazyAtomic():
        with failing_atomic(savepoint=False):
            Group.objects.create(name="undone")
        with pytest.raises(transaction.TransactionManagementError):
            names()

    assert names() == []
    assert state() == IDLE


@transactional
def test_a_durable_atomic_is_refused_since_it_could_not_be():
    with LazyAtomic():
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic(durable=True):
            pass
        names()
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic(durable=True):
            pass


@transactional
def test_rows_can_be_locked():
    Group.objects.create(name="locked")

    with LazyAtomic():
        assert Group.objects.select_for_update().get().name == "locked"


@transactional
def test_rows_cannot_be_locked_once_the_block_has_ended():
    with LazyAtomic():
        pass

    if connection.features.has_select_for_update:
        with pytest.raises(transaction.TransactionManagementError):
            list(Group.objects.select_for_update())


# on_commit


@transactional
@pytest.mark.parametrize("queries", ["none", "before", "after", "both"])
@pytest.mark.usefixtures("opened_or_not")
def test_a_function_that_waits_for_the_commit_runs_once_after_the_block(queries):
    ran = []
    with LazyAtomic():
        on_commit(lambda: ran.append(connection.in_atomic_block), queries)
        assert ran == []

    assert ran == [False]
    assert state() == IDLE


@transactional
@pytest.mark.parametrize("queries", ["none", "before", "after", "both"])
@pytest.mark.usefixtures("opened_or_not")
def test_a_function_that_waits_for_the_commit_of_a_failed_block_never_runs(queries):
    ran = []
    with failing_block():
        on_commit(lambda: ran.append("ran"), queries)
    with LazyAtomic():
        names()

    assert ran == []
    assert state() == IDLE


@transactional
def test_functions_that_wait_for_the_commit_run_in_their_order():
    ran = []
    with LazyAtomic():
        transaction.on_commit(lambda: ran.append("before the first query"))
        with transaction.atomic():
            transaction.on_commit(lambda: ran.append("in an atomic"))
        transaction.on_commit(lambda: ran.append("after"))

    assert ran == ["before the first query", "in an atomic", "after"]


@transactional
def test_a_function_of_an_atomic_that_was_undone_never_runs():
    ran = []
    with LazyAtomic(), failing_atomic():
        transaction.on_commit(lambda: ran.append("ran"))

    assert ran == []


@transactional
def test_a_function_that_waits_for_the_commit_can_write():
    with LazyAtomic():
        transaction.on_commit(lambda: Group.objects.create(name="written after"))

    assert names() == ["written after"]


@transactional
def test_a_function_that_raises_after_the_commit_undoes_nothing():
    def fail():
        raise Failure

    def write():
        with LazyAtomic():
            Group.objects.create(name="kept")
            transaction.on_commit(fail)

    with pytest.raises(Failure):
        write()

    assert names() == ["kept"]
    assert state() == IDLE


# Inside a transaction that was there before


@in_a_test_case
def test_inside_an_outer_transaction_the_block_is_a_savepoint():
    before = state()
    undo_and_keep()

    assert names() == ["kept"]
    assert state() == before


@in_a_test_case
def test_inside_an_outer_transaction_a_block_that_touches_nothing_asks_nothing():
    before = state()
    with CaptureQueriesContext(connection) as queries, LazyAtomic():
        pass

    assert queries.captured_queries == []
    assert state() == before


@in_a_test_case
@pytest.mark.parametrize("queries", ["none", "before", "after"])
def test_inside_an_outer_transaction_functions_wait_for_the_outer_commit(queries, django_capture_on_commit_callbacks):
    ran = []
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        transaction.on_commit(lambda: ran.append("outer"))
        with LazyAtomic():
            on_commit(lambda: ran.append("block"), queries)
        assert ran == []

    assert ran == ["outer", "block"]
    assert len(callbacks) == 2


@in_a_test_case
@pytest.mark.parametrize("queries", ["none", "before", "after"])
def test_inside_an_outer_transaction_the_functions_of_a_failed_block_never_run(
    queries, django_capture_on_commit_callbacks
):
    ran = []
    with django_capture_on_commit_callbacks(execute=True):
        transaction.on_commit(lambda: ran.append("outer"))
        with failing_block():
            on_commit(lambda: ran.append("block"), queries)

    assert ran == ["outer"]


@in_a_test_case
@pytest.mark.parametrize("savepoint", [True, False])
def test_inside_an_outer_transaction_an_atomic_of_the_blocks_own_is_part_of_the_block(savepoint):
    before = state()
    with failing_block(), transaction.atomic(savepoint=savepoint):
        Group.objects.create(name="undone")

    assert names() == []
    assert state() == before


@in_a_test_case
def test_inside_an_outer_transaction_a_rollback_without_a_query_is_the_blocks_alone():
    before = state()
    with LazyAtomic():
        transaction.set_rollback(True)

    assert state() == before


@transactional
def test_inside_a_transaction_that_is_to_be_rolled_back_a_block_changes_nothing():
    with transaction.atomic():
        Group.objects.create(name="undone")
        transaction.set_rollback(True)
        with LazyAtomic():
            pass
        with pytest.raises(transaction.TransactionManagementError), LazyAtomic():
            names()

    assert names() == []
    assert state() == IDLE


# Blocks within blocks: a tool that calls another


@transactional
@pytest.mark.parametrize("queries", ["none", "before", "after"])
def test_an_inner_block_undoes_only_itself(queries):
    with LazyAtomic():
        if queries == "before":
            names()
        undo_and_keep()
        if queries == "after":
            names()

    assert names() == ["kept"]
    assert state() == IDLE


@in_a_test_case
def test_an_inner_block_inside_an_outer_transaction_undoes_only_itself():
    before = state()
    with LazyAtomic():
        undo_and_keep()

    assert names() == ["kept"]
    assert state() == before


@transactional
def test_an_outer_block_undoes_the_inner_ones():
    with failing_block(), LazyAtomic():
        Group.objects.create(name="undone")

    assert names() == []
    assert state() == IDLE


# Connections that fail, and those that others have an eye on


@transactional
@pytest.mark.parametrize("query", [True, False])
def test_what_others_have_put_in_the_way_of_a_connection_stays_there(monkeypatch, query):
    calls = []
    ensure_connection = connection.ensure_connection

    def watch():
        calls.append(1)
        ensure_connection()

    monkeypatch.setattr(connection, "ensure_connection", watch)
    with failing_block():
        if query:
            Group.objects.create(name="undone")

    assert connection.ensure_connection is watch
    assert calls
    assert names() == []


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_only_reads_may_close_its_connection():
    with LazyAtomic(read_only=True):
        names()
        BaseDatabaseWrapper.close(connection)

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_closes_its_connection_has_lost_its_writes_and_says_so():
    with pytest.raises(transaction.TransactionManagementError, match="closed its connection"):
        write_and_close()

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_leaves_an_atomic_open_has_lost_its_writes_and_says_so(monkeypatch):
    # One to a database in memory is never closed otherwise.
    monkeypatch.setattr(connections["default"], "close", lambda: BaseDatabaseWrapper.close(connection))
    with pytest.raises(transaction.TransactionManagementError, match="left an atomic"):
        write_in_an_open_atomic()

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_fails_and_leaves_an_atomic_open_raises_its_own_error(monkeypatch):
    monkeypatch.setattr(connections["default"], "close", lambda: BaseDatabaseWrapper.close(connection))
    with pytest.raises(Failure):
        write_in_an_open_atomic(Failure())

    assert names() == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_after_one_that_closed_its_connection_is_kept():
    with suppress(transaction.TransactionManagementError):
        write_and_close()
    with LazyAtomic():
        Group.objects.create(name="kept")

    assert names() == ["kept"]
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_connection_that_fails_its_health_check_is_replaced_before_the_first_query(monkeypatch):
    connection.ensure_connection()
    lost = connection.connection
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "health_check_enabled", True)
        patch.setattr(connections["default"], "health_check_done", False)
        patch.setattr(connections["default"], "is_usable", lambda: False)
        # One to a database in memory is never closed otherwise.
        patch.setattr(connections["default"], "close", lambda: BaseDatabaseWrapper.close(connection))
        with LazyAtomic():
            Group.objects.create(name="kept")

    assert connection.connection is not lost
    assert names() == ["kept"]
    assert state() == IDLE


@transactional
def test_a_health_check_waits_for_the_first_query(monkeypatch):
    connection.ensure_connection()
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "health_check_enabled", True)
        patch.setattr(connections["default"], "health_check_done", False)
        patch.setattr(connections["default"], "is_usable", lambda: asked.append("asked") or True)
        with LazyAtomic():
            pass
        assert asked == []
        with LazyAtomic():
            names()
        assert asked == ["asked"]


@transactional
@pytest.mark.usefixtures("closed")
def test_a_block_that_tries_again_to_connect_is_still_undone(monkeypatch):
    connect, attempts = connection.connect, []

    def refuse_once():
        attempts.append(1)
        if len(attempts) == 1:
            raise OperationalError("no room")
        connect()

    monkeypatch.setattr(connection, "connect", refuse_once)
    ran = []
    with failing_block():
        transaction.on_commit(lambda: ran.append("ran"))
        with pytest.raises(OperationalError):
            names()
        Group.objects.create(name="undone")

    assert names() == []
    assert ran == []
    assert state() == IDLE


@transactional
@pytest.mark.usefixtures("closed")
def test_a_database_that_cannot_be_reached_is_the_blocks_to_know(monkeypatch):
    def refuse():
        raise OperationalError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "connect", refuse)
        with pytest.raises(OperationalError), LazyAtomic():
            names()

    assert state() == IDLE
    assert names() == []


@transactional
def test_a_commit_that_fails_is_raised_and_leaves_a_sound_connection(monkeypatch):
    def refuse():
        raise OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", refuse)
        with pytest.raises(OperationalError), LazyAtomic():
            Group.objects.create(name="undone")

    assert names() == []
    assert state() == IDLE


# Databases beside one another


class Recorder(BaseDatabaseWrapper):
    """A fake second database that records the calls to it."""

    vendor = "recorder"
    display_name = "Recorder"

    def __init__(self, fails_to_commit=False):
        super().__init__({**connections.settings["default"], "NAME": "recorder", "TIME_ZONE": None}, "recorder")
        self.asked = []
        self.fails_to_commit = fails_to_commit

    client_class = creation_class = introspection_class = ops_class = validation_class = staticmethod(lambda _: None)
    features_class = staticmethod(lambda _: type("Features", (), {"uses_savepoints": True})())

    def ensure_connection(self):
        if self.connection is None:
            self.connect()

    def connect(self):
        self.connection = object()
        self.in_atomic_block = False
        self.savepoint_ids, self.atomic_blocks, self.run_on_commit = [], [], []
        self.autocommit = True

    def set_autocommit(self, autocommit, force_begin_transaction_with_broken_autocommit=False):
        self.autocommit = autocommit
        self.asked.append("autocommit" if autocommit else "begin")

    def commit(self):
        self.asked.append("commit")
        if self.fails_to_commit:
            raise OperationalError("disk full")

    def rollback(self):
        self.run_on_commit = []
        self.asked.append("rollback")

    def _close(self):
        self.asked.append("close")

    def query(self):
        self.ensure_connection()
        self.asked.append("query")


@pytest.fixture
def recorder(request, monkeypatch):
    second = Recorder(**getattr(request, "param", {}))
    monkeypatch.setitem(connections.settings, "recorder", second.settings_dict)
    connections["recorder"] = second
    yield second
    del connections["recorder"]


@transactional
def test_each_database_has_a_transaction_of_its_own(recorder):
    with LazyAtomic():
        Group.objects.create(name="kept")
        recorder.query()

    assert recorder.asked == ["begin", "query", "commit", "autocommit"]
    assert names() == ["kept"]


@transactional
def test_a_database_that_is_not_touched_is_left_alone_beside_one_that_is(recorder):
    with LazyAtomic():
        names()

    assert recorder.asked == []
    assert not recorder.in_atomic_block


@transactional
def test_a_raise_undoes_what_was_done_on_each_database(recorder):
    with failing_block():
        Group.objects.create(name="undone")
        recorder.query()

    assert recorder.asked == ["begin", "query", "rollback", "autocommit"]
    assert names() == []


@transactional
@pytest.mark.parametrize("recorder", [{"fails_to_commit": True}], indirect=True)
def test_a_commit_that_fails_on_one_database_leaves_none_in_a_transaction(recorder):
    ran = []

    def write():
        with LazyAtomic():
            names()
            recorder.query()
            transaction.on_commit(lambda: ran.append("ran"), using="recorder")

    with pytest.raises(OperationalError):
        write()

    assert recorder.asked == ["begin", "query", "commit", "rollback", "autocommit"]
    assert not recorder.in_atomic_block
    assert state() == IDLE
    assert ran == []


@transactional
@pytest.mark.parametrize("recorder", [{"fails_to_commit": True}], indirect=True)
def test_what_waits_on_an_untouched_database_does_not_run_when_another_fails_to_commit(recorder):
    ran = []

    def write():
        with LazyAtomic():
            recorder.query()
            transaction.on_commit(lambda: ran.append("ran"))

    with pytest.raises(OperationalError):
        write()

    assert ran == []
    assert state() == IDLE


@transactional
def test_an_inner_block_that_cannot_begin_on_one_database_leaves_none_in_a_transaction(recorder, monkeypatch):
    def refuse():
        raise OperationalError("no room")

    monkeypatch.setattr(recorder, "connect", refuse)
    with pytest.raises(OperationalError, match="no room"), LazyAtomic(), LazyAtomic():
        names()

    assert not recorder.in_atomic_block
    assert state() == IDLE


@transactional
def test_a_database_whose_transactions_the_project_sees_to_itself_is_left_to_it(recorder):
    recorder.connect()
    recorder.autocommit = False
    with LazyAtomic():
        recorder.query()

    assert recorder.asked == ["query"]


# Connections that wait


@transactional
def test_a_thread_that_waits_closes_what_is_in_no_transaction_and_nothing_else(recorder):
    recorder.connect()
    with LazyAtomic():
        # Nothing was asked, so nothing is lost.
        transaction.on_commit(list, using="recorder")
        assert not release_connections()
        assert recorder.asked == ["close"]
        recorder.query()
        assert release_connections()
        assert recorder.asked == ["close", "begin", "query"]
    release_connections()

    assert recorder.asked == ["close", "begin", "query", "commit", "autocommit", "close"]
    assert len(recorder.run_on_commit) == 1
    assert not recorder.in_atomic_block


# Read-only blocks


@transactional
def test_a_read_only_block_cannot_write_past_the_guard_either(opened_or_not):
    if connection.vendor == "mysql":
        statement = "WITH x AS (SELECT 1) DELETE FROM auth_group"
    elif connection.vendor == "sqlite":
        statement = "WITH x AS (SELECT 1) INSERT INTO auth_group (name) SELECT 'x'"
    else:
        statement = "WITH x AS (INSERT INTO auth_group (name) VALUES ('x') RETURNING 1) SELECT * FROM x"
    with pytest.raises(DatabaseError), LazyAtomic(read_only=True), connection.cursor() as cursor:
        cursor.execute(statement)

    Group.objects.create(name="written since")
    assert Group.objects.count() == 1


@in_a_test_case
def test_a_read_only_block_in_a_transaction_leaves_it_writable():
    Group.objects.create(name="before")
    with LazyAtomic(read_only=True):
        assert Group.objects.count() == 1
    with pytest.raises(WroteInReadOnly), LazyAtomic(read_only=True):
        Group.objects.create(name="within")

    Group.objects.create(name="after")
    assert Group.objects.count() == 2
    assert connection.execute_wrappers == []


@transactional
def test_a_read_only_block_does_not_wait_for_a_writer():
    if connection.vendor != "sqlite":
        return
    modes = []
    connection.transaction_mode, before = "IMMEDIATE", connection.transaction_mode
    try:
        with CaptureQueriesContext(connection) as queries, LazyAtomic(read_only=True):
            Group.objects.count()
        modes.append([query["sql"] for query in queries if query["sql"].startswith("BEGIN")])
        assert connection.transaction_mode == "IMMEDIATE"
    finally:
        connection.transaction_mode = before
    assert modes == [["BEGIN DEFERRED"]]
