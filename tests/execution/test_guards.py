"""The statements that a read-only block and a dry run let through, asked of the database that the tests run on."""

import sqlite3
from contextlib import closing

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from django_mcp.execution import guards
from django_mcp.execution.guards import CannotUndo, Guard, WroteInReadOnly
from django_mcp.execution.transactions import LazyAtomic

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (DatabaseError, WroteInReadOnly, CannotUndo)
INSERT = "INSERT INTO auth_group (name) VALUES ('x')"

READS = {
    "": [
        "SELECT name FROM auth_group",
        "/* why */ SELECT 1",
        "WITH a AS (SELECT 1 AS b) SELECT b FROM a",
        "SELECT ';' ;",
        "SELECT name FROM auth_group WHERE name LIKE '%;%'",
        "SAVEPOINT own",
    ],
    "postgresql": ["VALUES (1)", "TABLE auth_group", "EXPLAIN SELECT 1", "SHOW search_path"],
    "sqlite": ["VALUES (1)", "EXPLAIN SELECT 1", "PRAGMA table_info(auth_group)"],
    "mysql": ["SHOW TABLES", "EXPLAIN SELECT 1", "DESCRIBE auth_group"],
}
WRITES = {
    "": [INSERT, f"/*x*/{INSERT}", f"-- SELECT\n{INSERT}", "DELETE FROM auth_group", "DROP TABLE auth_group"],
    "postgresql": [
        "WITH a AS (INSERT INTO auth_group (name) VALUES ('x') RETURNING 1) SELECT * FROM a",
        "EXPLAIN ANALYZE INSERT INTO auth_group (name) VALUES ('x')",
        "SELECT 1 AS a INTO made",
        "SELECT nextval('auth_group_id_seq')",
        "SET LOCAL transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "DO $$ BEGIN INSERT INTO auth_group (name) VALUES ('x'); END $$",
        "LOCK TABLE auth_group",
    ],
    "sqlite": ["WITH a AS (SELECT 1) INSERT INTO auth_group (name) SELECT 'x'", "CREATE TABLE made (a)"],
    "mysql": ["WITH a AS (SELECT 1) DELETE FROM auth_group"],
}
LASTS = {
    "": [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "END",
        f"COMMIT; {INSERT}",
        f"ROLLBACK; {INSERT}",
        f"SELECT 1; {INSERT}; COMMIT",
    ],
    "postgresql": [
        f"SET TRANSACTION READ WRITE; {INSERT}",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET search_path = nowhere",
        "PREPARE TRANSACTION 'kept'",
        "COPY auth_group TO '/tmp/django_mcp_never_written'",
        "ABORT AND CHAIN",
        rf"SELECT '\'; {INSERT}; COMMIT; --'",
        f"SELECT $${INSERT}$$; COMMIT",
    ],
    "sqlite": ["PRAGMA query_only = OFF", "PRAGMA user_version = 7", "ATTACH ':memory:' AS other", "VACUUM"],
    "mysql": [
        "CREATE TABLE made (a INT)",
        "/*! COMMIT */",
        f"/*M! {INSERT} */",
        "SELECT 1 INTO OUTFILE '/tmp/never'",
        "SET autocommit = 1",
    ],
}
"""Statements that no transaction undoes, or that would end it."""


def rows_of(table):
    return [*table[""], *table.get(connection.vendor, ())]


def is_refused(statement, **options):
    """Whether a statement alone in a block is refused; whatever it does is undone, if it can be."""
    try:
        with LazyAtomic(**options), connection.cursor() as cursor:
            cursor.execute(statement)
            raise KeyError("undo")
    except REFUSED:
        return True
    except KeyError:
        return False


def test_a_read_only_block_reads_and_does_nothing_else():
    Group.objects.create(name="before")

    assert [sql for sql in rows_of(READS) if is_refused(sql, read_only=True)] == []
    assert [sql for sql in rows_of(WRITES) + rows_of(LASTS) if not is_refused(sql, read_only=True)] == []
    # It is as it was, and writable.
    Group.objects.create(name="after")
    assert sorted(Group.objects.values_list("name", flat=True)) == ["after", "before"]
    assert (connection.execute_wrappers, connection.in_atomic_block) == ([], False)


def test_a_dry_run_does_what_can_be_undone_and_nothing_else():
    Group.objects.create(name="before")

    assert [sql for sql in [*rows_of(READS), INSERT, "DELETE FROM auth_group"] if is_refused(sql, dry_run=True)] == []
    assert [sql for sql in rows_of(LASTS) if not is_refused(sql, dry_run=True)] == []
    assert list(Group.objects.values_list("name", flat=True)) == ["before"]


@pytest.mark.parametrize("options", [{"read_only": True}, {"dry_run": True}])
def test_blocks_of_the_functions_own_are_savepoints_that_it_may_end(options):
    with LazyAtomic(**options):
        with transaction.atomic():
            assert Group.objects.count() == 0
        with transaction.atomic():
            Group.objects.count()
            transaction.set_rollback(True)
        assert Group.objects.count() == 0

    assert connection.execute_wrappers == []


