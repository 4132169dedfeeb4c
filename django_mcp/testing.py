"""`MCPClient`: a client for tests, in the same process, for both eras and either lane.

It speaks as the official clients do, headers and envelope included, and works inside `TestCase` transactions.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.utils.module_loading import import_string

from django_mcp.authentication import forced_user
from django_mcp.endpoint.request_stream import inline_answers
from django_mcp.execution.threads import caller_waits
from django_mcp.protocol.modern import NAME_SOURCES
from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN, MODERN_VERSIONS, Era

ACCEPT = "application/json, text/event-stream"
CAPABILITIES = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
MAX_ROUNDS = 10


class MCPError(Exception):
    """A JSON-RPC error that the server answered; `status` is the HTTP status it came under, `headers` are those that
    came with it, by their lower-case names.
    """

    def __init__(
        self, code: int, message: str, data: Any, status: int, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer as a test looks at it. Header names are lower-case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The answer: the body, or the last message of a stream."""
        return self.messages()[-1] if self.is_stream else json.loads(self.content)

    def messages(self) -> list[dict[str, Any]]:
        """The messages of a stream, in the order in which they were sent."""
        lines = self.content.decode().split("\n")  # Python would also split at U+2028, which JSON may hold.
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a tool answered; `raw` is the whole result."""

    raw: dict[str, Any]

    @property
    def is_error(self) -> bool:
        return bool(self.raw.get("isError"))

    @property
    def content(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = self.raw["content"]
        return content

    @property
    def text(self) -> str:
        return "\n".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def structured(self) -> Any:
        return self.raw.get("structuredContent")


class MCPClient:
    """A client of the endpoint at `path`.

    `era` or `version` says which protocol it speaks; a handshake client opens its session when it is first used. `lane`
    is `view` (WSGI) or `asgi` (the project's `ASGI_APPLICATION`, or the given `application`). `user` calls as that
    user, past the endpoint's authenticators.
    """

    def __init__(
        self,
        path: str = "/mcp",
        *,
        era: Era | None = None,
        version: str | None = None,
        lane: Literal["view", "asgi"] = "view",
        application: Any = None,
        user: Any = None,
        headers: Mapping[str, str] | None = None,
        capabilities: Mapping[str, Any] | None = None,
        client_info: Mapping[str, Any] | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.version = version or (LATEST_HANDSHAKE if era == "handshake" else LATEST_MODERN)
        self.era: Era = "modern" if self.version in MODERN_VERSIONS else "handshake"
        self.answers = dict(answers or {})
        self.capabilities = {**{CAPABILITIES[method]: {} for method in self.answers}, **(capabilities or {})}
        self.notifications: list[dict[str, Any]] = []
        self.client_info = dict(client_info or {"name": "test", "version": "1"})
        self.session_id: str | None = None
        self.server: dict[str, Any] = {}
        self._lane = lane
        self._application = application
        self._user = user
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._last_id = 0

    def initialize(self) -> dict[str, Any]:
        """Opens the session, and returns the server's answer; a modern client asks `server/discover` instead."""
        if self.era == "modern":
            self.server = self.request("server/discover")
            return self.server
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": self.client_info,
        }
        response = self.post(self._message("initialize", params))
        self.server = self._result(response)
        self.version = self.server["protocolVersion"]
        self.session_id = response.headers.get("mcp-session-id")
        self.notify("notifications/initialized")
        return self.server

    def close(self) -> Response:
        """Ends the session."""
        return self.send("DELETE")

    def list_tools(self) -> list[dict[str, Any]]:
        return self._list("tools/list", "tools")

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None, **headers: str) -> CallResult:
        """Calls a tool; the keyword arguments are further headers."""
        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = dict(arguments)
        return CallResult(self.request("tools/call", params, headers=headers))

    def list_resources(self) -> list[dict[str, Any]]:
        return self._list("resources/list", "resources")

    def list_resource_templates(self) -> list[dict[str, Any]]:
        return self._list("resources/templates/list", "resourceTemplates")

    def read_resource(self, uri: str) -> list[dict[str, Any]]:
        contents: list[dict[str, Any]] = self.request("resources/read", {"uri": uri})["contents"]
        return contents

    def list_prompts(self) -> list[dict[str, Any]]:
        return self._list("prompts/list", "prompts")

    def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self.request("prompts/get", {"name": name, "arguments": dict(arguments or {})})

    def complete(
        self, ref: Mapping[str, str], argument: str, value: str, context: Mapping[str, str] | None = None
    ) -> list[str]:
        """The values that the server suggests for an argument of a prompt or a template."""
        params: dict[str, Any] = {"ref": dict(ref), "argument": {"name": argument, "value": value}}
        if context is not None:
            params["context"] = {"arguments": dict(context)}
        values: list[str] = self.request("completion/complete", params)["completion"]["values"]
        return values

    def request(
        self, method: str, params: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The result of a request. Raises `MCPError` for an error."""
        if self.era == "handshake" and self.session_id is None and not self.server:
            self.initialize()
        sent = dict(params or {})
        for _ in range(MAX_ROUNDS):
            result = self._result(self.post(self._message(method, sent), headers))
            if result.get("resultType") != "input_required" or not self.answers:
                return result
            asked = result.get("inputRequests", {})
            sent |= {"inputResponses": {key: self._answer(question) for key, question in asked.items()}}
            if "requestState" in result:
                sent["requestState"] = result["requestState"]
        raise AssertionError(f"{method} asked for more {MAX_ROUNDS} times")

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> Response:
        message = self._message(method, params)
        del message["id"]
        return self.post(message)

    def post(self, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Posts a message, or raw bytes, as this client would; `headers` replace its own, and an empty one is left
        out.
        """
        sent = {"content-type": "application/json", "accept": ACCEPT}
        if isinstance(body, dict) and self.era == "modern":
            sent |= self._mirrors(body)
        elif self.version and not (isinstance(body, dict) and body.get("method") == "initialize"):
            sent["mcp-protocol-version"] = self.version
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", raw, {**sent, **{name.lower(): value for name, value in (headers or {}).items()}})

    def send(self, http_method: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        """One HTTP request in this client's session."""
        sent = {"accept": "text/event-stream", **self._headers}
        if self.session_id is not None:
            sent["mcp-session-id"] = self.session_id
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if value != ""}
        user_token = forced_user.set(self._user)
        answers_token = inline_answers.set(lambda question: self._answer(question.to_wire()))
        try:
            send = self._send_wsgi if self._lane == "view" else self._send_asgi
            return send(http_method, body, sent)
        finally:
            inline_answers.reset(answers_token)
            forced_user.reset(user_token)

    def _answer(self, question: Mapping[str, Any]) -> Any:
        answer = self.answers.get(question["method"])
        if answer is None:
            raise AssertionError(f"The server asked for {question['method']}, and answers= has none")
        return answer(question["params"]) if callable(answer) else answer

    def _message(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        self._last_id += 1
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        if params is not None:
            message["params"] = dict(params)
        if self.era == "modern":
            meta = {
                "io.modelcontextprotocol/protocolVersion": self.version,
                "io.modelcontextprotocol/clientInfo": self.client_info,
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            }
            message.setdefault("params", {})
            message["params"]["_meta"] = {**meta, **message["params"].get("_meta", {})}
        return message

    def _mirrors(self, message: Mapping[str, Any]) -> dict[str, str]:
        method = message.get("method", "")
        mirrors = {"mcp-protocol-version": self.version, "mcp-method": method}
        target = (message.get("params") or {}).get(NAME_SOURCES.get(method, ""))
        if isinstance(target, str):
            mirrors["mcp-name"] = _header_value(target)
        return mirrors

    def _list(self, method: str, key: str) -> list[dict[str, Any]]:
        return [entry for page in self._pages(method) for entry in page[key]]

    def _pages(self, method: str) -> Iterator[dict[str, Any]]:
        page = self.request(method)
        yield page
        while "nextCursor" in page:
            page = self.request(method, {"cursor": page["nextCursor"]})
            yield page

    def _result(self, response: Response) -> dict[str, Any]:
        answer = self._read(response)
        if response.is_stream:
            self.notifications += [message for message in response.messages() if "method" in message]
        if "error" in answer:
            error = answer["error"]
            raise MCPError(error["code"], error["message"], error.get("data"), response.status_code, response.headers)
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self, response: Response) -> dict[str, Any]:
        """The message in a response. Raises `AssertionError`, saying what came, where there is none."""
        try:
            answer = response.json()
        except (ValueError, IndexError):
            answer = None
        if isinstance(answer, dict) and answer.keys() & {"result", "error"}:
            return answer
        content_type = response.headers.get("content-type") or "nothing"
        raise AssertionError(
            f"{self.path} answered {response.status_code} with {content_type}, and no MCP message. {_advice(response)}"
        )

    def _send_wsgi(self, http_method: str, body: bytes, headers: Mapping[str, str]) -> Response:
        rest = dict(headers)
        content_type = rest.pop("content-type", "")
        client = Client(raise_request_exception=False)
        # Django's client leaves the type of an empty body out.
        given: dict[str, Any] = {"CONTENT_TYPE": content_type} if content_type else {}
        response = client.generic(http_method, self.path, body, content_type=content_type, headers=rest, **given)
        return Response(
            response.status_code, {name.lower(): value for name, value in response.items()}, response.getvalue()
        )

    def _send_asgi(self, http_method: str, body: bytes, headers: Mapping[str, str]) -> Response:
        application = self._application or _asgi_application()
        sent = {"host": "testserver", "content-length": str(len(body)), **headers}
        path, _, query = self.path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": http_method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
        }
        token = caller_waits.set(True)
        try:
            return async_to_sync(_run_asgi)(application, scope, body)
        finally:
            caller_waits.reset(token)


