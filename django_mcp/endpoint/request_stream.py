"""The connection from a running request to its client, in each lane: messages of a tool become events of the POST's own
stream.

If the client can resume the stream (in a session), each event is stored before it is sent; a modern client's events are
not stored. The stream opens only when there is something to send, or after so long that a proxy might close the
connection.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from django.db import Error as DatabaseError

from django_mcp.conf import mcp_settings
from django_mcp.models import to_json_text
from django_mcp.observers import ObservedCall
from django_mcp.primitives.asking import Question
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import REQUEST_CANCELLED, ProtocolError
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import Era, is_at_least
from django_mcp.storage import events
from django_mcp.storage.session_state import SessionState

logger = logging.getLogger("django_mcp")

T = TypeVar("T")

WATCH_AFTER_SECONDS: Final = 0.1
"""Only requests that take longer can be cancelled: most do not, and need no row and no listener."""

OUTBOX_LIMIT: Final = 1000
"""The maximum number of messages that wait to be written. A function in a thread waits when it is reached. A coroutine
cannot wait: its further messages are dropped, and their number is logged.
"""

OUTBOX_CHARACTERS: Final = 4 * 1024 * 1024
"""The maximum number of their characters."""

PORTION: Final = 100
"""The number of messages that are stored and sent at once."""

PRIMED_SINCE: Final = "2025-11-25"
"""Older clients parse the empty data of a priming event as a message, and fail."""


@dataclass(slots=True)
class Transcript:
    """The events of one POST's stream: numbered, and stored if the client can resume it."""

    request_id: RequestId | None
    session: SessionState | None = None
    key: str = ""
    is_known: bool = False
    _next: int = 0
    _renewed: float = 0

    def make_known(self) -> None:
        """Creates the stream's row, once: any process can then cancel and resume it."""
        if self.session is not None and self.request_id is not None and not self.is_known:
            self.key = events.new_key()
            self._renewed = time.monotonic()
            events.open_stream(self.session.pk, self.key, self.request_id)
            self.is_known = True

    def open(self) -> bytes:
        """The lines that open the stream, if any."""
        self.make_known()
        if self.session is None or not is_at_least(self.session.protocol_version, PRIMED_SINCE):
            return b""
        (stored,) = self._append([""])
        return sse.prime(stored.position.event_id, mcp_settings.RETRY_MILLISECONDS)

    def add(self, messages: list[str], *, is_last: bool = False) -> bytes:
        """The lines of further messages. While the database is away they have no ids, and cannot be sent again."""
        if self.session is not None:
            try:
                stored = self._append(messages, is_last=is_last)
            except DatabaseError as failure:
                logger.warning("Storing %d messages of a stream failed: %r", len(messages), failure)
            else:
                return b"".join(sse.encode(item.message, item.position.event_id) for item in stored)
        return b"".join(map(sse.encode, messages))

    def end(self) -> None:
        """Marks a request as ended that opened no stream. While the database is away, its id stays taken until the
        lease is over.
        """
        if self.session is not None and self.is_known:
            try:
                events.end_stream(self.session.pk, self.key)
            except DatabaseError as failure:
                logger.warning("Marking a request as ended failed: %r", failure)

    def _append(self, messages: list[str], *, is_last: bool = False) -> list[events.Stored]:
        assert self.session is not None
        if time.monotonic() - self._renewed > mcp_settings.STREAM_LEASE_SECONDS / 3:
            # A write proves that this process is alive, so renew the lease here: the watcher that normally does it may
            # be blocked behind this write.
            self._renewed = time.monotonic()
            events.renew_stream(self.session.pk, self.key)
        stored = events.append(self.session.pk, self.key, self._next, messages, is_last=is_last)
        # A stream that counted as dead continues after the end that another process has written.
        self._next = stored[-1].position.event + 1
        return stored


