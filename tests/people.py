"""A browser at an endpoint, as far as the page for people needs one, and middleware of a project."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client

from django_mcp.testing import Response
from tests import wire


@dataclass
class Browser:
    """Keeps its cookies. `carrier` is "view" or "lane"."""

    carrier: str
    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, user: Any) -> "Browser":
        client = Client()
        client.force_login(user)
        self.cookies["sessionid"] = client.cookies["sessionid"].value
        return self

    def open(self, path: str = "/plain", **headers: str) -> Response:
        response = self._send("GET", path, {"accept": "text/html,*/*;q=0.8", **_names(headers)}, b"")
        for part in response.headers.get("set-cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == "csrftoken":
                self.cookies[name] = value
        return response

    def call(
        self, path: str = "/plain", name: str = "describe_caller", arguments: Any = None, **headers: str
    ) -> Response:
        """A call of a tool, as the page makes it."""
        own = {
            **wire.POST_HEADERS,
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": name,
            "x-mcp-page": "1",
            "x-csrftoken": self.cookies.get("csrftoken", ""),
            "origin": "http://testserver",
            **_names(headers),
        }
        message = wire.modern_request("tools/call", {"name": name, "arguments": arguments or {}})
        message["params"]["_meta"] = {**wire.ENVELOPE, "io.modelcontextprotocol/logLevel": "debug"}
        body = json.dumps(message).encode()
        return self._send("POST", path, {key: value for key, value in own.items() if value}, body)

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
        sent = {"host": "testserver", **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.carrier == "view":
            return wire.send_wsgi(path, method, sent, body)
        path, _, query = path.partition("?")
        response, _ = wire.send_asgi(path, method, sent.items(), [body], query_string=query.encode())
        assert response is not None
        return response


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Stamp:
    """Marks what it has seen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["X-Stamp"] = "seen"
        return response


class SecondFactor(Stamp):
    """Lets nobody through who has only a password."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect("/second-factor")


def under(settings: Any, middleware: type[Stamp]) -> None:
    """Adds a middleware to the project's."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.{middleware.__name__}"]
