import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_mcp.models import Change, Event, Session, Stream
from django_mcp.storage import purge, upkeep
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_extensions(monkeypatch):
    """Other tests have servers whose extensions would have their say too."""
    monkeypatch.setattr(purge, "also_purged", [])


class Terminal(StringIO):
    def isatty(self):
        return True


def create_ended(*, ago=timedelta(), expired=0, terminated=0):
    now = timezone.now()
    Session.objects.bulk_create(
        [
            *[Session(server="airports", expires_at=now - ago) for _ in range(expired)],
            *[
                Session(server="airports", expires_at=now + timedelta(days=1), terminated_at=now - ago)
                for _ in range(terminated)
            ],
        ]
    )


def mcp_purge(*arguments, out=None, **options):
    out = out or StringIO()
    call_command("mcp_purge", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_purges_what_has_ended_and_prints_how_many():
    create_ended(expired=2, terminated=1)

    assert mcp_purge() == "Purged 3 sessions: 2 expired, 1 terminated.\n"
    assert mcp_purge() == "Purged 0 sessions: 0 expired, 0 terminated.\n"


def test_it_is_known_when_it_ran_and_a_dry_run_is_no_run(time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)

    mcp_purge("--dry-run")
    assert upkeep.last_run("purge") is None
    mcp_purge()
    assert upkeep.last_run("purge") == timezone.now()


def test_one_session_is_not_called_sessions():
    create_ended(expired=1)

    assert mcp_purge() == "Purged 1 session: 1 expired, 0 terminated.\n"


@cases("older_than", ["5400", "5400s", "90m", "1h"], undone=True)
def test_it_can_leave_what_ended_lately(older_than):
    create_ended(expired=1, ago=timedelta(minutes=59))
    create_ended(expired=1, ago=timedelta(minutes=91))

    assert mcp_purge("--older-than", older_than).startswith("Purged 1 session:")


@pytest.mark.parametrize(("older_than", "days"), [("3d", 3), ("2w", 14)])
def test_it_counts_in_days_and_weeks_too(older_than, days):
    create_ended(terminated=1, ago=timedelta(days=days, minutes=-1))
    assert mcp_purge(older_than=older_than).startswith("Purged 0 sessions:")

    create_ended(terminated=1, ago=timedelta(days=days))
    assert mcp_purge(older_than=older_than).startswith("Purged 1 session:")


@cases("older_than", ["", "soon", "-1", "1.5h", "7 d", "7y", "d", "٣d", "1h30m", "9" * 30])
def test_an_age_that_is_none_is_an_error_that_says_what_to_write(older_than):
    with pytest.raises(CommandError, match=f"--older-than '{re.escape(older_than)}' is"):
        mcp_purge(f"--older-than={older_than}")


@cases("older_than", ["99999999w", "9" * 30 + "d", "9" * 5000])
def test_an_age_before_all_dates_is_an_error(older_than):
    with pytest.raises(CommandError, match="longer ago than there are dates"):
        mcp_purge(older_than=older_than)


@cases("batch", ["0", "-5", "10001", "many", "", "1.5", "9" * 5000])
def test_a_batch_of_no_use_is_an_error(batch):
    with pytest.raises(CommandError, match="is not a number from 1 to 10000"):
        mcp_purge(f"--batch={batch}")


def test_errors_change_nothing():
    create_ended(expired=1)

    with pytest.raises(CommandError):
        mcp_purge("--batch=0")

    assert Session.objects.count() == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing():
    create_ended(expired=2, terminated=1)

    assert mcp_purge("--dry-run") == "Would purge 3 sessions: 2 expired, 1 terminated.\n"
    assert Session.objects.count() == 3


def test_a_terminal_sees_the_progress():
    create_ended(expired=3)

    assert mcp_purge("--batch", "2", out=Terminal()) == (
        "\rPurging: 2 sessions so far\rPurging: 3 sessions so far\rPurged 3 sessions: 3 expired, 0 terminated.\n"
    )


def test_quiet_is_quiet_even_on_a_terminal():
    create_ended(expired=3)

    assert mcp_purge(out=Terminal(), verbosity=0) == ""
    assert not Session.objects.exists()


def test_a_batch_may_be_a_number_when_called_from_code():
    create_ended(expired=3)

    assert mcp_purge(batch=2).startswith("Purged 3 sessions")


def test_events_of_live_sessions_past_their_age_are_purged_but_for_the_newest():
    session = Session.objects.create(server="airports", expires_at=timezone.now() + timedelta(days=9))
    aged = timezone.now() - timedelta(days=2)
    for sequence in (1, 2):
        Event.objects.create(session=session, stream="s", sequence=sequence, created_at=aged)
        Event.objects.create(session=session, stream="post", sequence=sequence, created_at=aged)
        Change.objects.create(server="airports", sequence=sequence, method="m", created_at=aged)
    Event.objects.create(session=session, stream="s", sequence=3)
    Stream.objects.create(session=session, key="post", request_id="1", lease_until=aged, ended_at=aged)
    Stream.objects.create(session=session, key="running", request_id="2", lease_until=aged)
    nobody = "Purged 0 sessions: 0 expired, 0 terminated.\n"

    assert mcp_purge("--dry-run").endswith("Would purge 6 events of live sessions, past their age.\n")
    assert mcp_purge() == f"{nobody}Purged 6 events of live sessions, past their age.\n"
    assert mcp_purge() == nobody
    assert list(Event.objects.values_list("stream", "sequence")) == [("s", 3)]
    assert [change.sequence for change in Change.objects.all()] == [2]
    assert [stream.key for stream in Stream.objects.all()] == ["running"]
