"""The way to the client while its request runs, in each colour: what a tool says becomes the events of the POST's own
stream.

A stream that its client can come back to (a session's) is stored event by event before it is sent; a modern client's is
sent and forgotten. Nothing is opened until there is something to say, or the client has waited so long that a proxy
might give up.
"""

import asyncio
import contextlib
import contextvars
import logging
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.execution.threads import hop, waiting_thread
from django_mcp.models import to_json_text
from django_mcp.primitives.asking import ClientCannot, ClientRefused, ClientTimeout, Question
from django_mcp.primitives.context import Cancelled
from django_mcp.protocol import replies, sse
from django_mcp.protocol.errors import REQUEST_CANCELLED, ProtocolError
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import Era, is_at_least
from django_mcp.storage import events
from django_mcp.storage.sessions import SessionState

logger = logging.getLogger("django_mcp")

T = TypeVar("T")

WATCH_AFTER_SECONDS: Final = 0.1
"""A request that takes longer can be cancelled: most do not, and are spared the row and the listening."""

OUTBOX_LIMIT: Final = 1000
"""Messages that wait to be written. A function in a thread that says more waits too. A coroutine cannot: what it says
on a stream that is not stored is dropped.
"""

PORTION: Final = 100
"""Messages that are stored and sent at once."""

PRIMED_SINCE: Final = "2025-11-25"
"""Older clients take the empty data of a priming event for a message, and fail to parse it."""

inline_answers: contextvars.ContextVar[Callable[[Question], Any] | None] = contextvars.ContextVar(
    "inline_answers", default=None
)
"""Set by the test client: calls then run in its own thread and transaction, and this answers what they ask."""


@dataclass(slots=True)
class Transcript:
    """The events of one POST's stream: numbered, and stored if the client can come back for them."""

    request_id: RequestId
    session: SessionState | None = None
    key: str = ""
    is_known: bool = False
    _next: int = 0
    _renewed: float = 0

    def make_known(self) -> None:
        """Writes the stream's row, once: from then on it can be cancelled and resumed."""
        if self.session is not None and not self.is_known:
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
        self._next += len(messages)
        return stored


class Outlet:
    """What the outlets share: which stream they write, and whether the client has called it off."""

    def __init__(self, request_id: RequestId, era: Era) -> None:
        self.transcript = Transcript(request_id)
        self.era = era
        self.cancelled = False

    @property
    def session(self) -> SessionState | None:
        return self.transcript.session

    def bind(self, session: SessionState) -> None:
        """Says whose stream this is, once the session has been resumed."""
        self.transcript.session = session

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification on the request's own stream, without waiting."""
        raise NotImplementedError

    def ask(self, question: Question) -> Any:
        """The client's answer. Raises `ClientTimeout`, `ClientRefused`, `ClientCannot` and `Cancelled`."""
        raise NotImplementedError

    async def aask(self, question: Question) -> Any:
        """See ask()."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the connection, and not the stream; where the client cannot come back, it does nothing."""

    def cancelled_reply(self) -> Reply:
        """What ends the POST of a request that its client has cancelled: an error that it no longer waits for."""
        return replies.error(
            ProtocolError(REQUEST_CANCELLED, "Request cancelled"), self.era, self.transcript.request_id
        )

    def _ask_session(self) -> SessionState:
        if self.session is None:
            raise ClientCannot("The client cannot be asked here: it has no session to answer in.")
        return self.session


