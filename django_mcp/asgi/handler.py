"""An HTTP request in the ASGI lane: answers POST and DELETE, and passes streams to their consumers.

It contains no rules of the protocol: the view decides who is admitted, the exchange makes the answer.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.exchange import Exchange, StandaloneStream, Step
from django_mcp.endpoint.failures import log_failure
from django_mcp.endpoint.lane_request import LaneRequest
from django_mcp.endpoint.request_stream import InlineRequestStream
from django_mcp.execution import outcomes
from django_mcp.execution.threads import LoopContext
from django_mcp.execution.under_test import under_test
from django_mcp.methods.request import Call, Listen
from django_mcp.protocol import headers as http
from django_mcp.protocol import inbound, replies
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.inbound import Batch, Inbound
from django_mcp.protocol.replies import JSON_TYPE, Reply
from django_mcp.storage import events
from django_mcp.views import ALLOW, MCPView

from .admission import Admission
from .body import BodyReader, Disconnected
from .listen import ListenConsumer, listeners
from .replay import ReplayConsumer
from .request_stream import ASGIRequestStream
from .standalone import MCPConsumer, take_over
from .stream import StreamConsumer

if TYPE_CHECKING:
    from . import Receive, Scope, Send

Message: TypeAlias = Inbound | Batch | Reply
Stream: TypeAlias = ASGIRequestStream | InlineRequestStream

INLINE_BYTES: Final = 16 * 1024
"""A larger body is parsed in a worker thread, because parsing it would delay the event loop's other requests."""

_JSON: Final = (b"content-type", JSON_TYPE.encode())


