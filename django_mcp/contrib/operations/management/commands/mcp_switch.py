"""manage.py mcp_switch: stops tools, servers and callers, and starts them again, also when the admin is down."""

import argparse
import getpass
import json
import re
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_time
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.contrib.operations.models import KINDS, Switch
from django_mcp.contrib.operations.switches import SwitchError, Target, doubt_of, find_target, start, stop
from django_mcp.contrib.times import localtime, stored
from django_mcp.management.helpful import HelpFormatter, HelpfulCommand
from django_mcp.management.users import find_user

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Stop a tool, a resource, a prompt, a server, or the access of a user, a client, a principal or a token; and "
        "start it again. Every process obeys within two seconds."
    )
    examples = (
        'manage.py mcp_switch off tool delete_trip_plan --reason "It deletes too much" --until 2h',
        'manage.py mcp_switch off user ada --reason "Stolen laptop" --cancel --by grace',
        'manage.py mcp_switch off server airports --reason "The provider is down" --until 06:00',
        "manage.py mcp_switch on tool delete_trip_plan",
        "manage.py mcp_switch list --json",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        off = verbs.add_parser("off", help=_("stop something"), formatter_class=HelpFormatter, epilog=self.epilog)
        self._add_target(off)
        off.add_argument("--reason", required=True, help=_("clients and their models read it"))
        until = _("when it starts again by itself: 30m, 2h, 1d, 06:00 or 2026-11-29T06:00")
        off.add_argument("--until", help=until)
        off.add_argument("--cancel", action="store_true", help=_("also cancel the calls that run now"))
        on = verbs.add_parser("on", help=_("start it again"))
        self._add_target(on)
        on.add_argument("--reason", default="", help=_("for the history"))
        listing = verbs.add_parser("list", help=_("list what is stopped"))
        listing.add_argument("--all", action="store_true", help=_("also what was stopped once and runs again"))
        for one in (off, on, listing):
            one.add_argument("--json", action="store_true", help=_("print JSON, for scripts"))

    def _add_target(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(KINDS), help=_("what is stopped"))
        name = _("its name: of a resource the URI, of a user the name that it signs in with")
        parser.add_argument("name", help=name)
        parser.add_argument("--server", default="", help=_("only on this server; without it, on every server"))
        parser.add_argument("--by", help=_("the operator, for the history: the name that the user signs in with"))

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(**options)

    def _off(self, kind: str, name: str, server: str, reason: str, until: str | None, **options: Any) -> None:
        by, end = self._operator(options["by"]), moment_of(until)
        try:
            target = find_target(kind, name, server)
            row = stop(target, reason=reason, until=end, cancels=options["cancel"], by=by, how=_how())
        except SwitchError as error:
            raise CommandError(str(error)) from None
        self._say(row, target, _("Stopped the %(target)s.") % {"target": row}, options["json"])

    def _on(self, kind: str, name: str, server: str, reason: str, **options: Any) -> None:
        by = self._operator(options["by"])
        try:
            target = find_target(kind, name, server)
            row = start(target, by=by, reason=reason, how=_how())
        except SwitchError as error:
            raise CommandError(str(error)) from None
        self._say(row, target, _("Started the %(target)s.") % {"target": row}, options["json"])

    def _list(self, all: bool, **options: Any) -> None:
        rows = Switch.objects.select_related("stopped_by")
        shown = [row for row in rows if all or row.is_off()]
        if options["json"]:
            self.stdout.write(json.dumps([as_json(row) for row in shown], indent=2))
            return
        for row in shown:
            who = row.stopped_by if row.stopped_by is not None else "-"
            values = {"target": row, "state": _state_of(row), "user": who, "reason": row.reason}
            self.stdout.write(_("%(target)s: %(state)s, by %(user)s: %(reason)s") % values)
        if not shown:
            self.stdout.write(_("Nothing is stopped."))

    def _operator(self, name: str | None) -> Any:
        """The user for the history: the one that is named, else the only active superuser."""
        if name is not None:
            return find_user(name)
        model: Any = get_user_model()
        try:
            found = list(model._default_manager.filter(is_superuser=True, is_active=True)[:2])
        except FieldError:
            found = []
        if len(found) != 1:
            raise CommandError(_("Say who throws the switch, for the history: --by USER."))
        return found[0]

    def _say(self, row: Switch, target: Target, text: str, is_json: bool) -> None:
        if doubt := doubt_of(target):
            self.stderr.write(self.style.WARNING(_("Warning: %(problem)s") % {"problem": doubt}))
        self.stdout.write(json.dumps(as_json(row), indent=2) if is_json else text)


def _state_of(row: Switch) -> str:
    if not row.is_off():
        return _("runs")
    if row.until is None:
        return _("stopped until it is started")
    return _("stopped until %(time)s") % {"time": f"{localtime(row.until):%Y-%m-%d %H:%M}"}


def as_json(row: Switch) -> dict[str, Any]:
    """A switch as the JSON that `--json` prints."""
    return {
        "kind": row.kind,
        "server": row.server,
        "name": row.label if row.kind == "user" else row.name,
        "stopped": row.is_off(),
        "reason": row.reason,
        "until": row.until.isoformat() if row.until else None,
        "cancels": row.cancels,
        "stopped_at": row.stopped_at.isoformat() if row.stopped_at else None,
        "stopped_by": str(row.stopped_by) if row.stopped_by is not None else None,
    }


def moment_of(text: str | None) -> datetime | None:
    """The end of a stop: a length of time from now, a time of day, or a date and time, in the project's time zone."""
    if text is None:
        return None
    now = timezone.now()
    try:
        if match := re.fullmatch(r"([0-9]{1,6})([smhdw])", text):
            return now + timedelta(**{UNITS[match[2]]: int(match[1])})
        if (clock := parse_time(text)) is not None and ":" in text and "-" not in text:
            today = localtime(now).replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            return today if today > now else today + timedelta(days=1)
        if (moment := parse_datetime(text)) is not None:
            localtime(moment := stored(moment))  # The last hours of the calendar are over in other time zones.
            return moment
    except (ValueError, OverflowError):
        pass
    told = _("--until %(text)r is no time: write 30m, 2h, 1d, 06:00 or 2026-11-29T06:00.")
    raise CommandError(told % {"text": text})


def _how() -> str:
    try:
        return f" by mcp_switch, as {getpass.getuser()} on the machine"
    except (KeyError, OSError):
        return " by mcp_switch"