class RequestStream:
    """The connection from a running request to its client: the stream that it writes, and whether the client has
    cancelled the request.
    """

    awaited: ObservedCall | None = None
    """The observed call that a thread has found for the event loop to run."""

    is_given_up = False
    """Whether the request's task was cancelled from outside, so that the event loop runs nothing."""

    _claim: tuple[int, RequestId | None] | None = None

    def __init__(self, request_id: RequestId | None = None, era: Era = "handshake") -> None:
        self.transcript = Transcript(request_id)
        self.era = era
        self.cancelled = False
        self.is_left = False
        """Whether the POST's connection is closed: messages are then stored, but not sent."""

    def identify(self, request_id: RequestId, era: Era) -> None:
        """Sets the request of the stream, after the message was read."""
        self.transcript.request_id = request_id
        self.era = era

    def accept(self) -> None:
        """Notes that the request is a call that nothing can refuse any more."""

    def begin(self) -> None:
        """Notes that the function of the call begins; from any thread."""

    @property
    def session(self) -> SessionState | None:
        return self.transcript.session

    def claim(self, session: SessionState) -> bool:
        """Reserves the request's id; False when another running request of the session has the same id."""
        claim = (session.pk, self.transcript.request_id)
        with _claiming:
            if session.has_request or claim in _in_flight:
                return False
            _in_flight[claim] = self
            self._claim = claim
        return True

    def release(self) -> None:
        """Releases the request's id: the request has run."""
        if self._claim is None:
            return
        with _claiming:
            claim, self._claim = self._claim, None
            if claim is not None:
                del _in_flight[claim]

    def bind(self, session: SessionState) -> None:
        """Sets the session of the stream, after it was resumed."""
        self.transcript.session = session

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification on the request's own stream, without waiting."""
        raise NotImplementedError

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message on the request's own stream, without waiting."""
        raise NotImplementedError

    def ask(self, question: Question) -> Any:
        """Waits for and returns the client's answer. Raises `ClientTimeout`, `ClientRefused`, `ClientCannot` and
        `Cancelled`.
        """
        raise NotImplementedError

    async def aask(self, question: Question) -> Any:
        """See ask()."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Cancels the request, as its client could; from any thread."""
        self.cancelled = True

    def close(self) -> None:
        """Closes the connection, but not the stream; does nothing if the client cannot reconnect."""

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        """Sets the task that a cancellation must cancel: that of a coroutine. A function in a thread checks by
        itself.
        """

    async def finish(self, reply: Reply) -> Reply | None:
        """Sends the reply as the stream's last event; returns it when no stream was opened."""
        return reply

    async def fail(self) -> bool:
        """Ends a request after an internal error. Returns whether the client has been informed, on an open stream."""
        self.abandon()
        return False

    def abandon(self) -> None:
        """Stops everything: the request gets no reply on this stream."""

    def cancelled_reply(self) -> Reply:
        """The error that ends the POST of a cancelled request; its client no longer waits for it."""
        return replies.error(
            ProtocolError(REQUEST_CANCELLED, "Request cancelled"), self.era, self.transcript.request_id
        )


_in_flight: "WeakValueDictionary[tuple[int, RequestId | None], RequestStream]" = WeakValueDictionary()
"""The running requests of sessions in this process. Weak, so that the entry of a request that failed before its release
goes with its stream.
"""

_claiming: Final = threading.Lock()


class InlineRequestStream(RequestStream):
    """The request stream under the test client: collects messages for the reply, and answers questions at once."""

    def __init__(self, answers: Callable[[Question], Any]) -> None:
        super().__init__()
        self._answers = answers
        self._messages: list[str] = []

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Mapping[str, Any]) -> None:
        self._messages.append(to_json_text(message))

    def ask(self, question: Question) -> Any:
        return self._answers(question)

    async def aask(self, question: Question) -> Any:
        return self._answers(question)

    def close(self) -> None:
        pass

    async def finish(self, reply: Reply) -> Reply | None:
        return self.to_reply(reply)

    def to_reply(self, reply: Reply) -> Reply:
        """The reply, as a stream if messages were sent before it."""
        if not self._messages:
            return reply
        lines = b"".join(sse.encode(text) for text in [*self._messages, reply.body.decode()])
        return Reply(200, lines, sse.HEADERS)
