"""manage.py mcp_inspector: starts the official Inspector for a server of this project, or prints how."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.management import addresses
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.page.clients import Http, Stdio

INSPECTOR = "npx --yes @modelcontextprotocol/inspector@2"
ERAS = {"handshake": "legacy", "modern": "modern"}
"""The Inspector's words for the eras."""


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Start the official MCP Inspector for this server, with its URL or, with --stdio, its command, in its era and "
        "with your token; or print the command line. It needs Node; npx downloads the Inspector the first time."
    )
    examples = (
        "manage.py mcp_inspector",
        "manage.py mcp_inspector --print --token-env TRIPS_TOKEN",
        "manage.py mcp_inspector --cli --stdio --user ada -- --method tools/list",
    )
    exit_codes = {
        "0": gettext_lazy("printed, or the Inspector has ended well"),
        "1": gettext_lazy("the Inspector could not be started"),
        "…": gettext_lazy("any other is the Inspector's own"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        addresses.add_arguments(parser)
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--cli", action="store_true", help=_("the Inspector's command line, instead of its web page"))
        mode.add_argument("--tui", action="store_true", help=_("its terminal interface"))
        parser.add_argument("--era", choices=list(ERAS), help=_("the protocol's era (default: modern, where served)"))
        parser.add_argument(
            "--token-env",
            metavar="VARIABLE",
            help=_("the environment variable that has your token (default: <SERVER>_TOKEN)"),
        )
        parser.add_argument("--print", action="store_true", help=_("print the command line and start nothing"))
        text = _("the Inspector's command (default: %(command)s)") % {"command": INSPECTOR}
        parser.add_argument("--inspector", default=INSPECTOR, help=text)
        parser.add_argument("more", nargs="*", help=_("after --: arguments for the Inspector"))

    def handle(self, *args: Any, **options: Any) -> None:
        endpoint = addresses.find(options)
        served = endpoint.view().eras
        era = options["era"] or ("modern" if "modern" in served else "handshake")
        if era not in served:
            text = _("The endpoint at %(path)s does not serve the %(era)s era.")
            raise CommandError(text % {"path": endpoint.path, "era": era})
        mode = "--cli" if options["cli"] else "--tui" if options["tui"] else "--web"
        command = [*_words(options["inspector"]), mode]
        more = ["--protocol-era", ERAS[era], *options["more"]]
        server = addresses.stdio_server(options) if options["stdio"] else addresses.http_server(endpoint, options)
        if options["print"] and isinstance(server, Http):
            self.stdout.write(_shell([*command, *_http_arguments(server, options["token_env"]), *more]))
            return
        entry = _http_entry(server, options["token_env"]) if isinstance(server, Http) else _stdio_entry(server)
        name = addresses.name_of(endpoint)
        # A file: other users of the machine see arguments, and the web page takes a command from a file alone.
        path = _write(name, entry)
        command += ["--config", str(path), "--server", name, *more]
        if options["print"]:
            self.stdout.write(_shell(command))
            return
        try:
            _start(command)
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)


def _http_arguments(server: Http, variable: str | None) -> list[str]:
    """The arguments of a printed command line, in which the shell puts the token."""
    arguments = ["--server-url", server.url, "--transport", "http"]
    name = variable or server.variable
    return [*arguments, "--header", f"Authorization: {server.scheme} ${name}"] if name else arguments


def _http_entry(server: Http, variable: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "streamable-http", "url": server.url}
    name = variable or server.variable
    if not name:
        return entry
    if name not in os.environ:
        text = _("Put your token into the environment variable %(name)s, or name another: --token-env.")
        raise CommandError(text % {"name": name})
    return {**entry, "headers": {"Authorization": f"{server.scheme} {os.environ[name]}"}}


def _stdio_entry(server: Stdio) -> dict[str, Any]:
    return {"type": "stdio", **server.entry()}


def _write(name: str, entry: dict[str, Any]) -> Path:
    """The Inspector's configuration in a new folder that only this user can read."""
    path = Path(tempfile.mkdtemp(prefix="mcp-inspector-")) / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {name: entry}}), encoding="utf-8")
    return path


def _shell(command: list[str]) -> str:
    """A command line for a shell, which replaces the names of variables."""
    return " ".join(f'"{part}"' if "$" in part else shlex.quote(part) for part in command)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise CommandError(_unstartable(command, error)) from None


def _unstartable(command: str, error: object) -> str:
    return _("%(command)s cannot be started: %(error)s.") % {"command": command, "error": error}


def _start(command: list[str]) -> None:
    try:
        code = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        text = _("%(command)s is not installed: install Node, or print the command by --print.")
        raise CommandError(text % {"command": command[0]}) from None
    except OSError as error:
        raise CommandError(_unstartable(command[0], error.strerror)) from None
    except KeyboardInterrupt:
        code = 130
    if code:
        text = _("The Inspector has ended with %(code)d.") % {"code": code}
        raise CommandError(text, returncode=code if code > 0 else 1)
