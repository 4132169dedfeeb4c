"""manage.py mcp_inspector: starts the official Inspector for a server of this project, or prints how."""

import json
import os
import shlex
import subprocess
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from django_mcp.management import addresses
from django_mcp.management.clients import Http
from django_mcp.management.helpful import HelpfulCommand

INSPECTOR = "npx --yes @modelcontextprotocol/inspector@2"
ERAS = {"handshake": "legacy", "modern": "modern"}
"""The Inspector's words for the eras."""


class Command(HelpfulCommand):
    help = (
        "Start the official MCP Inspector for this server, with its URL or, with --stdio, its command, in its era and "
        "with your token; or print the command line. It needs Node; npx downloads the Inspector the first time."
    )
    epilog = """\
examples:
  manage.py mcp_inspector
  manage.py mcp_inspector --print --token-env TRIPS_TOKEN
  manage.py mcp_inspector --cli --stdio --user ada -- --method tools/list

exit codes:
  0  printed, or the Inspector has ended well
  1  the Inspector could not be started
  otherwise the Inspector's own
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        addresses.add_arguments(parser)
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--cli", action="store_true", help="the Inspector's command line, instead of its web page")
        mode.add_argument("--tui", action="store_true", help="its terminal interface")
        parser.add_argument("--era", choices=list(ERAS), help="the protocol's era (default: modern, where served)")
        parser.add_argument(
            "--token-env",
            metavar="VARIABLE",
            help="the environment variable that has your token (default: <SERVER>_TOKEN)",
        )
        parser.add_argument("--print", action="store_true", help="print the command line and start nothing")
        parser.add_argument("--inspector", default=INSPECTOR, help=f"the Inspector's command (default: {INSPECTOR})")
        parser.add_argument("more", nargs="*", help="after --: arguments for the Inspector")

    def handle(self, *args: Any, **options: Any) -> None:
        endpoint = addresses.find(options)
        served = endpoint.view().eras
        era = options["era"] or ("modern" if "modern" in served else "handshake")
        if era not in served:
            raise CommandError(f"The endpoint at {endpoint.path} does not serve the {era} era.")
        mode = "--cli" if options["cli"] else "--tui" if options["tui"] else "--web"
        command = [*shlex.split(options["inspector"]), mode]
        if options["stdio"]:
            command += _stdio_arguments(addresses.name_of(endpoint), options)
        else:
            command += self._http_arguments(addresses.http_server(endpoint, options), options)
        command += ["--protocol-era", ERAS[era], *options["more"]]
        if options["print"]:
            self.stdout.write(_shell(command))
        else:
            _start(command)

    def _http_arguments(self, server: Http, options: dict[str, Any]) -> list[str]:
        arguments = ["--server-url", server.url, "--transport", "http"]
        variable = options["token_env"] or server.variable
        if not variable:
            return arguments
        if options["print"]:
            return [*arguments, "--header", f"Authorization: {server.scheme} ${variable}"]
        if variable not in os.environ:
            raise CommandError(
                f"Put your token into the environment variable {variable}, or name another: --token-env."
            )
        return [*arguments, "--header", f"Authorization: {server.scheme} {os.environ[variable]}"]


def _stdio_arguments(name: str, options: dict[str, Any]) -> list[str]:
    """The arguments for a command: the Inspector's web page reads it from a file alone."""
    document = {"mcpServers": {name: {"type": "stdio", **addresses.stdio_server(options).entry()}}}
    path = Path(tempfile.mkdtemp(prefix="mcp-inspector-")) / "mcp.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return ["--config", str(path), "--server", name]


def _shell(command: list[str]) -> str:
    """A command line for a shell, which replaces the names of variables."""
    return " ".join(f'"{part}"' if "$" in part else shlex.quote(part) for part in command)


def _start(command: list[str]) -> None:
    try:
        code = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise CommandError(f"{command[0]} is not installed: install Node, or print the command by --print.") from None
    except KeyboardInterrupt:
        code = 130
    if code:
        raise CommandError(f"The Inspector has ended with {code}.", returncode=code if code > 0 else 1)
