"""manage.py mcp_export_calls: audited calls as CSV or JSON Lines."""

import sys
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.contrib.audit.export import export
from django_mcp.contrib.audit.models import OUTCOMES, Call
from django_mcp.contrib.times import stored
from django_mcp.management.helpful import HelpfulCommand


def moment(option: str, text: str) -> datetime:
    """A time of the command line, in the project's time zone unless it names one."""
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day)
    except ValueError:
        found = None
    if found is None:
        told = _("%(option)s %(text)r is not a time: write 2026-03-01 or 2026-03-01T12:00.")
        raise CommandError(told % {"option": option, "text": text})
    return stored(found)


class Command(HelpfulCommand):
    """Writes audited calls, oldest first, in bounded memory."""

    help = gettext_lazy("Export the audited MCP calls as CSV or JSON Lines, oldest first.")
    examples = (
        "manage.py mcp_export_calls > calls.csv",
        "manage.py mcp_export_calls --format jsonl --since 2026-03-01 --outcome failed --output failed.jsonl",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv", "jsonl"], default="csv", help=_("the format (default: csv)"))
        parser.add_argument("--output", metavar="FILE", help=_("the file to write (default: the standard output)"))
        parser.add_argument(
            "--since", metavar="TIME", help=_("only calls from this time on: 2026-03-01, 2026-03-01T12:00")
        )
        parser.add_argument("--until", metavar="TIME", help=_("only calls before this time"))
        parser.add_argument(
            "--outcome", choices=[outcome for outcome, _label in OUTCOMES], help=_("only calls that ended so")
        )
        parser.add_argument("--name", metavar="NAME", help=_("only calls of this tool, prompt or URI"))
        parser.add_argument("--server", metavar="NAME", help=_("only calls of this server"))
        parser.add_argument("--user-id", metavar="ID", help=_("only calls of the user with this primary key"))
        parser.add_argument("--no-payloads", action="store_true", help=_("leave arguments and results out"))

    def handle(self, *, format: str, output: str | None, no_payloads: bool, **options: Any) -> None:
        lines = export(self.calls(**options), format, payloads=not no_payloads)  # type: ignore[arg-type]
        if output is None:
            for line in lines:
                self.stdout.write(line, ending="")
            return
        try:
            with open(output, "w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as error:
            text = _("%(path)s cannot be written: %(error)s.")
            raise CommandError(text % {"path": output, "error": error.strerror}) from error
        sys.stderr.write(_("Written to %(path)s.") % {"path": output} + "\n")

    def calls(
        self,
        *,
        since: str | None,
        until: str | None,
        outcome: str | None,
        name: str | None,
        server: str | None,
        user_id: str | None,
        **options: Any,
    ) -> Any:
        """The calls that the options name."""
        wanted = {"outcome": outcome, "name": name, "server": server, "user_pk": user_id}
        if since is not None:
            wanted["started_at__gte"] = moment("--since", since)  # type: ignore[assignment]
        if until is not None:
            wanted["started_at__lt"] = moment("--until", until)  # type: ignore[assignment]
        return Call.objects.filter(**{field: value for field, value in wanted.items() if value is not None})