def _asgi_application() -> Any:
    path = getattr(settings, "ASGI_APPLICATION", None)
    if not path:
        raise ImproperlyConfigured(
            'MCPClient(lane="asgi") calls the project\'s ASGI application: set ASGI_APPLICATION, such as '
            '"mysite.asgi.application", or give MCPClient application=….'
        )
    return import_string(path)


def _advice(response: Response) -> str:
    if response.status_code == 400 and "testserver" not in settings.ALLOWED_HOSTS:
        return (
            "Outside of a test runner, call django.test.utils.setup_test_environment() first: ALLOWED_HOSTS does not "
            "have 'testserver'."
        )
    return "Is an endpoint mounted at that path?"


def _header_value(text: str) -> str:
    """Text as a mirrored header has it: in Base64 when it is more than visible ASCII (spec 2026-07-28
    basic/transports).
    """
    if text and text.isascii() and text.isprintable() and text.strip() == text and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{b64encode(text.encode()).decode()}?="


async def _run_asgi(application: Any, scope: dict[str, Any], body: bytes) -> Response:
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    outgoing: list[dict[str, Any]] = []
    gone = asyncio.Event()
    # A stream that stands open would never be done: the client leaves with what is there when it opens.
    stands_open = scope["method"] == "GET" or (b"mcp-method", b"subscriptions/listen") in scope["headers"]

    async def receive() -> dict[str, Any]:
        if not incoming:
            # The client waits for its answer: Django gives up a request whose client has gone.
            await gone.wait()
            return {"type": "http.disconnect"}
        return incoming.pop()

    async def send(message: dict[str, Any]) -> None:
        outgoing.append(message)
        if stands_open and message.get("more_body"):
            gone.set()

    # As Django's own test client does: the connection with the test's transaction must outlive the request.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    try:
        await application(scope, receive, send)
    finally:
        request_started.connect(close_old_connections)
        request_finished.connect(close_old_connections)
    start = outgoing[0]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    content = b"".join(message.get("body", b"") for message in outgoing[1:])
    return Response(start["status"], headers, content)
