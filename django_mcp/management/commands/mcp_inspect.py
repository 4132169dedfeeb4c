"""manage.py mcp_inspect: the tools, resources and prompts that a user's model sees, and their size in its context."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.management.base import CommandError
from django.test import RequestFactory
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_mcp.management.helpful import HelpfulCommand
from django_mcp.management.users import find_user
from django_mcp.page.shown import estimate_tokens, key_of, seen, size_of
from django_mcp.primitives.context import Caller, Principal
from django_mcp.primitives.readiness import objections
from django_mcp.server import MCPServer, all_servers


class Command(HelpfulCommand):
    help = gettext_lazy("List the tools, resources and prompts that a user's model would see, with their sizes.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help=_("the name that the user signs in with; without it, what anybody sees"))
        parser.add_argument("--server", help=_("the name of a server; without it, all that have something"))
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help=_("print the definitions themselves, as JSON"))
        form.add_argument(
            "--ready",
            action="store_true",
            help=_("print what a directory of servers would refuse; fails if there is any"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = self._user(options["user"])
        servers = self._servers(options["server"])
        if options["json"]:
            shown = {server.name: dict(as_seen(server, user)) for server in servers}
            self.stdout.write(json.dumps(shown, indent=2))
            return
        if options["ready"]:
            self._judge(servers, user)
            return
        for server in servers:
            self._print(server, user)

    def _user(self, name: str | None) -> Any:
        return AnonymousUser() if name is None else find_user(name)

    def _servers(self, name: str | None) -> list[MCPServer]:
        known = all_servers()
        chosen = [server for server in known if server.name == name or (name is None and server.capabilities())]
        if not chosen:
            values = {"server": name, "servers": ", ".join(one.name for one in known)}
            raise CommandError(_("There is no server %(server)r; there are %(servers)s.") % values)
        return chosen

    def _judge(self, servers: list[MCPServer], user: Any) -> None:
        refused = 0
        for server in servers:
            self._print_heading(server, user)
            for tool in dict(as_seen(server, user)).get("tools", []):
                found = objections(tool)
                refused += bool(found)
                for objection in found:
                    self.stdout.write(f"  {tool['name']}: {objection}")
        if refused:
            raise CommandError(_("Tools that a directory would refuse: %(count)d.") % {"count": refused})
        self.stdout.write(self.style.SUCCESS(_("Nothing that a directory would refuse.")))

    def _print_heading(self, server: MCPServer, user: Any) -> None:
        text = _("%(server)s, as %(user)s sees it") % {"server": server.name, "user": user}
        self.stdout.write(self.style.MIGRATE_HEADING(text))

    def _print(self, server: MCPServer, user: Any) -> None:
        self._print_heading(server, user)
        total = len(server.instructions or "")
        if total:
            # The name of a member of the protocol, as those of the lists below.
            self.stdout.write(f"  {'instructions':<52}{_characters(total)}")
        for kind, entries in as_seen(server, user):
            for entry in entries:
                size = size_of(entry)
                total += size
                label = key_of(entry)
                self.stdout.write(f"  {kind:<18}{label[:33]:<34}{size:>8}")
        tokens = estimate_tokens(total)
        about = ngettext("about %(count)d token", "about %(count)d tokens", tokens) % {"count": tokens}
        in_all = _("in all")
        self.stdout.write(f"  {in_all:<52}{_characters(total)}, {about}\n")


def _characters(number: int) -> str:
    return ngettext("%(size)s character", "%(size)s characters", number) % {"size": f"{number:>8}"}


def as_seen(server: MCPServer, user: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The entries of each list that a user's client is sent."""
    request = RequestFactory().get("/")
    request.user = user
    return seen(server, Caller(Principal("inspect", user), lambda: request))
