"""HTTP as mcp_doctor needs it: no redirect is followed, nothing is decompressed, and a stream is read as it comes."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext as _

ACCEPT: Final = "application/json, text/event-stream"
MAX_BYTES: Final = 16 * 1024 * 1024
"""The longest body that is read."""


class Unreachable(Exception):
    """The server did not answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its headers by lower-case name, and the seconds until they came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message of a body or of a stream's last event; empty when there is none."""
        text = self.body.decode(errors="replace")
        if self.content_type == "text/event-stream":
            text = next((line[5:] for line in reversed(text.split("\n")) if line.startswith("data: {")), "")
        try:
            value = json.loads(text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def result(self) -> dict[str, Any]:
        result = self.message.get("result")
        return result if isinstance(result, dict) else {}

    @property
    def error(self) -> str:
        error = self.message.get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""


@dataclass(slots=True)
class Stream:
    """The response of a stream that is open."""

    answer: Answer
    _connection: HTTPConnection
    _response: HTTPResponse

    def read(self, seconds: float) -> bytes | None:
        """The next bytes, empty at the stream's end. `None` when nothing came in that time: then the stream cannot be
        read any more.
        """
        if self._connection.sock is not None:
            self._connection.sock.settimeout(max(seconds, 0.001))
        try:
            return self._response.read1(65536)
        except TimeoutError:
            return None
        except (OSError, HTTPException):
            return b""


@dataclass(frozen=True, slots=True)
class Wire:
    """The endpoint at a URL. `headers` go with each request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 10

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def at(self, url: str) -> "Wire":
        """The same for another URL. Credentials go to the same host alone."""
        try:
            moved = replace(self, url=urljoin(self.url, url))
            return moved if moved.host == self.host else replace(moved, headers={})
        except ValueError as error:
            raise Unreachable(_("%(url)s is no URL: %(error)s") % {"url": url, "error": error}) from None

    def send(self, method: str, body: bytes | None = None, **headers: str) -> Answer:
        """The whole response to a request on a connection of its own. Raises `Unreachable`."""
        with self.open(method, body, **headers) as stream:
            try:
                rest = stream._response.read(MAX_BYTES)
            except (OSError, HTTPException) as error:
                values = {"url": self.url, "error": _reason(error)}
                raise Unreachable(_("The answer of %(url)s broke off: %(error)s") % values) from None
            return replace(stream.answer, body=rest)

    def post(self, message: Mapping[str, Any], **headers: str) -> Answer:
        sent = {"content_type": "application/json", "accept": ACCEPT, **headers}
        return self.send("POST", json.dumps(message).encode(), **sent)

    @contextmanager
    def open(self, method: str, body: bytes | None = None, **headers: str) -> Iterator[Stream]:
        """The response as a stream. Raises `Unreachable`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self._connect()
        started = time.monotonic()
        try:
            connection.request(method, self._target, body, {"accept-encoding": "identity", **self.headers, **named})
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, received, b"", time.monotonic() - started)
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            values = {"url": self.url, "error": _reason(error)}
            raise Unreachable(_("%(url)s does not answer: %(error)s") % values) from None
        try:
            yield Stream(answer, connection, response)
        finally:
            response.close()
            connection.close()

    @property
    def _target(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _connect(self) -> HTTPConnection:
        try:
            parts = urlsplit(self.url)
            if parts.scheme == "https":
                context = ssl.create_default_context()
                return HTTPSConnection(self.host, parts.port, timeout=self.timeout_seconds, context=context)
            return HTTPConnection(self.host, parts.port, timeout=self.timeout_seconds)
        except (ValueError, HTTPException) as error:
            raise Unreachable(_("%(url)s is no URL: %(error)s") % {"url": self.url, "error": error}) from None


def _reason(error: Exception) -> str:
    return _("it takes too long") if isinstance(error, TimeoutError) else str(error) or repr(error)
