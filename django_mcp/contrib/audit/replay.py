"""A call again, from its row: as the person who asks for it, and through all the rules of the endpoint."""

import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from django_mcp.page.people import META_KEY
from django_mcp.protocol.modern import NAME_SOURCES
from django_mcp.protocol.versions import LATEST_MODERN

from .models import Call
from .redaction import MORE, REDACTED

METHODS: Final = frozenset({"tools/call", "prompts/get", "resources/read"})


class CannotReplay(Exception):
    """The call cannot be made again; the text says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The answer to a call that was made again: the HTTP status, and the JSON-RPC response."""

    status: int
    answer: Any

    @property
    def is_ok(self) -> bool:
        result = self.answer.get("result") if isinstance(self.answer, dict) else None
        return isinstance(result, dict) and not result.get("isError")


def is_complete(call: Call) -> bool:
    """Whether the row has all of the call's arguments: none was secret or cut."""
    text = json.dumps(call.arguments, ensure_ascii=False)
    return REDACTED not in text and MORE not in text


def replay(call: Call, arguments: dict[str, Any], request: HttpRequest) -> Replayed:
    """Makes the call at the endpoint as the request's user, and returns the answer. Raises `CannotReplay`."""
    if call.method not in METHODS:
        raise CannotReplay(_("%(method)s is not made again.") % {"method": call.method})
    if call.lane == "task":
        raise CannotReplay(_("The run of a task is not made again: make the call again that created the task."))
    try:
        match = resolve(call.path)
    except Resolver404:
        raise CannotReplay(_("There is no endpoint at %(path)s any more.") % {"path": call.path}) from None
    view = getattr(match.func, "mcp_view", None)
    if view is None:
        raise CannotReplay(_("There is no endpoint at %(path)s any more.") % {"path": call.path})
    if "modern" not in view.view_initkwargs.get("eras", view.view_class.eras):
        raise CannotReplay(_("The endpoint serves clients with a session alone."))
    response = match.func(_request_of(call, arguments, request), *match.args, **match.kwargs)
    parts = response.streaming_content if response.streaming else [response.content]
    return Replayed(response.status_code, _answer_in(b"".join(parts), response.status_code))


def _request_of(call: Call, arguments: dict[str, Any], request: HttpRequest) -> WSGIRequest:
    """The request of the endpoint's own page for people, whose CSRF token the admin has checked already."""
    params: dict[str, Any] = {NAME_SOURCES[call.method]: call.name}
    if call.method != "resources/read":
        params["arguments"] = arguments
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": LATEST_MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "admin", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": call.method, "params": params}).encode()
    copied = ("SERVER_NAME", "SERVER_PORT", "HTTP_HOST", "REMOTE_ADDR", "SCRIPT_NAME", "HTTP_X_FORWARDED_FOR")
    made = WSGIRequest(
        {
            **{key: request.META[key] for key in copied if key in request.META},
            "REQUEST_METHOD": "POST",
            "PATH_INFO": call.path,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_ACCEPT": "application/json, text/event-stream",
            "HTTP_MCP_PROTOCOL_VERSION": LATEST_MODERN,
            "HTTP_MCP_METHOD": call.method,
            "HTTP_MCP_NAME": _header_value(call.name),
            META_KEY: "1",
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": request.scheme,
        }
    )
    made.user = request.user
    made.session = request.session
    made._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    return made


def _header_value(text: str) -> str:
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _answer_in(content: bytes, status: int) -> Any:
    """The JSON-RPC response in a body, the last message when it is a stream of events."""
    text = content.decode()
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    try:
        return json.loads([line for line in lines if line][-1] if lines else text)
    except (ValueError, IndexError):
        return {"error": {"message": HTTPStatus(status).phrase}}
