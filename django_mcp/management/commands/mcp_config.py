"""manage.py mcp_config: the configuration with which a client finds a server of this project."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.management import addresses
from django_mcp.management.files import append_toml, merge_json, replace_file
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.page.clients import CLIENTS, Client, Server


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Print the configuration with which a client finds this server, over HTTP or, with --stdio, as a command that "
        "the client starts; or write it into the client's file. No token is written: the file names an environment "
        "variable that has it."
    )
    examples = (
        "manage.py mcp_config --client claude-code",
        "manage.py mcp_config --client claude-desktop --stdio --user ada --write",
        "manage.py mcp_config --client cursor --url https://api.example.com/mcp --name trips",
    )
    exit_codes = {
        "0": gettext_lazy("printed or written"),
        "1": gettext_lazy("the file or the arguments do not allow it; the file is kept"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--client", required=True, choices=list(CLIENTS), help=_("the client"))
        addresses.add_arguments(parser)
        parser.add_argument("--name", help=_("the server's name in the client; without it, the server's own"))
        parser.add_argument(
            "--write", action="store_true", help=_("write into the client's file, beside its other servers")
        )
        parser.add_argument("--file", type=Path, help=_("with --write: another file"))

    def handle(self, *args: Any, **options: Any) -> None:
        client = CLIENTS[options["client"]]
        endpoint = addresses.find(options)
        name = options["name"] or addresses.name_of(endpoint)
        server: Server = (
            addresses.stdio_server(options) if options["stdio"] else addresses.http_server(endpoint, options)
        )
        path = options["file"] or client.file()
        if options["write"]:
            self._write(client, path, name, server)
        else:
            self.stdout.write(client.text(name, server), ending="")
            text = _("For %(client)s, in %(path)s. Add --write to write it there.")
            self.stderr.write(text % {"client": client.title, "path": path}, style_func=str)

    def _write(self, client: Client, path: Path, name: str, server: Server) -> None:
        try:
            if client.is_toml:
                text = append_toml(path, (client.key, name), client.text(name, server))
            else:
                text = merge_json(path, client.document(name, server))
            replace_file(path, text)
        except OSError as error:
            text = _("%(path)s cannot be written: %(error)s.")
            raise CommandError(text % {"path": path, "error": error.strerror or error}) from None
        text = _("Wrote %(name)s into %(path)s. Start %(client)s again to read it.")
        self.stdout.write(text % {"name": name, "path": path, "client": client.title})
