"""manage.py mcp_schema: a lock file of all that clients see, and whether a change breaks them."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.endpoint import routes
from django_mcp.management.compatibility import Change, changes
from django_mcp.management.files import replace_file
from django_mcp.management.helpful import HelpfulCommand, in_english
from django_mcp.management.lockfile import Lock, dump, load, lock_of
from django_mcp.server import MCPServer, all_servers

BREAKS, OUTDATED, NO_FILE = 1, 2, 3


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Write a lock file of all that clients see: tools, resources, prompts and their schemas. Commit it, so that a "
        "review shows each change; and let CI run --check, which says whether a change breaks clients."
    )
    examples = (
        "manage.py mcp_schema",
        "manage.py mcp_schema --check",
        "manage.py mcp_schema --check --json --file mcp.lock.json",
    )
    exit_codes = {
        "0": gettext_lazy("written; or, with --check, the lock file is up to date"),
        "1": gettext_lazy("with --check: a change breaks clients"),
        "2": gettext_lazy("with --check: nothing breaks, and the lock file is out of date: write and commit it"),
        "3": gettext_lazy("there is no lock file, or it cannot be read or written"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help=_("compare, and write nothing"))
        parser.add_argument(
            "--file", type=Path, default=Path("mcp.lock.json"), help=_("the file (default: mcp.lock.json)")
        )
        parser.add_argument("--server", action="append", metavar="NAME", help=_("this server alone; again for another"))
        parser.add_argument("--json", action="store_true", help=_("with --check: print the changes as JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        lock = lock_of(_servers(options["server"]))
        if options["check"]:
            self._check(path, load(path), lock, as_json=options["json"])
            return
        try:
            replace_file(path, dump(lock))
        except OSError as error:
            text = _("%(path)s cannot be written: %(error)s.") % {"path": path, "error": error.strerror or error}
            raise CommandError(text, returncode=NO_FILE) from None
        self.stdout.write(_("Wrote %(path)s: %(count)s.") % {"path": path, "count": _count(lock)})

    def _check(self, path: Path, old: Lock, new: Lock, *, as_json: bool) -> None:
        # As it would be read again: tuples are lists there.
        with in_english(as_json):
            found = changes(old, json.loads(dump(new)))
        if as_json:
            self.stdout.write(json.dumps([asdict(change) for change in found], indent=2, ensure_ascii=False))
        else:
            for change in found:
                self.stdout.write(_line(change))
        breaking = sum(change.breaks for change in found)
        if breaking:
            raise CommandError(
                _("Changes that break clients: %(count)d. Undo them, or write %(path)s again to accept them.")
                % {"count": breaking, "path": path},
                returncode=BREAKS,
            )
        if found:
            text = _("No change breaks clients. Write %(path)s again, and commit it.") % {"path": path}
            raise CommandError(text, returncode=OUTDATED)
        if not as_json:
            self.stdout.write(_("%(path)s is up to date: %(count)s.") % {"path": path, "count": _count(new)})


def _servers(names: list[str] | None) -> list[MCPServer]:
    # A server may stand in a module that only the URLconf imports.
    routes.routes()
    known = {server.name: server for server in all_servers()}
    if missing := [name for name in names or [] if name not in known]:
        text = _("There is no server %(server)r; there are %(servers)s.")
        raise CommandError(text % {"server": missing[0], "servers": ", ".join(known)}, returncode=NO_FILE)
    return [server for name, server in known.items() if (name in names if names else not server.is_empty())]


def _line(change: Change) -> str:
    # The first word is for scripts too, as in --json: it is the same in every language.
    return f"{'BREAKS' if change.breaks else 'ok    '}  {change.where}: {change.text}"


def _count(lock: Lock) -> str:
    servers = lock["servers"].values()
    tools = sum(len(server["tools"]) for server in servers)
    others = sum(len(entries) for server in servers for entries in server.values() if isinstance(entries, dict)) - tools
    return _("servers: %(servers)d, tools: %(tools)d, resources and prompts: %(others)d") % {
        "servers": len(servers),
        "tools": tools,
        "others": others,
    }
