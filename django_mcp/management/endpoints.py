"""Finding the endpoint and the user that a command's arguments name."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from django_mcp.primitives.context import Caller
from django_mcp.server import MCPServer
from django_mcp.stdio.endpoint import LocalEndpoint, find_endpoint

from .users import find_user


def add_arguments(parser: ArgumentParser) -> None:
    """Adds `--user`, `--server` and `--path`."""
    parser.add_argument("--user", help=_("the name that the user signs in with; without it, an anonymous caller"))
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--server", metavar="NAME", help=_("the name of a server; without it, the default server"))
    place.add_argument("--path", help=_("the path of an endpoint, where a server has several: /mcp"))


def endpoint_of(options: Mapping[str, Any]) -> tuple[LocalEndpoint, MCPServer, Caller]:
    """The endpoint that these arguments name, its server, and the caller. Raises `CommandError` with the remedy."""
    user = None if options["user"] is None else find_user(options["user"])
    if user is not None and not user.is_active:
        raise CommandError(_("The user %(user)r is not active.") % {"user": options["user"]})
    try:
        endpoint = find_endpoint(options["server"], options["path"], user)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
    admitted = endpoint.admit()
    if admitted is None:
        values = {"path": endpoint.path, "user": options["user"]}
        if options["user"]:
            raise CommandError(_("The endpoint at %(path)s does not admit %(user)s.") % values)
        raise CommandError(
            _("The endpoint at %(path)s does not admit an anonymous caller: name a user by --user.") % values
        )
    return endpoint, *admitted
