"""manage.py mcp_card: prints the server.json, the card or the catalog entries of a server, and checks them."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.conf import mcp_settings
from django_mcp.contrib.cards import documents, rules
from django_mcp.extensions import servers
from django_mcp.management.helpful import HelpfulCommand


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Print the server.json of a server for the MCP registry, its server card, or its entries in an AI catalog."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--server", help=_("the name of a server with cards; needed if there are several"))
        parser.add_argument("--url", help=_("the scheme and host of the URLs; MCP_PUBLIC_URL by default"))
        parser.add_argument("--kind", choices=["server.json", "card", "catalog"], default="server.json")
        parser.add_argument(
            "--check",
            nargs="?",
            const="",
            metavar="FILE",
            help=_("print nothing, and fail if a rule is broken, or if FILE is not what would be printed"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        base = (options["url"] or mcp_settings.PUBLIC_URL).rstrip("/")
        if not base.startswith(("http://", "https://")):
            raise CommandError(_("Say where clients reach the server: --url https://example.com, or MCP_PUBLIC_URL."))
        document, problems = self._make(options["kind"], options["server"], base)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        if options["check"] is None:
            self.stdout.write(text)
            for problem in problems:
                self.stderr.write(_("Warning: %(problem)s.") % {"problem": problem})
            return
        if options["check"] and _read(options["check"]) != document:
            text = _("%(path)s is not what this command prints: write it again")
            problems.append(text % {"path": options["check"]})
        if problems:
            raise CommandError("\n".join(f"{problem}." for problem in problems))
        self.stdout.write(_("It keeps the rules."))

    def _make(self, kind: str, name: str | None, base: str) -> tuple[Any, list[str]]:
        """A document, and the rules that it breaks."""
        if kind == "catalog":
            return documents.catalog_entries(base), []
        found = {server.name: server for server in servers() if documents.cards_of(server) is not None}
        if name is None and len(found) == 1:
            name = next(iter(found))
        if name not in found:
            if not found:
                raise CommandError(_("No server has cards."))
            values = {"names": " | ".join(sorted(found))}
            raise CommandError(_("Name a server with cards, --server %(names)s.") % values)
        server = found[name]
        cards = documents.cards_of(server)
        assert cards is not None
        if kind == "server.json":
            document = documents.server_json_of(server, cards, base)
            return document, list(rules.problems_of_server_json(document))
        remotes = [documents.remote_of(cards, f"{base}{path}", eras) for path, eras in documents.endpoints_of(server)]
        document = documents.card_of(server, cards, remotes)
        return document, list(rules.problems_of_card(document))


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(_("%(path)s cannot be read as JSON (%(error)s).") % {"path": path, "error": error}) from None
