"""manage.py mcp_stdio: serves a client on this machine that starts this process and talks to it through its pipes."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp import stdio
from django_mcp.management.endpoints import add_arguments, endpoint_of
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.stdio.lines import private_pipes


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Serve MCP over stdin and stdout, for a client on this machine that starts this command itself (see mcp_config "
        "--stdio). The client may do what the user may. Logs and everything that your code prints go to stderr. The "
        "command ends when the client closes its end."
    )
    examples = (
        "manage.py mcp_stdio --user ada",
        "manage.py mcp_config --client claude-desktop --stdio --user ada",
    )
    exit_codes = {
        "0": gettext_lazy("the client has closed its end"),
        "1": gettext_lazy("the command could not start, or the server has ended the session"),
    }
    # Their output would come before the first message.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with private_pipes() as (reading, writing):
            endpoint, _server, _caller = endpoint_of(options)
            has_ended = asyncio.run(stdio.serve(endpoint, reading, writing))
        if has_ended:
            raise CommandError(_("The session has ended on the server. The client must start the command again."))
