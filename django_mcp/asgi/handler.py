"""One HTTP request in the ASGI lane: POST and DELETE answered here, the streams handed to their consumers.

No rule of the protocol lives here: who may come in is the view's to say, what is answered the exchange's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeAlias

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from django_mcp.authentication import anonymous_caller
from django_mcp.conf import mcp_settings
from django_mcp.endpoint.exchange import Exchange, StandaloneStream
from django_mcp.endpoint.request_stream import InlineRequestStream, inline_answers
from django_mcp.execution.runner import arun
from django_mcp.execution.threads import LoopContext
from django_mcp.methods.request import Call, Listen
from django_mcp.primitives.context import Caller
from django_mcp.protocol import headers as http
from django_mcp.protocol import inbound, replies
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.inbound import Batch, Inbound
from django_mcp.protocol.replies import JSON_TYPE, Reply
from django_mcp.storage import events
from django_mcp.views import ALLOW, MCPView

from .admission import Admission
from .listen import ListenConsumer, listeners
from .replay import ReplayConsumer
from .request_stream import ASGIRequestStream
from .standalone import MCPConsumer, take_over
from .stream import StreamConsumer

logger = logging.getLogger("django_mcp")

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Step: TypeAlias = Reply | Call | Listen


_JSON: Final = (b"content-type", JSON_TYPE.encode())


class Disconnected(Exception):
    """The client went away before it had sent its request."""


@dataclass(slots=True)
class EndpointRequest:
    """A request at an endpoint: `view` configures it, `kwargs` are what its path says."""

    view: MCPView
    kwargs: dict[str, Any]
    scope: Scope
    receive: Receive
    send: Send
    headers: Headers
    task: "asyncio.Task[Any]"
    loop_context: LoopContext
    body: bytes = b""
    _request: HttpRequest | None = None
    _has_given_up: bool = False

    async def serve(self) -> StreamConsumer | None:
        """Answers the request, whatever happens; or the stream that is the answer, for the caller to serve: it outlives
        what answering took.
        """
        try:
            reply = await self._answer()
        except Disconnected:
            return None
        except Exception:
            logger.exception("Answering failed")
            reply = replies.INTERNAL
        if isinstance(reply, StreamConsumer):
            return reply
        if reply is not None:
            await self._send(self.view.point_to_metadata(reply, self.request()) if reply.scopes else reply)
        return None

    def request(self) -> HttpRequest:
        """Django's request, made when somebody wants it; the same one whoever asks."""
        if self._request is None:
            self._request = self._new_request()
        return self._request

    def _new_request(self) -> HttpRequest:
        request = ASGIRequest(self.scope, BytesIO(self.body))
        request.user = AnonymousUser()
        return request

    async def _answer(self) -> Reply | StreamConsumer | None:
        """The reply, or `None` when it has been sent as a stream."""
        if refusal := self.view.refuse_unheard(self.headers):
            return refusal
        match self.scope["method"]:
            case "POST":
                return await self._post()
            case "GET":
                return await self._get()
            case "DELETE":
                return await self.loop_context.hop(self._admitted, Exchange.terminate)
            case "OPTIONS" if answer := self.view.preflight(self.headers):
                return answer
        return replies.method_not_allowed(ALLOW)

    async def _get(self) -> Reply | StreamConsumer:
        opened: Reply | tuple[StandaloneStream, Admission]
        opened = await self.loop_context.hop(self._admitted, self._open_stream)
        if isinstance(opened, Reply):
            return opened
        stream, admission = opened
        if not (stream.is_taken or await take_over(stream)):
            return replies.STREAM_CONFLICT
        return consumer_of(stream, admission)

    def _open_stream(self, exchange: Exchange, headers: Headers) -> Reply | tuple[StandaloneStream, Admission]:
        opened = exchange.open_stream(headers)
        return opened if isinstance(opened, Reply) else (opened, self._admission(exchange))

    def _admission(self, exchange: Exchange) -> Admission:
        return Admission.of(self.view, self.kwargs, self.scope, exchange.server, exchange.caller)

    async def _post(self) -> Reply | StreamConsumer | None:
        limits = self.view.get_limits()
        try:
            body = await self._read_body(limits.body_bytes)
        except TimeoutError:
            return replies.TOO_SLOW
        self.body = body or b""
        message = inbound.read(self.headers, body, limits, self.view.eras)
        is_open = self.view.is_open()
        if isinstance(message, Reply) and is_open:
            return message
        request_stream = self._request_stream(message)
        try:
            reply = await self._run(message, request_stream, is_open=is_open)
        except Exception:
            if not isinstance(request_stream, ASGIRequestStream) or not await request_stream.fail():
                raise
            logger.exception("Answering failed")
            return None
        except BaseException:
            if isinstance(request_stream, ASGIRequestStream):
                request_stream.abandon()
            raise
        if isinstance(request_stream, ASGIRequestStream):
            if isinstance(reply, Reply):
                return await request_stream.finish(reply)
            request_stream.abandon()
            return reply
        return request_stream.to_reply(reply) if request_stream is not None and isinstance(reply, Reply) else reply

    async def _run(
        self,
        message: Inbound | Batch | Reply,
        request_stream: ASGIRequestStream | InlineRequestStream | None,
        *,
        is_open: bool,
    ) -> Reply | StreamConsumer:
        if not is_open or isinstance(message, Reply):
            exchange, step = await self.loop_context.hop(self._admit_and_begin, message, request_stream)
        else:
            exchange = self._exchange(anonymous_caller(self.request), request_stream)
            needs_thread = exchange.needs_database(message)
            step = await self.loop_context.hop(exchange.begin, message) if needs_thread else exchange.prepare(message)
        if isinstance(step, Listen):
            return self._listen(step, self._admission(exchange))
        return await self._call(exchange, step, request_stream) if isinstance(step, Call) else step

    async def _call(
        self, exchange: Exchange, call: Call, request_stream: ASGIRequestStream | InlineRequestStream | None
    ) -> Reply:
        if call.is_async and isinstance(request_stream, ASGIRequestStream):
            request_stream.runs_in(self.task)
        try:
            outcome = await arun(call, exchange.server.repeat, self.loop_context)
        except asyncio.CancelledError:
            if request_stream is None or not request_stream.cancelled:
                raise
            # It was the client that cancelled the call, and nobody who cancels this request.
            self.task.uncancel()
            return request_stream.cancelled_reply()
        finally:
            if isinstance(request_stream, ASGIRequestStream):
                request_stream.runs_in(None)
        return (
            await self.loop_context.hop(exchange.end, call, outcome)
            if exchange.must_save()
            else exchange.end(call, outcome)
        )

    def _listen(self, listen: Listen, admission: Admission) -> Reply | StreamConsumer:
        if status := self._refusal_of_one_more(listen.request.caller.principal.key):
            error = ProtocolError(INTERNAL_ERROR, "Too many open subscriptions", status=status)
            return replies.error(error, "modern", listen.request.id).with_header("Retry-After", "60")
        return ListenConsumer(listen, admission)

    def _refusal_of_one_more(self, principal: str) -> int | None:
        """The status for one subscription too many: of everybody, or of one principal. Anonymous clients share theirs,
        so one of them could lock the others out by it.
        """
        open_now = listeners()
        if len(open_now) >= mcp_settings.MAX_LISTENERS:
            return 503
        limit = mcp_settings.MAX_LISTENERS_PER_PRINCIPAL
        own = sum(one.principal == principal for one in open_now)
        return 429 if principal and limit is not None and own >= limit else None

    def _request_stream(self, message: Inbound | Batch | Reply) -> ASGIRequestStream | InlineRequestStream | None:
        if not isinstance(message, Inbound) or message.kind != "request" or message.id is None:
            return None
        if (answers := inline_answers.get()) is not None:
            return InlineRequestStream(message.id, message.era, answers)
        return ASGIRequestStream(message.id, message.era, self.receive, self.send, self.loop_context.loop)

    def _exchange(
        self, caller: Caller, request_stream: ASGIRequestStream | InlineRequestStream | None = None
    ) -> Exchange:
        return Exchange(
            self.view.get_server(), self.view.get_sessions(), caller, request_stream=request_stream, streams=True
        )

    def _admit(self) -> Caller | Reply:
        if self.view.is_open():
            return anonymous_caller(self.request)
        return self.view.admit(self.request(), **self.kwargs)

    def _admit_and_begin(
        self, message: Inbound | Batch | Reply, request_stream: ASGIRequestStream | InlineRequestStream | None
    ) -> tuple[Exchange, Step]:
        """The whole of a POST that is synchronous, in the order in which a stranger learns least: who calls, then what
        was wrong.
        """
        caller = self._admit()
        if isinstance(caller, Reply):
            return self._exchange(anonymous_caller(self.request)), caller
        exchange = self._exchange(caller, request_stream)
        return exchange, message if isinstance(message, Reply) else exchange.begin(message)

    def _admitted(self, answer: Callable[[Exchange, Headers], Any]) -> Any:
        """The answer to a request that is about a session, for whoever is admitted."""
        caller = self._admit()
        return caller if isinstance(caller, Reply) else answer(self._exchange(caller), self.headers)

    async def _read_body(self, limit: int) -> bytes | None:
        """The body, or `None` as soon as it is known to be longer than `limit` bytes. Raises TimeoutError for one that
        does not come.
        """
        if http.declares_more(self.headers, limit):
            return None
        # What asyncio.timeout() does, for an eighth of its time: this is around every request.
        timer = self.loop_context.loop.call_later(mcp_settings.BODY_TIMEOUT_SECONDS, self._give_up)
        try:
            return await self._receive_body(limit)
        except asyncio.CancelledError:
            if self._has_given_up and self.task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._has_given_up = True
        self.task.cancel()

    async def _receive_body(self, limit: int) -> bytes | None:
        chunks, size = [], 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                return None
            if not message.get("more_body"):
                return b"".join(chunks)

    async def _send(self, reply: Reply) -> None:
        headers = [(b"content-length", b"%d" % len(reply.body))]
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        if reply.body and b"content-type" not in dict(headers):
            headers.append(_JSON)
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": reply.body})


def read_headers(scope: Scope) -> Headers:
    """The headers of an ASGI scope; one that was sent twice is joined by a comma.

    Some servers leave the blanks around a value.
    """
    raw = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1").strip(http.OWS) for name, value in raw}
    if len(headers) == len(raw):
        return headers
    joined: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip(http.OWS)
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def consumer_of(stream: StandaloneStream, admission: Admission | None = None) -> StreamConsumer:
    """The consumer that writes a stream."""
    consumer = MCPConsumer if stream.position.key == events.STANDALONE else ReplayConsumer
    return consumer(stream, admission)