@pytest.mark.parametrize("options", [{"read_only": True}, {"dry_run": True}])
def test_a_savepoint_that_is_not_the_functions_own_is_not_its_to_end(options):
    with transaction.atomic():
        Group.objects.create(name="before")
        for statement in ("RELEASE SAVEPOINT {}", "ROLLBACK TO SAVEPOINT {};", "ROLLBACK TO {}"):
            with pytest.raises(REFUSED), LazyAtomic(**options), connection.cursor() as cursor:
                cursor.execute(statement.format(connection.ops.quote_name(connection.savepoint_ids[-1])))
        assert Group.objects.count() == 1


def test_a_block_within_a_block_is_held_to_both():
    with LazyAtomic(read_only=True):
        Group.objects.count()
        with LazyAtomic(dry_run=True):
            Group.objects.count()
        with pytest.raises(REFUSED), transaction.atomic():
            Group.objects.create(name="x")
        assert is_refused("WITH a AS (SELECT 1) SELECT 1; COMMIT")

    Group.objects.create(name="after")
    assert Group.objects.count() == 1


def test_the_driver_itself_cannot_leave_a_read_only_block():
    """The statement goes to the driver, not through Django's cursor, so no guard sees it."""
    if connection.vendor == "mysql":
        return
    leave = {"postgresql": "SET TRANSACTION READ WRITE", "sqlite": "PRAGMA query_only = OFF"}[connection.vendor]

    def execute(statement):
        with LazyAtomic(read_only=True):
            connection.ensure_connection()
            connection.connection.cursor().execute(statement)

    for statement in (leave, INSERT):
        with pytest.raises(connection.Database.DatabaseError):
            execute(statement)

    assert Group.objects.count() == 0


on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only psycopg begins a transaction late")


@on_postgresql
def test_a_read_only_transaction_begins_without_a_query_of_its_own(monkeypatch):
    monkeypatch.setattr(guards, "_execute", lambda *_: pytest.fail("a round trip more"))

    with LazyAtomic(read_only=True), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("on",)

    Group.objects.create(name="written since")


@on_postgresql
def test_a_read_only_transaction_has_the_projects_isolation_level():
    connection.ensure_connection()
    connection.connection.isolation_level = 4  # psycopg's SERIALIZABLE
    try:
        with LazyAtomic(read_only=True), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_read_only'), current_setting('transaction_isolation')")
            assert cursor.fetchone() == ("on", "serializable")
    finally:
        connection.connection.isolation_level = None


@on_postgresql
def test_a_connection_that_is_lost_is_told_as_djangos_error():
    connection.ensure_connection()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    other.close()

    with pytest.raises(DatabaseError), LazyAtomic(read_only=True):
        Group.objects.count()

    connection.close()
    assert Group.objects.count() == 0


@pytest.mark.parametrize(
    ("options", "error"), [({"read_only": True}, WroteInReadOnly), ({"dry_run": True}, CannotUndo)]
)
def test_a_refusal_says_what_and_names_the_remedy(options, error):
    with pytest.raises(error) as raised, LazyAtomic(**options), connection.cursor() as cursor:
        cursor.execute("COMMIT")

    assert "'COMMIT'" in str(raised.value)
    assert ("read_only" if "read_only" in options else "argument dry_run") in str(raised.value)


def test_a_table_of_full_text_search_is_opened_to_read_and_the_schema_is_not_written(tmp_path):
    def open_table():
        return sqlite3.connect(tmp_path / "words.sqlite3", isolation_level=None)

    with closing(open_table()) as first:
        first.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        first.execute("INSERT INTO words VALUES ('hello')")
    guard = Guard(connection, read_only=True, is_nested=False)
    with closing(open_table()) as second:
        second.set_authorizer(lambda action, name, *_: 0 if guard.authorizes(action, name) else 1)
        assert second.execute("SELECT text FROM words WHERE words MATCH 'hello'").fetchall() == [("hello",)]
        for write in ("UPDATE sqlite_master SET sql = ''", "DELETE FROM words", "INSERT INTO words VALUES ('x')"):
            with pytest.raises(sqlite3.DatabaseError):
                second.execute(write)


def test_django_tenants_chooses_a_schema_in_a_read_only_block_as_it_hands_out_a_cursor(monkeypatch):
    guard, done = Guard(connection, read_only=True, is_nested=False), []
    statement = ('SET search_path = "lovelace"', None, False, {})

    with pytest.raises(WroteInReadOnly):
        guard(lambda *given: done.append(given), *statement)
    monkeypatch.setattr(connection, "_setting_search_path", True, raising=False)
    guard(lambda *given: done.append(given), *statement)

    assert done == [statement]
