"""The purge deletes sessions that have ended, in batches, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from django_mcp.models import Change, Event, Session, Stream
from django_mcp.storage import changes, events, purge, standalone
from django_mcp.storage.purge import PurgeCount
from tests.storage.rows import NOW, TOOLS_CHANGED, after, in_threads, kept, open_session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def create_ended(expired=0, terminated=0, live=0):
    """Sessions that expired at NOW, were terminated at NOW, or live on."""
    kinds = [
        *[{"expires_at": NOW}] * expired,
        *[{"expires_at": NOW, "terminated_at": NOW}] * terminated,
        *[{"expires_at": after(days=30)}] * live,
    ]
    Session.objects.bulk_create([Session(server="airports", **kind) for kind in kinds])


@pytest.mark.django_db
def test_a_purge_deletes_what_has_ended_and_nothing_else():
    create_ended(expired=3, terminated=2, live=4)

    assert purge.purge(now=NOW) == PurgeCount(expired=3, terminated=2)
    assert Session.objects.active(NOW).count() == Session.objects.count() == 4
    assert purge.purge(now=NOW) == PurgeCount()


@pytest.mark.django_db
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_purge_takes_sessions_that_were_only_marked_as_terminated(dry_run):
    create_ended(live=3)
    Session.objects.filter(pk=Session.objects.first().pk).update(terminated_at=NOW)

    assert purge.purge(now=after(microseconds=-1), dry_run=dry_run) == PurgeCount()
    assert purge.purge(now=NOW, dry_run=dry_run) == PurgeCount(terminated=1)
    assert purge.purge(now=NOW, dry_run=dry_run) == PurgeCount(terminated=int(dry_run))


@pytest.mark.django_db
def test_a_purge_can_leave_what_ended_lately():
    create_ended(expired=1, terminated=1)
    week = timedelta(days=7)

    assert purge.purge(older_than=week, now=after(days=7, microseconds=-1)) == PurgeCount()
    assert purge.purge(older_than=week, now=after(days=7)) == PurgeCount(expired=1, terminated=1)


@pytest.mark.django_db
def test_a_dry_run_counts_and_deletes_nothing():
    create_ended(expired=3, terminated=2, live=1)

    assert purge.purge(dry_run=True, now=NOW) == PurgeCount(expired=3, terminated=2)
    assert Session.objects.count() == 6


@pytest.mark.django_db
def test_a_purge_goes_in_batches_and_tells_its_progress():
    create_ended(expired=5, terminated=3)
    told = []

    purge.purge(batch_size=2, progress=told.append, now=NOW)

    assert [count.expired + count.terminated for count in told] == [2, 4, 6, 8]
    assert told[-1] == PurgeCount(expired=5, terminated=3)


@pytest.mark.django_db
def test_each_batch_is_one_delete_of_a_few_rows():
    create_ended(expired=5)

    with CaptureQueriesContext(connection) as queries:
        purge.purge(batch_size=2, now=NOW)

    statements = [query["sql"] for query in queries]
    table = Session._meta.db_table
    deletes = [sql for sql in statements if sql.startswith("DELETE") and sql.split()[2].strip('"`') == table]
    assert len(deletes) == 3
    assert all("LIMIT 2" in sql for sql in statements if "ORDER BY" in sql and "FOR UPDATE" not in sql)


@pytest.mark.django_db
def test_a_purge_deletes_no_more_than_it_is_allowed():
    create_ended(expired=6)
    allowance = purge.Allowance(4)

    assert purge.purge(allowance=allowance, now=NOW) == PurgeCount(expired=4)
    assert allowance.is_spent
    assert purge.purge(allowance=allowance, now=NOW) == PurgeCount()
    assert purge.purge(now=NOW) == PurgeCount(expired=2)


@pytest.mark.django_db
def test_a_purge_takes_those_first_that_ended_first():
    create_ended(terminated=3)
    Session.objects.update(expires_at=after(seconds=-1), terminated_at=after(seconds=-1))
    create_ended(expired=3)

    assert purge.purge(allowance=purge.Allowance(4), now=NOW) == PurgeCount(expired=1, terminated=3)


@pytest.mark.django_db
def test_a_batch_has_at_least_one_row():
    with pytest.raises(ValueError, match="at least 1"):
        purge.purge(batch_size=0)


@pytest.mark.django_db
def test_what_belongs_to_a_session_is_deleted_first_and_in_batches_too():
    create_ended(expired=2, live=1)
    live = Session.objects.active(NOW).get()
    for session in Session.objects.all():
        Event.objects.bulk_create(Event(session=session, stream="s", sequence=number) for number in range(3))

    with CaptureQueriesContext(connection) as queries:
        purge.purge(batch_size=2, now=NOW)

    tables = [query["sql"].split()[2].strip('"`') for query in queries if query["sql"].startswith("DELETE")]
    # Django itself looks for rows that belong to the sessions again.
    assert tables[:3] == ["django_mcp_event"] * 3
    assert tables.index("django_mcp_session") == len(tables) - 1
    assert [*Event.objects.values_list("session", flat=True)] == [live.pk] * 3


@pytest.mark.django_db
def test_the_purge_knows_every_table_whose_rows_go_with_a_session():
    cascading = {
        relation.related_model for relation in Session._meta.related_objects if relation.on_delete is models.CASCADE
    }

    assert set(purge.CHILDREN) == cascading


@pytest.mark.django_db
def test_a_session_that_another_purge_deleted_is_not_counted(monkeypatch):
    create_ended(expired=3)
    delete = purge._delete

    def rival(batch, *limits):
        Session.objects.filter(pk__in=[row.pk for row in batch[:1]]).delete()
        return delete(batch, *limits)

    monkeypatch.setattr(purge, "_delete", rival)

    assert purge.purge(now=NOW) == PurgeCount(expired=2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection's")
def test_two_purges_at_once_share_the_work():
    create_ended(expired=200, terminated=100, live=5)

    counts = in_threads(*[lambda: purge.purge(batch_size=10, now=NOW)] * 3)

    assert sum(count.expired for count in counts) == 200
    assert sum(count.terminated for count in counts) == 100
    assert Session.objects.count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL says which locks are waited for")
def test_sessions_are_locked_in_the_order_of_their_keys():
    """Two purges of the same sessions in different orders would be a deadlock."""
    create_ended(terminated=2)
    first, second = Session.objects.order_by("pk")
    # PostgreSQL keeps the changed row behind the other one, and reads them in this order.
    Session.objects.filter(pk=first.pk).update(client_name="changed")

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            Session.objects.select_for_update().get(pk=first.pk)
            deleting = pool.submit(closing_connection(purge.delete_ended), [first, second])
            while not is_waited_for():
                assert not deleting.done()
            Session.objects.select_for_update(nowait=True).get(pk=second.pk)
        assert deleting.result(timeout=10) == PurgeCount(terminated=2)


def is_waited_for():
    """Whether another transaction waits for this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid")
        return cursor.fetchone() is not None


