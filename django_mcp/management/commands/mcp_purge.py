"""manage.py mcp_purge: deletes ended sessions and old events. For cron, or a periodic task."""

import re
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_mcp.conf import mcp_settings
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.storage.purge import PurgeCount, purge, purge_aged, purge_others
from django_mcp.storage.upkeep import PURGE, note

UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# One transaction deletes a batch, and SQLite accepts at most about 32 000 values in a statement.
GREATEST_BATCH = 10_000


def age(text: str) -> timedelta:
    """A duration: 90, 90s, 30m, 12h, 7d, 2w."""
    match = re.fullmatch(r"([0-9]+)([smhdw]?)", text)
    if not match:
        told = _("--older-than %(text)r is not a length of time: write 30m, 12h, 7d or a number of seconds.")
        raise CommandError(told % {"text": text})
    try:
        length = timedelta(**{UNITS[match[2]]: int(match[1])})
        timezone.now() - length
    except (OverflowError, ValueError):
        raise CommandError(_("--older-than %(text)r is longer ago than there are dates.") % {"text": text}) from None
    return length


def batch_size(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= GREATEST_BATCH:
        return int(text)
    told = _("--batch %(text)r is not a number from 1 to %(greatest)d.")
    raise CommandError(told % {"text": text, "greatest": GREATEST_BATCH})


class Command(HelpfulCommand):
    """Deletes ended sessions and old events in batches, and prints how many."""

    help = gettext_lazy(
        "Delete MCP sessions that have expired or were terminated, and events past MCP_EVENT_MAX_AGE_SECONDS."
    )

    # handle() reads the values, so that call_command(older_than="7d") is checked like the command line.
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", metavar="AGE", help=_("only sessions that ended at least this long ago: 30m, 12h, 7d")
        )
        parser.add_argument(
            "--batch", default="1000", metavar="N", help=_("sessions in one transaction (default: 1000)")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("count them and delete nothing"))

    def handle(self, *, older_than: object, batch: object, dry_run: bool, verbosity: int, **options: Any) -> None:
        on_terminal = verbosity > 0 and self.stdout.isatty()
        size = batch_size(str(batch))
        count = purge(
            older_than=None if older_than is None else age(str(older_than)),
            batch_size=size,
            dry_run=dry_run,
            progress=self.show_progress if on_terminal else None,
        )
        if verbosity > 0:
            self.stdout.write(("\r" if on_terminal else "") + sessions_in_words(count, dry_run))
        before = timezone.now() - timedelta(seconds=mcp_settings.EVENT_MAX_AGE_SECONDS)
        old = purge_aged(before, size, dry_run=dry_run)
        if verbosity > 0 and old:
            self.stdout.write(events_in_words(old, dry_run))
        for noun, number in purge_others(size, dry_run=dry_run).items():
            if verbosity > 0:
                text = _("Would purge %(number)d %(noun)s.") if dry_run else _("Purged %(number)d %(noun)s.")
                self.stdout.write(text % {"number": number, "noun": _(noun)})
        if not dry_run:
            note(PURGE)

    def show_progress(self, count: PurgeCount) -> None:
        number = count.expired + count.terminated
        text = ngettext("Purging: %(count)d session so far", "Purging: %(count)d sessions so far", number)
        self.stdout.write("\r" + text % {"count": number}, ending="")
        self.stdout.flush()


def sessions_in_words(count: PurgeCount, dry_run: bool) -> str:
    number = count.expired + count.terminated
    would = ngettext(
        "Would purge %(count)d session: %(expired)d expired, %(terminated)d terminated.",
        "Would purge %(count)d sessions: %(expired)d expired, %(terminated)d terminated.",
        number,
    )
    did = ngettext(
        "Purged %(count)d session: %(expired)d expired, %(terminated)d terminated.",
        "Purged %(count)d sessions: %(expired)d expired, %(terminated)d terminated.",
        number,
    )
    values = {"count": number, "expired": count.expired, "terminated": count.terminated}
    return (would if dry_run else did) % values


def events_in_words(number: int, dry_run: bool) -> str:
    would = ngettext(
        "Would purge %(count)d event of live sessions, past its age.",
        "Would purge %(count)d events of live sessions, past their age.",
        number,
    )
    did = ngettext(
        "Purged %(count)d event of live sessions, past its age.",
        "Purged %(count)d events of live sessions, past their age.",
        number,
    )
    return (would if dry_run else did) % {"count": number}
