"""manage.py mcp_doctor: what stands between clients and this project, or a deployed endpoint, and how to mend it."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.endpoint import routes
from django_mcp.management.doctor import deployed, project
from django_mcp.management.doctor.findings import Finding
from django_mcp.management.doctor.wire import Wire
from django_mcp.management.helpful import HelpfulCommand, in_english
from django_mcp.server import all_servers

PROXIES = ("nginx", "caddy", "traefik")


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Without a URL, examine the project as it stands: system checks, tables, endpoints, and whether its tools are "
        "ready for the directories of Claude and ChatGPT. With a URL, walk a deployed endpoint through its real proxy "
        "as a client does: redirects, headers, sign-in, sessions over several workers, streams, and the clock. Each "
        "problem names its remedy."
    )
    examples = (
        "manage.py mcp_doctor",
        "manage.py mcp_doctor https://api.example.com/mcp --token-env TRIPS_TOKEN",
        "manage.py mcp_doctor https://api.example.com/mcp --proxy nginx --wait 70",
    )
    exit_codes = {
        "0": gettext_lazy("no problem; there may be warnings"),
        "1": gettext_lazy("a problem that keeps clients away"),
        "2": gettext_lazy("the command was not understood"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", nargs="?", help=_("the URL of a deployed endpoint; without it, the project"))
        parser.add_argument("--server", metavar="NAME", help=_("without a URL: the tools of this server alone"))
        parser.add_argument("--token-env", metavar="VARIABLE", help=_("the environment variable that has a token"))
        parser.add_argument("--scheme", default="Bearer", help=_("the word before the token (default: Bearer)"))
        parser.add_argument(
            "--wait",
            type=float,
            default=20,
            metavar="SECONDS",
            help=_("how long a silent stream is held (default: 20)"),
        )
        parser.add_argument("--proxy", choices=PROXIES, help=_("print the lines of this proxy alone"))
        parser.add_argument("--json", action="store_true", help=_("print the findings as JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        findings = self._project(options["server"]) if options["url"] is None else self._deployed(options)
        seen = []
        with in_english(options["json"]):
            for finding in findings:
                seen.append(finding)
                if not options["json"]:
                    self._print(finding, options["proxy"])
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in seen], indent=2, ensure_ascii=False))
        if problems := sum(finding.fails for finding in seen):
            raise CommandError(_("Problems: %(count)d.") % {"count": problems})

    def _project(self, server: str | None) -> Iterable[Finding]:
        if server is not None:
            # A server may stand in a module that only the URLconf imports.
            routes.routes()
            known = [one.name for one in all_servers()]
            if server not in known:
                values = {"server": server, "servers": ", ".join(known)}
                text = _("There is no server %(server)r; there are %(servers)s.") % values
                raise CommandError(text, returncode=2)
        return project.examine(server)

    def _deployed(self, options: dict[str, Any]) -> Iterable[Finding]:
        if not _is_url(options["url"]):
            text = _("%(url)r is no URL of an endpoint: https://…/mcp") % {"url": options["url"]}
            raise CommandError(text, returncode=2)
        headers = {}
        if (variable := options["token_env"]) is not None:
            if variable not in os.environ:
                text = _("There is no environment variable %(name)r: put a token into it.") % {"name": variable}
                raise CommandError(text, returncode=2)
            headers["authorization"] = f"{options['scheme']} {os.environ[variable]}"
        return deployed.examine(Wire(options["url"], headers), options["wait"])

    def _print(self, finding: Finding, proxy: str | None) -> None:
        styles: dict[str, Callable[[str], str]] = {
            "ok": self.style.SUCCESS,
            "warning": self.style.WARNING,
            "problem": self.style.ERROR,
            "note": str,
        }
        self.stdout.write(f"{styles[finding.status](f'{finding.status:<8}')} {finding.check}: {finding.text}")
        if finding.advice and finding.status != "ok":
            self.stdout.write(f"         {finding.advice}")
        for name, lines in finding.lines.items():
            if proxy in (None, name.lower()):
                indented = lines.replace("\n", "\n             ")
                self.stdout.write(f"         {name}:\n             {indented}")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