def closing_connection(function):
    def call(*args):
        try:
            return function(*args)
        finally:
            connection.close()

    return call


@pytest.mark.django_db(transaction=True)
def test_a_purge_that_is_stopped_keeps_what_it_has_done():
    create_ended(expired=4)

    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge.purge(batch_size=1, progress=stop, now=NOW)

    assert not transaction.get_connection().in_atomic_block
    assert Session.objects.count() == 3


@pytest.mark.parametrize("dry_run", [False, True])
def test_aged_rows_are_purged_but_those_that_the_next_are_numbered_after(session, clock, dry_run):
    events.open_stream(session, "k", 1)
    events.append(session, "k", 1, ["a", "b"], is_last=True)
    events.open_stream(session, "running", 2)
    for _ in range(3):
        standalone.publish(session, "x")
        changes.record_change("airports", TOOLS_CHANGED)
    changes.record_change("other", TOOLS_CHANGED)
    clock.move_to(after(hours=2))
    other = open_session().pk
    standalone.publish(other, "new")

    # Two of the POST's, two of the three standalone events, two of the four changes, one stream.
    assert purge.purge_aged(after(hours=1), 1, dry_run=dry_run) == 7

    if not dry_run:
        assert (kept(session, "k"), kept(session), kept(other)) == ([], [3], [1])
        assert sorted(Change.objects.values_list("server", "sequence")) == [("airports", 3), ("other", 1)]
        assert list(Stream.objects.values_list("key", flat=True)) == ["running"]
    else:
        assert (kept(session, "k"), kept(session), Change.objects.count()) == ([1, 2], [1, 2, 3], 4)


def test_what_has_not_aged_is_not_purged(session):
    standalone.publish(session, "x")
    standalone.publish(session, "y")

    assert purge.purge_aged(NOW) == 0
    assert kept(session) == [1, 2]
