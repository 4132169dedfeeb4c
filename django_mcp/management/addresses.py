"""The address and the credential of an endpoint, for a client elsewhere; and the command that serves it here."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import ENVIRONMENT_VARIABLE
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from django_mcp.conf import mcp_settings
from django_mcp.page.clients import Http, Stdio, http_at, plain_name
from django_mcp.stdio.endpoint import LocalEndpoint, find_endpoint

from .users import find_user

LOCAL = "http://127.0.0.1:8000"
"""The address of `manage.py runserver` and of most servers on a developer's machine."""


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the arguments that `http_server` and `stdio_server` read."""
    parser.add_argument(
        "--url", help=_("the endpoint's URL; without it, MCP_PUBLIC_URL or 127.0.0.1:8000, and its path")
    )
    parser.add_argument("--stdio", action="store_true", help=_("the client starts mcp_stdio itself, instead of a URL"))
    parser.add_argument("--user", help=_("with --stdio: the user whom the client acts for"))
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--server", metavar="NAME", help=_("the name of a server; without it, the default server"))
    place.add_argument("--path", help=_("the path of an endpoint, where a server has several: /mcp"))
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help=_("with --stdio: pass on this environment variable")
    )


def find(options: Mapping[str, Any]) -> LocalEndpoint:
    """The endpoint that the options name. Raises `CommandError`."""
    try:
        return find_endpoint(options["server"], options["path"])
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None


def name_of(endpoint: LocalEndpoint) -> str:
    """The server's name in letters that every client's file takes."""
    return plain_name(endpoint.view().get_server().name)


def url_of(endpoint: LocalEndpoint, url: str | None) -> str:
    return url or (mcp_settings.PUBLIC_URL or LOCAL).rstrip("/") + endpoint.path


def http_server(endpoint: LocalEndpoint, options: Mapping[str, Any]) -> Http:
    """The server at its URL, and the environment variable for a token, unless it is open or signs in by OAuth."""
    return http_at(endpoint.project_view(), url_of(endpoint, options["url"]), endpoint.request())


def stdio_server(options: Mapping[str, Any]) -> Stdio:
    """The command that serves a client on this machine: this project's, by this Python. Raises `CommandError`."""
    arguments = ["mcp_stdio"]
    for name in ("user", "server", "path"):
        if options[name] is not None:
            arguments += [f"--{name}", options[name]]
    if options["user"] is not None:
        find_user(options["user"])
    env = {ENVIRONMENT_VARIABLE: os.environ[ENVIRONMENT_VARIABLE], **dict(map(_variable, options["env"]))}
    script = Path(sys.argv[0])
    if script.name == "manage.py":
        return Stdio(sys.executable, [str(script.resolve()), *arguments], env)
    return Stdio(sys.executable, ["-m", "django", *arguments], {**env, "PYTHONPATH": os.getcwd()})


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals and name not in os.environ:
        raise CommandError(
            _("There is no environment variable %(name)r: set it, or write --env %(name)s=VALUE.") % {"name": name}
        )
    return name, value if equals else os.environ[name]
