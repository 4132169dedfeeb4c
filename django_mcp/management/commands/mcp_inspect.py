"""manage.py mcp_inspect: the tools, resources and prompts that a user's model sees, and their size in its context."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.management.base import BaseCommand, CommandError
from django.test import RequestFactory

from django_mcp.management.users import SIGNS_IN, find_user
from django_mcp.page.shown import estimate_tokens, key_of, seen, size_of
from django_mcp.primitives.context import Caller, Principal
from django_mcp.primitives.readiness import objections
from django_mcp.server import MCPServer, all_servers


class Command(BaseCommand):
    help = "List the tools, resources and prompts that a user's model would see, with their sizes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help=f"{SIGNS_IN}; without it, what anybody sees")
        parser.add_argument("--server", help="the name of a server; without it, all that have something")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print the definitions themselves, as JSON")
        form.add_argument(
            "--ready", action="store_true", help="print what a directory of servers would refuse; fails if there is any"
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
            raise CommandError(f"There is no server {name!r}; there are {', '.join(one.name for one in known)}.")
        return chosen

    def _judge(self, servers: list[MCPServer], user: Any) -> None:
        refused = 0
        for server in servers:
            self.stdout.write(self.style.MIGRATE_HEADING(f"{server.name}, as {user} sees it"))
            for tool in dict(as_seen(server, user)).get("tools", []):
                found = objections(tool)
                refused += bool(found)
                for objection in found:
                    self.stdout.write(f"  {tool['name']}: {objection}")
        if refused:
            raise CommandError(f"Tools that a directory would refuse: {refused}.")
        self.stdout.write(self.style.SUCCESS("Nothing that a directory would refuse."))

    def _print(self, server: MCPServer, user: Any) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"{server.name}, as {user} sees it"))
        total = len(server.instructions or "")
        if total:
            self.stdout.write(f"  {'instructions':<52}{total:>8} characters")
        for kind, entries in as_seen(server, user):
            for entry in entries:
                size = size_of(entry)
                total += size
                label = key_of(entry)
                self.stdout.write(f"  {kind:<18}{label[:33]:<34}{size:>8}")
        self.stdout.write(f"  {'in all':<52}{total:>8} characters, about {estimate_tokens(total)} tokens\n")


def as_seen(server: MCPServer, user: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The entries of each list that a user's client is sent."""
    request = RequestFactory().get("/")
    request.user = user
    return seen(server, Caller(Principal("inspect", user), lambda: request))
