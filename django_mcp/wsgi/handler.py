"""An HTTP request in the WSGI lane, answered in the thread of the server that has brought it.

It contains no rules of the protocol: the view decides who is admitted, the exchange makes the answer.
"""

import contextvars
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from functools import cache, partial
from http.client import responses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest, get_script_name
from django.http import HttpRequest
from django.urls import clear_script_prefix, set_script_prefix
from django.utils import timezone, translation
from django.utils.translation import trans_real

from django_mcp.endpoint.django_http import read_body, read_input
from django_mcp.endpoint.exchange import Exchange
from django_mcp.endpoint.failures import log_failure
from django_mcp.endpoint.lane_request import LaneRequest
from django_mcp.endpoint.posts import answer_post
from django_mcp.endpoint.thread_stream import Lines
from django_mcp.execution.threads import close_spent_connections, keep_caches, look_after_connections
from django_mcp.execution.under_test import under_test
from django_mcp.protocol import inbound, replies, sse
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.replies import JSON_TYPE, Reply
from django_mcp.views import ALLOW, MCPView

if TYPE_CHECKING:
    from . import Environ, StartResponse


def _variable_of(activate: Callable[..., object], *args: object) -> contextvars.ContextVar[Any] | None:
    """The variable that a function of Django's sets."""
    context = contextvars.Context()
    context.run(activate, *args)
    return next(iter(context), None)


_LOCALS: Final = (
    (_variable_of(trans_real.deactivate_all), translation.deactivate),
    (_variable_of(timezone.activate, UTC), timezone.deactivate),
    (_variable_of(set_script_prefix, "/"), clear_script_prefix),
)
"""The variables that another request may have set in a thread, each with the function that unsets it. Most threads have
none, and the functions take fifty times as long to notice it.
"""


class EndpointRequest(LaneRequest):
    """A request to an endpoint."""

    __slots__ = ("_body", "_prefix", "environ")

    has_streams: ClassVar[bool] = False

    def __init__(
        self, view: MCPView, kwargs: dict[str, Any], environ: "Environ", headers: Headers, path_info: str
    ) -> None:
        prefix = get_script_name(environ)
        super().__init__(view, kwargs, headers, environ["REQUEST_METHOD"], f"{prefix.rstrip('/')}{path_info}", "wsgi")
        self.environ = environ
        self._prefix = prefix
        self._body: bytes | None = None

    def serve(self, start_response: "StartResponse") -> Iterable[bytes]:
        """Answers the request, even after an exception."""
        tends = not under_test().caller_waits
        if tends:
            look_after_connections()
        keep_caches()
        try:
            # In a context of its own: another request may have left its language in this thread, and this one leaves
            # nothing.
            context = contextvars.copy_context()
            answer = context.run(self._answer_alone, context)
            if isinstance(answer, Reply):
                return self._send(answer, start_response)
            lines = iter(answer)
            # The first line is made before the headers are sent, so that a failure can still be told.
            first = next(lines)
        except Exception as error:
            log_failure(error)
            return self._send(replies.INTERNAL, start_response)
        finally:
            if tends:
                close_spent_connections()
        start_response(_status_line(200), [*sse.HEADERS, *self.cors])
        return _Events(first, lines)

    def _answer_alone(self, context: contextvars.Context) -> Reply | Lines:
        for variable, deactivate in _LOCALS:
            if variable is None or variable in context:
                deactivate()
        if self._prefix not in ("", "/"):
            set_script_prefix(self._prefix)
        answer = self._answer()
        if isinstance(answer, Reply) and answer.scopes:
            return self.view.point_to_metadata(answer, self.request())
        return answer

    def _answer(self) -> Reply | Lines:
        if refusal := self._check_headers():
            return refusal
        match self.method:
            case "POST":
                return self._post()
            case "GET":
                return self._admitted(partial(Exchange.refuse_stream, allow="POST, DELETE"))
            case "DELETE":
                return self._admitted(Exchange.terminate)
        return replies.method_not_allowed(ALLOW)

    def _post(self) -> Reply | Lines:
        caller = self._admit()
        if isinstance(caller, Reply):
            return caller
        try:
            body = self._read_body()
        except TimeoutError:
            return replies.TOO_SLOW
        message = inbound.read(self.headers, body, self._limits, self.view.eras)
        return answer_post(message, partial(self._exchange, caller))

    def _read_body(self) -> bytes | None:
        if self._request is not None:
            # An authenticator may have read it.
            return read_body(self._request, self.headers, self._limits.body_bytes)
        self._body = read_input(self.environ, self.headers, self._limits.body_bytes)
        return self._body

    def _new_request(self) -> HttpRequest:
        request = WSGIRequest(self.environ)
        request.user = AnonymousUser()
        if self._body is not None:
            request._body = self._body
        return request

    def _send(self, reply: Reply, start_response: "StartResponse") -> Iterable[bytes]:
        headers = [("Content-Length", str(len(reply.body))), *reply.headers, *self.cors]
        if reply.body and all(name != "Content-Type" for name, _ in reply.headers):
            headers.append(("Content-Type", JSON_TYPE))
        start_response(_status_line(reply.status), headers)
        return (b"",) if self.method == "HEAD" else (reply.body,)


@cache
def _status_line(status: int) -> str:
    # A gate may refuse with a status that has no name.
    return f"{status} {responses.get(status, 'Unknown Status Code')}"


class _Events:
    """The body of a stream. The server calls `close()` in any case; the request so hears that its client has left."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._first = first
        self._rest = rest

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._rest

    def close(self) -> None:
        self._rest.close()  # type: ignore[attr-defined]
        if not under_test().caller_waits:
            close_spent_connections()
