"""manage.py mcp_purge: deletes ended sessions and old events. For cron, or a periodic task."""

import re
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.storage.purge import PurgeCount, purge, purge_aged, purge_others
from django_mcp.storage.upkeep import PURGE, note

UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# One transaction deletes a batch, and SQLite accepts at most about 32 000 values in a statement.
GREATEST_BATCH = 10_000


def age(text: str) -> timedelta:
    """A duration: 90, 90s, 30m, 12h, 7d, 2w."""
    match = re.fullmatch(r"([0-9]+)([smhdw]?)", text)
    if not match:
        raise CommandError(f"--older-than {text!r} is not a length of time: write 30m, 12h, 7d or a number of seconds.")
    try:
        length = timedelta(**{UNITS[match[2]]: int(match[1])})
        timezone.now() - length
    except (OverflowError, ValueError):
        raise CommandError(f"--older-than {text!r} is longer ago than there are dates.") from None
    return length


def batch_size(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= GREATEST_BATCH:
        return int(text)
    raise CommandError(f"--batch {text!r} is not a number from 1 to {GREATEST_BATCH}.")


class Command(BaseCommand):
    """Deletes ended sessions and old events in batches, and prints how many."""

    help = "Delete MCP sessions that have expired or were terminated, and events past MCP_EVENT_MAX_AGE_SECONDS."

    # handle() reads the values, so that call_command(older_than="7d") is checked like the command line.
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", metavar="AGE", help="only sessions that ended at least this long ago: 30m, 12h, 7d"
        )
        parser.add_argument("--batch", default="1000", metavar="N", help="sessions in one transaction (default: 1000)")
        parser.add_argument("--dry-run", action="store_true", help="count them and delete nothing")

    def handle(self, *, older_than: object, batch: object, dry_run: bool, verbosity: int, **options: Any) -> None:
        on_terminal = verbosity > 0 and self.stdout.isatty()
        size = batch_size(str(batch))
        count = purge(
            older_than=None if older_than is None else age(str(older_than)),
            batch_size=size,
            dry_run=dry_run,
            progress=self.show_progress if on_terminal else None,
        )
        did = "Would purge" if dry_run else "Purged"
        if verbosity > 0:
            start = "\r" if on_terminal else ""
            self.stdout.write(f"{start}{did} {total(count)}: {count.expired} expired, {count.terminated} terminated.")
        before = timezone.now() - timedelta(seconds=mcp_settings.EVENT_MAX_AGE_SECONDS)
        old = purge_aged(before, size, dry_run=dry_run)
        if verbosity > 0 and old:
            self.stdout.write(f"{did} {old} events of live sessions, past their age.")
        for noun, number in purge_others(size, dry_run=dry_run).items():
            if verbosity > 0:
                self.stdout.write(f"{did} {number} {noun}.")
        if not dry_run:
            note(PURGE)

    def show_progress(self, count: PurgeCount) -> None:
        self.stdout.write(f"\rPurging: {total(count)} so far", ending="")
        self.stdout.flush()


def total(count: PurgeCount) -> str:
    number = count.expired + count.terminated
    return f"{number} session" if number == 1 else f"{number} sessions"
