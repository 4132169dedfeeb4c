"""The protocol of both test clients, without any I/O: the requests to send, and how to read the responses.

A step is a generator: it yields HTTP requests, is sent the response to each, and returns the result of the client's
method.
"""

import json
from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone
from django.utils.module_loading import import_string

from django_mcp.exceptions import ToolError
from django_mcp.execution.under_test import calling
from django_mcp.protocol.modern import NAME_SOURCES
from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN, MODERN_VERSIONS, Era
from django_mcp.server import all_servers
from django_mcp.wsgi import mcp_wsgi_application

from .answers import Answers
from .carriers import Outgoing
from .responses import MCPError, Response
from .results import CallResult, Told
from .transcript import Transcript

ACCEPT = "application/json, text/event-stream"
MAX_ROUNDS = 10

T = TypeVar("T")
Steps: TypeAlias = Generator[Outgoing, Response, T]
Lane: TypeAlias = Literal["view", "asgi", "wsgi"]


class Conversation:
    """The state of a client, and the steps of its methods.

    `era` or `version` selects the protocol; a handshake client opens its session on first use. `lane` is `view`
    (Django's own, under WSGI), or `asgi` or `wsgi`: the project's `ASGI_APPLICATION` or `WSGI_APPLICATION`, or
    `application`. `user` calls as that user, without the endpoint's authenticators. `answers` are the client's answers
    to the server's questions: `Answers` says how.
    """

    def __init__(
        self,
        path: str = "/mcp",
        *,
        era: Era | None = None,
        version: str | None = None,
        lane: Lane = "view",
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
        self.capabilities = {**Answers(answers or {}).capabilities(), **(capabilities or {})}
        self.notifications: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        self.transcript = Transcript(f"{path} ({self.version}, {lane})")
        self.client_info = dict(client_info or {"name": "test", "version": "1"})
        self.session_id: str | None = None
        self.server: dict[str, Any] = {}
        self._lane = lane
        self._application = application
        self._user = user
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._last_id = 0
        self._answers = Answers(answers or {})
        self._failed_answer: BaseException | None = None
        self.queries: list[str] = []

    def _initialize(self) -> Steps[dict[str, Any]]:
        if self.era == "modern":
            self.server = yield from self._request("server/discover")
            return self.server
        self.session_id = None
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": self.client_info,
        }
        response = yield from self._post(self._message("initialize", params))
        self.server = self._result(response)
        self.version = self.server["protocolVersion"]
        self.session_id = response.headers.get("mcp-session-id")
        yield from self._notify("notifications/initialized")
        return self.server

    def _expire(self) -> None:
        if self.session_id is None:
            raise AssertionError(f"This client has no session: it is {self.era}, or has sent nothing yet.")
        # Late: a client can be imported before there are models.
        from django_mcp.models import Session

        Session.objects.filter(session_id=self.session_id).update(expires_at=timezone.now())

    def _open(self) -> Steps[None]:
        if self.era == "handshake" and self.session_id is None and not self.server:
            yield from self._initialize()

    def _list(self, method: str, key: str) -> Steps[list[dict[str, Any]]]:
        page = yield from self._request(method)
        entries: list[dict[str, Any]] = page[key]
        while "nextCursor" in page:
            page = yield from self._request(method, {"cursor": page["nextCursor"]})
            entries += page[key]
        return entries

    def _call_tool(
        self, name: str, arguments: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Steps[CallResult]:
        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = dict(arguments)
        yield from self._open()
        # A server reports progress to a client that asks for it by a token.
        params["_meta"] = {"progressToken": self._last_id + 1}
        questions, notifications, queries = len(self.questions), len(self.notifications), len(self.queries)
        result = yield from self._request("tools/call", params, headers)
        told = Told(
            self.questions[questions:],
            self.notifications[notifications:],
            self.queries[queries:],
            self.transcript,
            wraps=self.era == "handshake",
        )
        return CallResult(result, told)

    def _read_resource(self, uri: str) -> Steps[list[dict[str, Any]]]:
        result = yield from self._request("resources/read", {"uri": uri})
        contents: list[dict[str, Any]] = result["contents"]
        return contents

    def _complete(
        self, ref: Mapping[str, str], argument: str, value: str, context: Mapping[str, str] | None
    ) -> Steps[list[str]]:
        params: dict[str, Any] = {"ref": dict(ref), "argument": {"name": argument, "value": value}}
        if context is not None:
            params["context"] = {"arguments": dict(context)}
        result = yield from self._request("completion/complete", params)
        values: list[str] = result["completion"]["values"]
        return values

    def _request(
        self, method: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Steps[dict[str, Any]]:
        yield from self._open()
        sent = dict(params or {})
        for _ in range(MAX_ROUNDS):
            result = self._result((yield from self._post(self._message(method, sent), headers)))
            if result.get("resultType") != "input_required" or not self._answers:
                return result
            asked = result.get("inputRequests", {})
            answers = {key: self._answer_or_fail(question) for key, question in asked.items()}
            sent |= {"inputResponses": answers}
            if "requestState" in result:
                sent["requestState"] = result["requestState"]
        raise AssertionError(f"{method} asked for more {MAX_ROUNDS} times")

    def _notify(self, method: str, params: Mapping[str, Any] | None = None) -> Steps[Response]:
        message = self._message(method, params)
        del message["id"]
        return self._post(message)

    def _post(self, body: Any, headers: Mapping[str, str] | None = None) -> Steps[Response]:
        sent = {"content-type": "application/json", "accept": ACCEPT}
        if isinstance(body, dict) and self.era == "modern":
            sent |= self._mirrors(body)
        elif self.version and not (isinstance(body, dict) and body.get("method") == "initialize"):
            sent["mcp-protocol-version"] = self.version
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(body, dict):
            self.transcript.note_message("→", body)
        else:
            self.transcript.note("→", repr(body))
        return self._send("POST", raw, {**sent, **{name.lower(): value for name, value in (headers or {}).items()}})

    def _send(self, http_method: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Steps[Response]:
        sent = {"accept": "text/event-stream", **self._headers}
        if self.session_id is not None:
            sent["mcp-session-id"] = self.session_id
        sent |= headers or {}
        response = yield Outgoing(
            http_method, self.path, {name: value for name, value in sent.items() if value != ""}, body
        )
        self.queries += response.queries
        self._note(response)
        self._raise_failed_answer()
        return response

    def _note(self, response: Response) -> None:
        """Writes down the messages of a response, or that it has none."""
        try:
            messages = response.messages() if response.is_stream else [response.json()]
        except ValueError:
            messages = []
        for message in messages:
            if isinstance(message, dict):
                self.transcript.note_message("←", message)
        if not messages:
            self.transcript.note("←", f"HTTP {response.status_code}, {len(response.content)} bytes")

    def _find_application(self) -> Any:
        return self._application or (_wsgi_application() if self._lane == "wsgi" else _asgi_application())

    @contextmanager
    def _acting(self) -> Iterator[None]:
        """Makes the requests inside use this client's user and its answers."""
        with calling(user=self._user, answer=lambda question: self._answer(question.to_wire())):
            yield

    def _answer(self, question: Mapping[str, Any]) -> Any:
        method, params = question["method"], question["params"]
        self.questions.append(dict(question))
        self.transcript.note("  ←", method, params)
        try:
            answer = self._answers.to(method, params)
        except ToolError as error:
            # The client's refusal, on purpose: ClientRefused, ClientTimeout.
            self.transcript.note("  →", f"{type(error).__name__}: {error}")
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # In the handshake era, this is inside the tool, and the server would make an answer for the model of it. (A
            # failure of pytest is no Exception.)
            self._failed_answer = error
            raise AssertionError(f"The test has no answer: {error}") from None
        self.transcript.note("  →", "", answer)
        return answer

    def _answer_or_fail(self, question: Mapping[str, Any]) -> Any:
        try:
            return self._answer(question)
        finally:
            self._raise_failed_answer()

    def _raise_failed_answer(self) -> None:
        if self._failed_answer is not None:
            failed, self._failed_answer = self._failed_answer, None
            raise failed

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
        target = (message.get("params") or {}).get(_name_source(method))
        if isinstance(target, str):
            mirrors["mcp-name"] = _header_value(target)
        return mirrors

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
        """The message in a response. Raises `AssertionError` with the response if there is none."""
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


def _name_source(method: str) -> str:
    """The parameter that `Mcp-Name` repeats, in methods of the core and of extensions."""
    of_extensions = {
        row.name: row.name_source or ""
        for server in all_servers()
        for extension in server.extensions
        for row in extension.methods()
    }
    return NAME_SOURCES.get(method) or of_extensions.get(method, "")


def _asgi_application() -> Any:
    path = getattr(settings, "ASGI_APPLICATION", None)
    if not path:
        raise ImproperlyConfigured(
            'MCPClient(lane="asgi") calls the project\'s ASGI application: set ASGI_APPLICATION, such as '
            '"mysite.asgi.application", or give MCPClient application=….'
        )
    return import_string(path)


def _wsgi_application() -> Any:
    """That of the setting; without one, the WSGI lane."""
    path = getattr(settings, "WSGI_APPLICATION", None)
    return import_string(path) if path else mcp_wsgi_application(WSGIHandler())


def _advice(response: Response) -> str:
    if response.status_code == 400 and "testserver" not in settings.ALLOWED_HOSTS:
        return (
            "Outside of a test runner, call django.test.utils.setup_test_environment() first: ALLOWED_HOSTS does not "
            "have 'testserver'."
        )
    return "Is an endpoint mounted at that path?"


def _header_value(text: str) -> str:
    """The text as the value of a mirrored header: Base64 unless it is visible ASCII (spec 2026-07-28
    basic/transports).
    """
    if text and text.isascii() and text.isprintable() and text.strip() == text and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{b64encode(text.encode()).decode()}?="
