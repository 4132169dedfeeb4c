"""`manage.py demo`: from an empty database to a served example, in one command."""

import ipaddress
import secrets
import socket
from textwrap import indent
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.authtoken.models import Token

from testproject.clients import EXAMPLE_CALL, client_configurations, curl_tool_call
from testproject.local import kept_secret

ADMIN = "admin"
PASSWORD_FILE = settings.BASE_DIR / ".demo-password"

# An open stream must not keep Ctrl-C waiting.
SHUTDOWN_SECONDS = 2


class Command(BaseCommand):
    help = "Migrate, load the airports, make a demo admin, and serve the project: what `make demo` runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--load", action="store_true", help="also load a busy week for the operators' pages")

    def handle(self, *args: Any, host: str, port: int, load: bool, **options: Any) -> None:
        check_free(host, port)
        try:
            self.prepare(host)
            if load:
                self.step("Loading a busy week")
                call_command("load_calls")
            self.say_what_to_try(host, port)
            serve(host, port)
        except KeyboardInterrupt:
            pass
        self.stdout.write("\nStopped.")

    def prepare(self, host: str) -> None:
        """Everything before serving; what an earlier start has done is not done again."""
        self.step("Migrating the database")
        call_command("migrate", verbosity=1, interactive=False)
        self.step("Loading the airports")
        call_command("load_airports")
        self.step("Preparing the demo admin")
        self.password, self.token = admin_login()
        if host not in settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS.append(host)

    def step(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"==> {text}"))

    def say_what_to_try(self, host: str, port: int) -> None:
        site = f"http://{netloc(host, port)}"
        url = f"{site}/mcp"
        blocks = [
            ("MCP endpoint, and a page to try it on", url),
            ("Home page", f"{site}/"),
            ("Admin", f"{site}/admin/\nname {ADMIN}, password {self.password}"),
            ("A call, from another terminal", curl_tool_call(url, *EXAMPLE_CALL)),
            ("To call as the admin, who may plan trips", f"-H 'Authorization: Token {self.token}'"),
            *((f"{c.client}: {c.file}", c.text) for c in client_configurations("airports", url)),
        ]
        for title, text in blocks:
            self.stdout.write(f"\n{self.style.MIGRATE_LABEL(title)}\n{indent(text, '  ')}")
        self.stdout.write(f"\nServing on {netloc(host, port)}. Ctrl-C stops it.\n")


def check_free(host: str, port: int) -> None:
    """Raise `CommandError` before the long steps when the port is somebody else's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Cannot serve on {host}:{port}: {error.strerror}. Try make demo PORT=8001.") from error


def admin_login() -> tuple[str, str]:
    """The demo admin's password, which an untracked file keeps so that a later start prints it again, and token."""
    password = kept_secret(PASSWORD_FILE, lambda: secrets.token_urlsafe(12))
    admin, _ = get_user_model().objects.get_or_create(
        username=ADMIN, defaults={"is_staff": True, "is_superuser": True, "email": "admin@example.com"}
    )
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save()
    token, _ = Token.objects.get_or_create(user=admin)
    return password, token.key


def netloc(host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if address.is_unspecified:
        return f"127.0.0.1:{port}"
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def serve(host: str, port: int) -> None:
    uvicorn.run(
        "testproject.asgi:application",
        host=host,
        port=port,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
