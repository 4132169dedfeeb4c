"""The way to the client while its request runs, in each colour: what a tool says becomes the events of the POST's own
stream.

A stream that its client can come back to (a session's) is stored event by event before it is sent; a modern client's is
sent and forgotten. Nothing is opened until there is something to say, or the client has waited so long that a proxy
might give up.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from django_mcp.conf import mcp_settings
from django_mcp.models import to_json_text
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
"""A request that takes longer can be cancelled: most do not, and are spared the row and the listening."""

OUTBOX_LIMIT: Final = 1000
"""Messages that wait to be written. A function in a thread that says more waits too. A coroutine cannot: what it says
beyond this is dropped, and the log has how much.
"""

OUTBOX_CHARACTERS: Final = 4 * 1024 * 1024
"""Their characters, and as good a limit."""

PORTION: Final = 100
"""Messages that are stored and sent at once."""

PRIMED_SINCE: Final = "2025-11-25"
"""Older clients take the empty data of a priming event for a message, and fail to parse it."""


@dataclass(slots=True)
class Transcript:
    """The events of one POST's stream: numbered, and stored if the client can come back for them."""

    request_id: RequestId | None
    session: SessionState | None = None
    key: str = ""
    is_known: bool = False
    _next: int = 0
    _renewed: float = 0

    def make_known(self) -> None:
        """Writes the stream's row, once: from then on it can be cancelled and resumed."""
        if self.session is not None and self.request_id is not None and not self.is_known:
            self.is_known = True
            self.key = events.new_key()
            self._renewed = time.monotonic()
            events.open_stream(self.session.pk, self.key, self.request_id)

    def open(self) -> bytes:
        """The lines that open the stream, if there are any."""
        self.make_known()
        if self.session is None or not is_at_least(self.session.protocol_version, PRIMED_SINCE):
            return b""
        (stored,) = self._append([""])
        return sse.prime(stored.position.event_id, mcp_settings.RETRY_MILLISECONDS)

    def add(self, messages: list[str], *, is_last: bool = False) -> bytes:
        """The lines of further messages."""
        if self.session is None:
            return b"".join(sse.encode(message) for message in messages)
        return b"".join(
            sse.encode(item.message, item.position.event_id) for item in self._append(messages, is_last=is_last)
        )

    def end(self) -> None:
        """Notes that the request has ended without a stream."""
        if self.session is not None and self.is_known:
            events.end_stream(self.session.pk, self.key)

    def _append(self, messages: list[str], *, is_last: bool = False) -> list[events.Stored]:
        assert self.session is not None
        if time.monotonic() - self._renewed > mcp_settings.STREAM_LEASE_SECONDS / 3:
            # Who writes lives. Whoever else would say so may wait for the database for as long as this writes.
            self._renewed = time.monotonic()
            events.renew_stream(self.session.pk, self.key)
        stored = events.append(self.session.pk, self.key, self._next, messages, is_last=is_last)
        # A stream that was taken for dead goes on behind the end that it was given.
        self._next = stored[-1].position.event + 1
        return stored


class RequestStream:
    """The way from a running request to its client: the stream that it writes, and whether the client has cancelled
    the request.
    """

    def __init__(self, request_id: RequestId | None = None, era: Era = "handshake") -> None:
        self.transcript = Transcript(request_id)
        self.era = era
        self.cancelled = False
        self.is_left = False
        """Whether the POST's connection is gone: what is said now is stored, and not sent."""

    def identify(self, request_id: RequestId, era: Era) -> None:
        """Says which request the stream is of, once the message has been read."""
        self.transcript.request_id = request_id
        self.era = era

    def begin(self) -> None:
        """Says that the request is a call that runs now: nothing refuses it any more."""

    @property
    def session(self) -> SessionState | None:
        return self.transcript.session

    def claim(self, session: SessionState) -> bool:
        """Whether no other request of the session's that still runs has this id; then it is this one's to the end."""
        claim = (session.pk, self.transcript.request_id)
        with _claiming:
            if session.has_request or claim in _in_flight:
                return False
            _in_flight[claim] = self
        return True

    def release(self) -> None:
        """Leaves the id to others: the request has run."""
        if self.session is None:
            return
        claim = (self.session.pk, self.transcript.request_id)
        with _claiming:
            if _in_flight.get(claim) is self:
                del _in_flight[claim]

    def bind(self, session: SessionState) -> None:
        """Says whose stream this is, once the session has been resumed."""
        self.transcript.session = session

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification on the request's own stream, without waiting."""
        raise NotImplementedError

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message on the request's own stream, without waiting."""
        raise NotImplementedError

    def ask(self, question: Question) -> Any:
        """The client's answer. Raises `ClientTimeout`, `ClientRefused`, `ClientCannot` and `Cancelled`."""
        raise NotImplementedError

    async def aask(self, question: Question) -> Any:
        """See ask()."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the connection, and not the stream; where the client cannot come back, it does nothing."""

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        """Says which task a cancellation must reach: that of a coroutine. A function in a thread looks by itself."""

    async def finish(self, reply: Reply) -> Reply | None:
        """Sends the reply as the stream's last event; gives it back when no stream was opened."""
        return reply

    async def fail(self) -> bool:
        """Ends a request that failed beyond a reply. Whether the client has been told, on a stream that had begun."""
        self.abandon()
        return False

    def abandon(self) -> None:
        """Stops everything: the request has no reply on this stream."""

    def cancelled_reply(self) -> Reply:
        """What ends the POST of a request that its client has cancelled: an error that it no longer waits for."""
        return replies.error(
            ProtocolError(REQUEST_CANCELLED, "Request cancelled"), self.era, self.transcript.request_id
        )


_in_flight: "WeakValueDictionary[tuple[int, RequestId | None], RequestStream]" = WeakValueDictionary()
"""The requests of sessions that run in this process. One that failed before it could be released is let go of with its
stream.
"""

_claiming: Final = threading.Lock()


class InlineRequestStream(RequestStream):
    """The request stream under the test client: it keeps messages for the reply, and answers questions on the spot."""

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
        """The reply, as a stream when something was said before it."""
        if not self._messages:
            return reply
        lines = b"".join(sse.encode(text) for text in [*self._messages, reply.body.decode()])
        return Reply(200, lines, sse.HEADERS)