class AsyncOutlet(Outlet):
    """The outlet of the ASGI lane: a task writes the stream while the request runs, in this event loop or in a
    thread.
    """

    # What stays so for most requests, which say nothing before their reply.
    _final: bytes | None = None
    _closing = False
    _gone = False
    _pump: asyncio.Task[None] | None = None
    _watchers: tuple[asyncio.Task[None], ...] = ()
    _knowing: asyncio.Task[None] | None = None
    _running: asyncio.Task[Any] | None = None
    _watching_in: contextvars.Context | None = None
    _watches_session = False
    _room: threading.Event | None = None

    def __init__(
        self,
        request_id: RequestId,
        era: Era,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(request_id, era)
        self._loop = loop or asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._receive = receive
        self._send_to_client = send
        self._outbox: deque[Mapping[str, Any]] = deque()
        self._news = asyncio.Event()
        self._timer = self._loop.call_later(WATCH_AFTER_SECONDS, self._start_watching)

    def bind(self, session: SessionState) -> None:
        super().bind(session)
        if self._watching_in is not None:
            # Finding the session took so long that watching has begun without it.
            self._loop.call_soon_threadsafe(self._watch_session, context=self._watching_in)

    # For the tool, from any thread

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self._put({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, question: Question) -> Any:
        if threading.get_ident() == self._thread:
            raise RuntimeError(
                "This would block the event loop: await the a-method instead (ctx.aelicit, ctx.asample …)."
            )
        with waiting_thread():
            return asyncio.run_coroutine_threadsafe(self.aask(question), self._loop).result()

    async def aask(self, question: Question) -> Any:
        session = self._ask_session()
        seconds = question.timeout_seconds or mcp_settings.CLIENT_REQUEST_TIMEOUT_SECONDS
        deadline = self._loop.time() + seconds
        request_id = f"server-{secrets.token_urlsafe(12)}"
        async with bell.Wakeup([bell.calls_group(session.pk)]) as wakeup:
            await hop(_ask, session.pk, request_id, question.method)
            try:
                self._put({"jsonrpc": "2.0", "id": request_id, "method": question.method, "params": question.params})
                while True:
                    answer = await hop(_take_answer, session.pk, request_id)
                    if answer is not None:
                        return _read_answer(question, answer)
                    if self.cancelled:
                        raise Cancelled
                    remaining = deadline - self._loop.time()
                    if remaining <= 0:
                        self.notify("notifications/cancelled", _given_up(request_id, seconds))
                        raise ClientTimeout(f"The client did not answer {question.method} within {seconds:g} seconds.")
                    await wakeup.wait(min(remaining, mcp_settings.KEEPALIVE_SECONDS))
            finally:
                await asyncio.shield(hop(events.forget_request, session.pk, request_id))

    def close(self) -> None:
        if self.session is not None and is_at_least(self.session.protocol_version, PRIMED_SINCE):
            self._closing = True
            self._put(None)

    # For the lane

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        """Says which task a cancellation must reach: that of a coroutine; a function in a thread looks by itself."""
        self._running = task

    async def finish(self, reply: Reply) -> Reply | None:
        """Sends the reply as the stream's last event; gives it back when no stream was opened."""
        self._timer.cancel()
        for watcher in self._watchers:
            watcher.cancel()
        if self._pump is None:
            if self._knowing is not None:
                await asyncio.wait([self._knowing])
                await hop(self.transcript.end)
            return reply
        self._final = reply.body
        self._news.set()
        await self._pump
        return None

    def abandon(self) -> None:
        """Stops everything: the request has failed beyond a reply."""
        self._timer.cancel()
        for task in (*self._watchers, self._pump):
            if task is not None:
                task.cancel()

    # The stream

    def _put(self, message: Mapping[str, Any] | None) -> None:
        in_loop = threading.get_ident() == self._thread
        if not in_loop:
            self._wait_for_room()
        if message is not None and (self.session is not None or not in_loop or len(self._outbox) < OUTBOX_LIMIT):
            self._outbox.append(message)
        if in_loop:
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wait_for_room(self) -> None:
        while len(self._outbox) >= OUTBOX_LIMIT and not self.cancelled:
            self._room = threading.Event()
            self._loop.call_soon_threadsafe(self._wake)
            self._room.wait(1)

    def _wake(self) -> None:
        if self._pump is None:
            self._pump = self._loop.create_task(self._write())
        self._news.set()

    async def _write(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": _raw_headers()})
        if self.session is not None:
            await self._make_known()
            await self._send_lines(await hop(self.transcript.open))
        while True:
            self._news.clear()
            messages = [self._outbox.popleft() for _ in range(min(PORTION, len(self._outbox)))]
            final = None if self._outbox else self._final
            if self._outbox:
                self._news.set()
            elif self._room is not None:
                self._room.set()
            texts = [to_json_text(message) for message in messages]
            if final:
                texts.append(final.decode())
            if texts:
                await self._send_lines(await self._record(texts, is_last=final is not None))
            if self._closing and not self._gone:
                await self._send_lines(sse.retry(mcp_settings.RETRY_MILLISECONDS))
                await self._send({"type": "http.response.body", "body": b""})
                self._gone = True
            if final is not None:
                break
            try:
                await asyncio.wait_for(self._news.wait(), mcp_settings.KEEPALIVE_SECONDS)
            except TimeoutError:
                await self._send_lines(sse.KEEPALIVE)
        if not self._gone:
            await self._send({"type": "http.response.body", "body": b""})

    async def _record(self, texts: list[str], *, is_last: bool) -> bytes:
        if self.session is None:
            return self.transcript.add(texts, is_last=is_last)
        lines = await hop(self.transcript.add, texts, is_last=is_last)
        if self._gone:
            # Another connection, perhaps of another process, reads this stream now.
            await hop(bell.ring, [bell.session_group(self.session.pk)])
        return lines

    async def _send_lines(self, lines: bytes) -> None:
        if lines and not self._gone:
            await self._send({"type": "http.response.body", "body": lines, "more_body": True})

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        try:
            await asyncio.wait_for(self._send_to_client(message), mcp_settings.SEND_TIMEOUT_SECONDS)
        except Exception as error:  # whatever the server raises for a client that is gone or does not read
            logger.debug("A stream's client is gone: %r", error)
            self._gone = True
            if self.era == "modern":
                self._cancel()

    async def _make_known(self) -> None:
        """Writes the stream's row, for whoever of the writer and the watcher comes first."""
        if self._knowing is None:
            self._knowing = self._loop.create_task(hop(self.transcript.make_known))
        await asyncio.shield(self._knowing)

    # Cancellation

    def _start_watching(self) -> None:
        self._watching_in = contextvars.copy_context()
        self._watchers = (self._loop.create_task(self._watch_client()),)
        self._watch_session()
        self._timer = self._loop.call_later(mcp_settings.KEEPALIVE_SECONDS, self._wake)

    def _watch_session(self) -> None:
        if self.session is not None and not self._watches_session:
            self._watches_session = True
            self._watchers += (self._loop.create_task(self._watch_for_cancellation(self.session)),)

    async def _watch_client(self) -> None:
        """Notes that the client is gone: a modern one has cancelled so, another may come back for the rest."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self.era == "modern":
            self._cancel()

    async def _watch_for_cancellation(self, session: SessionState) -> None:
        async with bell.Wakeup([bell.calls_group(session.pk)]) as wakeup:
            await self._make_known()
            renewed = self._loop.time()
            while not await hop(events.is_cancelled, session.pk, self.transcript.key):
                await wakeup.wait(mcp_settings.STREAM_LEASE_SECONDS / 3)
                if self._loop.time() - renewed >= mcp_settings.STREAM_LEASE_SECONDS / 3:
                    renewed = self._loop.time()
                    await hop(events.renew_stream, session.pk, self.transcript.key)
        self._cancel()

    def _cancel(self) -> None:
        self.cancelled = True
        if self._running is not None:
            self._running.cancel()


class ThreadOutlet(Outlet):
    """The outlet of the view: the request runs in a thread of its own, and the response is written from a queue."""

    def __init__(self, request_id: RequestId, era: Era) -> None:
        super().__init__(request_id, era)
        self._is_left = False
        self._aside: ThreadPoolExecutor | None = None

    @cached_property
    def _queue(self) -> "queue.Queue[Mapping[str, Any] | Reply]":
        """Made when it is wanted: most requests say nothing before their reply."""
        return queue.Queue(OUTBOX_LIMIT)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self._say({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, question: Question) -> Any:
        session = self._ask_session()
        seconds = question.timeout_seconds or mcp_settings.CLIENT_REQUEST_TIMEOUT_SECONDS
        deadline = time.monotonic() + seconds
        request_id = f"server-{secrets.token_urlsafe(12)}"
        self._beside(_ask, session.pk, request_id, question.method)
        try:
            self._say({"jsonrpc": "2.0", "id": request_id, "method": question.method, "params": question.params})
            while (answer := self._beside(_take_answer, session.pk, request_id)) is None:
                if self.cancelled:
                    raise Cancelled
                if time.monotonic() > deadline:
                    self.notify("notifications/cancelled", _given_up(request_id, seconds))
                    raise ClientTimeout(f"The client did not answer {question.method} within {seconds:g} seconds.")
                # Nothing in this thread can be rung: WSGI has no event loop.
                time.sleep(min(0.2, mcp_settings.POLL_SECONDS))
            return _read_answer(question, answer)
        finally:
            self._beside(events.forget_request, session.pk, request_id)

    async def aask(self, question: Question) -> Any:
        return await sync_to_async(self.ask, thread_sensitive=False)(question)

    def close(self) -> None:
        """Nothing: without a GET stream there is no coming back."""

    def run(self, work: Callable[[], Reply]) -> "Reply | Iterator[bytes]":
        """The reply, or once the request says something, or takes its time, the lines of its stream."""
        context = contextvars.copy_context()
        _ = self._queue  # Before there are two threads that would make one each.
        threading.Thread(target=context.run, args=(self._work, work), daemon=True).start()
        first = self._wait_for_first()
        return first if isinstance(first, Reply) else self._lines(first)

    def _wait_for_first(self) -> Mapping[str, Any] | Reply | None:
        """The first thing that the request says; `None` when it was silent for so long that the stream must open."""
        deadline = time.monotonic() + mcp_settings.KEEPALIVE_SECONDS
        seconds = WATCH_AFTER_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._queue.get(timeout=seconds)
            except queue.Empty:
                # From now on it can be cancelled.
                self.transcript.make_known()
                self._look()
                seconds = min(self._look_seconds(), max(deadline - time.monotonic(), 0))
        return None

    def _say(self, item: Mapping[str, Any] | Reply) -> None:
        """Waits for room, for as long as somebody writes what is said."""
        while not self._is_left:
            with contextlib.suppress(queue.Full):
                return self._queue.put(item, timeout=1)

    def _work(self, work: Callable[[], Reply]) -> None:
        try:
            self._say(work())
        except Exception:
            logger.exception("Answering failed")
            self._say(replies.INTERNAL)
        finally:
            connections.close_all()
            if self._aside is not None:
                self._aside.submit(connections.close_all)
                self._aside.shutdown(wait=False)

    def _beside(self, function: Callable[..., T], *args: Any) -> T:
        """What a function of the event store returns, run in a thread beside the tool's: in the tool's own, it would be
        part of its transaction, and nobody else would see it before the end.
        """
        if self._aside is None:
            self._aside = ThreadPoolExecutor(max_workers=1)
        return self._aside.submit(function, *args).result()

    def _lines(self, item: Mapping[str, Any] | Reply | None) -> Iterator[bytes]:
        try:
            yield self.transcript.open() or sse.KEEPALIVE
            looked = time.monotonic()
            while True:
                if isinstance(item, Reply):
                    yield self.transcript.add([item.body.decode()], is_last=True)
                    return
                yield self.transcript.add([to_json_text(item)]) if item is not None else sse.KEEPALIVE
                try:
                    item = self._queue.get(timeout=self._look_seconds())
                except queue.Empty:
                    item = None
                if time.monotonic() - looked >= self._look_seconds():
                    looked = time.monotonic()
                    self._look()
        except GeneratorExit:
            self._is_left = True
            if self.era == "modern":
                self.cancelled = True
            raise

    def _look_seconds(self) -> float:
        return float(mcp_settings.POLL_SECONDS if self.session is not None else mcp_settings.KEEPALIVE_SECONDS)

    def _look(self) -> None:
        if self.session is not None and events.renew_stream(self.session.pk, self.transcript.key):
            self.cancelled = True


class InlineOutlet(Outlet):
    """The outlet under the test client: what is said is kept for the answer, and what is asked is answered on the
    spot.
    """

    def __init__(self, request_id: RequestId, era: Era, answers: Callable[[Question], Any]) -> None:
        super().__init__(request_id, era)
        self._answers = answers
        self._said: list[str] = []

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self._said.append(to_json_text({"jsonrpc": "2.0", "method": method, "params": params}))

    def ask(self, question: Question) -> Any:
        return self._answers(question)

    async def aask(self, question: Question) -> Any:
        return self._answers(question)

    def close(self) -> None:
        pass

    def to_reply(self, reply: Reply) -> Reply:
        """The reply, as a stream when something was said before it."""
        if not self._said:
            return reply
        lines = b"".join(sse.encode(text) for text in [*self._said, reply.body.decode()])
        return Reply(200, lines, sse.HEADERS)


def _ask(session_pk: int, request_id: str, method: str) -> None:
    try:
        events.ask(session_pk, request_id, method)
    except events.TooManyClientRequests:
        raise ClientCannot("The client has too many requests to answer already.") from None


def _take_answer(session_pk: int, request_id: str) -> dict[str, Any] | None:
    alive, answer = events.take_answer(session_pk, request_id)
    if not alive:
        raise ClientCannot("The session ended before the client answered.")
    return answer


def _read_answer(question: Question, answer: Mapping[str, Any]) -> Any:
    if "error" in answer:
        error = answer["error"] if isinstance(answer["error"], dict) else {}
        raise ClientRefused(f"The client answered {question.method} with an error: {error.get('message', 'unknown')}")
    return answer.get("result")


def _given_up(request_id: str, seconds: float) -> dict[str, Any]:
    return {"requestId": request_id, "reason": f"Timed out after {seconds:g} seconds"}


def _raw_headers() -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in sse.HEADERS]