class EndpointRequest(LaneRequest):
    """A request to an endpoint."""

    __slots__ = ("body", "loop_context", "receive", "scope", "send", "task")

    has_streams: ClassVar[bool] = True

    def __init__(
        self,
        view: MCPView,
        kwargs: dict[str, Any],
        scope: "Scope",
        receive: "Receive",
        send: "Send",
        headers: Headers,
        task: "asyncio.Task[Any]",
        loop_context: LoopContext,
    ) -> None:
        super().__init__(view, kwargs, headers, scope["method"], scope["path"], scope.get("mcp_lane", "asgi"))
        self.scope = scope
        self.receive = receive
        self.send = send
        self.task = task
        self.loop_context = loop_context
        self.body = b""

    async def serve(self) -> StreamConsumer | None:
        """Answers the request, even after an exception; or returns a stream for the caller to serve."""
        try:
            reply = await self._answer()
        except Disconnected:
            return None
        except Exception as error:
            log_failure(error)
            reply = replies.INTERNAL
        if isinstance(reply, StreamConsumer):
            return reply
        if reply is not None:
            await self._send(await self._pointed_to_metadata(reply) if reply.scopes else reply)
        return None

    def _new_request(self) -> HttpRequest:
        request = ASGIRequest(self.scope, BytesIO(self.body))
        request.user = AnonymousUser()
        return request

    async def _answer(self) -> Reply | StreamConsumer | None:
        """The reply, or `None` when it has been sent as a stream."""
        if self.configures_itself:
            refusal = await self.loop_context.hop(self._check_headers)
        else:
            refusal = self._check_headers()
        if refusal:
            return refusal
        match self.method:
            case "POST":
                return await self._post()
            case "GET":
                return await self._get()
            case "DELETE":
                return await self.loop_context.hop(self._admitted, Exchange.terminate)
        return replies.method_not_allowed(ALLOW)

    def _check_headers(self) -> Reply | None:
        refusal = super()._check_headers()
        if self.cors:
            self.send = _with_headers(self.send, self.cors)
        return refusal

    async def _get(self) -> Reply | StreamConsumer:
        opened: Reply | tuple[StandaloneStream, Admission]
        opened = await self.loop_context.hop(self._admitted, self._open_stream)
        if isinstance(opened, Reply):
            return opened
        stream, admission = opened
        taken = stream if stream.is_taken else await take_over(stream)
        return consumer_of(taken, admission) if taken is not None else replies.STREAM_CONFLICT

    def _open_stream(self, exchange: Exchange, headers: Headers) -> Reply | tuple[StandaloneStream, Admission]:
        opened = exchange.open_stream(headers)
        return opened if isinstance(opened, Reply) else (opened, self._admission(exchange))

    def _admission(self, exchange: Exchange) -> Admission:
        return Admission.of(self.view, self.kwargs, self.scope, exchange.server, exchange.caller)

    async def _post(self) -> Reply | StreamConsumer | None:
        is_open, limits = self._is_open, self._limits
        reader = BodyReader(self.receive, self.headers, limits.body_bytes, self.task)
        try:
            body = await reader.read(mcp_settings.MAX_UNADMITTED_BYTES if not is_open else limits.body_bytes)
            if not reader.is_complete:
                # For larger bodies, the caller is authenticated before the rest is read.
                caller = await self.loop_context.hop(self._admit)
                if isinstance(caller, Reply):
                    return caller
                self._caller = caller
                body = await reader.read(limits.body_bytes)
        except TimeoutError:
            # The rest of the body may still arrive on the connection.
            return replies.TOO_SLOW.with_header("Connection", "close")
        finally:
            reader.release()
        if reader.is_busy:
            return replies.BUSY
        self.body = body or b""
        if self._caller is None:
            # A view that configures itself was given one without the body.
            self._request = None
        read = partial(inbound.read, self.headers, body, limits, self.view.eras)
        stream = self._new_stream()
        try:
            reply = await self._run(read, stream, inline=is_open and len(self.body) <= INLINE_BYTES)
        except Exception as error:
            if not await stream.fail():
                raise
            log_failure(error)
            return None
        except BaseException as error:
            stream.abandon()
            stream.is_given_up = True
            if stream.awaited is not None:
                await outcomes.afail(stream.awaited, error, self.loop_context)
            raise
        if isinstance(reply, Reply):
            return await stream.finish(reply)
        stream.abandon()
        return reply

    async def _run(self, read: Callable[[], Message], stream: Stream, *, inline: bool) -> Reply | StreamConsumer:
        if inline and not self.configures_itself:
            message = read()
            if isinstance(message, Reply):
                return message
            exchange = self._exchange(self.view.anonymous_caller(self.request), self._stream_of(message, stream))
            is_inert = exchange.is_inert(message)
            step = exchange.find(message) if is_inert else await self.loop_context.hop(exchange.begin, message)
        else:
            exchange, step = await self.loop_context.hop(self._admit_and_begin, read, stream)
        if isinstance(step, Listen):
            return self._listen(step, self._admission(exchange))
        return await exchange.complete(step, self.loop_context, self.task) if isinstance(step, Call) else step

    def _listen(self, listen: Listen, admission: Admission) -> Reply | StreamConsumer:
        if status := self._refusal_of_subscription(listen.request.caller.principal.account):
            error = ProtocolError(INTERNAL_ERROR, "Too many open subscriptions", status=status)
            return replies.error(error, "modern", listen.request.id).with_header("Retry-After", "60")
        return ListenConsumer(listen, admission)

    def _refusal_of_subscription(self, account: str) -> int | None:
        """The status of a refused subscription: there are too many, of all callers, or of one user or client. Anonymous
        clients share one account, so their account has no limit of its own: one could lock out the others.
        """
        open_now = listeners()
        if len(open_now) >= mcp_settings.MAX_LISTENERS:
            return 503
        limit = mcp_settings.MAX_LISTENERS_PER_PRINCIPAL
        own = sum(one.account == account for one in open_now)
        return 429 if account and limit is not None and own >= limit else None

    def _new_stream(self) -> Stream:
        if (answers := under_test().answer) is not None:
            return InlineRequestStream(answers)
        return ASGIRequestStream(self.receive, self.send, self.loop_context.loop)

    def _stream_of(self, message: Inbound | Batch, stream: Stream) -> Stream | None:
        """The stream of a request; a batch and a notification have none."""
        if not isinstance(message, Inbound) or message.kind != "request" or message.id is None:
            return None
        stream.identify(message.id, message.era)
        return stream

    def _admit_and_begin(self, read: Callable[[], Message], stream: Stream) -> tuple[Exchange, Step]:
        """The sync part of a POST: first authenticates the caller, then reports errors in the message, so that
        strangers learn little.
        """
        caller = self._admit()
        if isinstance(caller, Reply):
            return self._exchange(self.view.anonymous_caller(self.request)), caller
        message = read()
        if isinstance(message, Reply):
            return self._exchange(caller), message
        exchange = self._exchange(caller, self._stream_of(message, stream))
        return exchange, exchange.begin(message)

    async def _pointed_to_metadata(self, reply: Reply) -> Reply:
        return await self.loop_context.hop(self.view.point_to_metadata, reply, self.request())

    async def _send(self, reply: Reply) -> None:
        headers = [(b"content-length", b"%d" % len(reply.body))]
        if reply.headers:
            headers += http.to_bytes(reply.headers)
        if reply.body and not (reply.headers and b"content-type" in dict(headers)):
            headers.append(_JSON)
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": reply.body})


def consumer_of(stream: StandaloneStream, admission: Admission | None = None) -> StreamConsumer:
    """The consumer that writes a stream."""
    consumer = MCPConsumer if stream.position.key == events.STANDALONE else ReplayConsumer
    return consumer(stream, admission)


def read_headers(scope: "Scope") -> Headers:
    """The headers of an ASGI scope; repeated headers are joined by a comma.

    Strips spaces that some servers leave around a value.
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


def _with_headers(send: "Send", headers: tuple[tuple[str, str], ...]) -> "Send":
    """A `send` that adds headers to the response, streamed or not."""
    raw = http.to_bytes(headers)

    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}
        await send(message)

    return send_with_headers
