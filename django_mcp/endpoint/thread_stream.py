"""The request stream of the view: the request runs in a thread of its own, or on the event loop that the process keeps.
It puts messages into a queue, from which the response is written: by a thread under WSGI and by a task under ASGI.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from django.db import Error as DatabaseError

from django_mcp.conf import mcp_settings
from django_mcp.execution.aside import aside
from django_mcp.execution.kept_loop import kept_loop, take_over_locals
from django_mcp.execution.own_thread import release_own_connections, waiting_call
from django_mcp.execution.threads import LoopContext, hop, run_in_thread
from django_mcp.execution.transactions import release_connections
from django_mcp.models import to_json_text
from django_mcp.primitives.asking import Question
from django_mcp.protocol import replies, sse
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import Era
from django_mcp.storage import events, sessions

from .failures import log_failure
from .questions import ClientQuestion
from .request_stream import OUTBOX_LIMIT, WATCH_AFTER_SECONDS, RequestStream
from .waiting import waiting_calls

logger = logging.getLogger("django_mcp")

Item: TypeAlias = str | Reply | None
"""A message, the reply, or `None` after a timeout."""

Complete: TypeAlias = "Callable[[LoopContext, asyncio.Task[Any]], Coroutine[Any, Any, Reply]]"
"""Makes the reply on an event loop, in a task."""

POLLS_PER_SECOND: Final = 50
"""The maximum rate at which all waiting calls of a process poll for answers together: the more calls wait, the less
often each polls.
"""


class ThreadRequestStream(RequestStream):
    """Runs the request elsewhere, and writes the response from a queue."""

    _running: "asyncio.Task[Any] | None" = None
    _loop_thread: int | None = None
    _wake: Callable[[], object] | None = None
    _room: threading.Event | None = None
    _waits = False
    _dropped = 0

    def __init__(self, request_id: RequestId | None = None, era: Era = "handshake") -> None:
        super().__init__(request_id, era)
        self._queue: queue.SimpleQueue[str | Reply] = queue.SimpleQueue()

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        if self._is_full:
            if threading.get_ident() == self._loop_thread:
                # A coroutine cannot wait here, and its messages must not fill the memory.
                self._dropped += 1
                return
            self._wait_for_room()
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Mapping[str, Any]) -> None:
        self._put(to_json_text(message))

    def ask(self, question: Question) -> Any:
        client_question = ClientQuestion(question, self, in_transaction=release_connections())
        steps, result = client_question.steps(), None
        self._waits = True
        try:
            while True:
                step, result = steps.send(result), None
                if callable(step):
                    # In the tool's own thread, the write would be part of its transaction, and invisible until its end.
                    result = aside.submit(step).result()
                    if self.is_left:
                        aside.submit(self._hear_cancellation).result()
                else:
                    time.sleep(_poll_seconds(step))
        except StopIteration as end:
            return end.value
        finally:
            self._waits = False
            aside.submit(client_question.forget).result()

    async def aask(self, question: Question) -> Any:
        client_question = ClientQuestion(question, self, in_transaction=await release_own_connections())
        with waiting_call():
            return await self._aask(client_question)

    async def _aask(self, client_question: ClientQuestion) -> Any:
        steps, result = client_question.steps(), None
        self._waits = True
        try:
            while True:
                step, result = steps.send(result), None
                if callable(step):
                    result = await asyncio.wrap_future(aside.submit(step))
                    if self.is_left:
                        await asyncio.wrap_future(aside.submit(self._hear_cancellation))
                else:
                    await asyncio.sleep(_poll_seconds(step))
        except StopIteration as end:
            return end.value
        finally:
            self._waits = False
            await asyncio.shield(asyncio.wrap_future(aside.submit(client_question.forget)))

    def cancel(self) -> None:
        self._cancel()

    def close(self) -> None:
        """Does nothing: without a GET stream, a client cannot reconnect."""

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        self._running = task
        if self.cancelled:
            self._cancel()

    def run(self, work: Callable[[], Reply]) -> "Reply | Lines":
        """The reply; or the lines of its stream, if the request sends a message or takes long."""
        run_in_thread(lambda: self._work(work))
        return self._reply_or_lines()

    def run_on_loop(self, work: "Complete") -> "Reply | Lines":
        """See run(): the work is a coroutine, on the event loop that the process keeps."""
        kept_loop.start(lambda: self._work_on_loop(work))
        return self._reply_or_lines()

    def _reply_or_lines(self) -> "Reply | Lines":
        first = self._wait_for_first()
        if not isinstance(first, Reply):
            return Lines(self, first)
        self.transcript.end()
        return first

    def _wait_for_first(self) -> str | Reply | None:
        """The request's first message; `None` when it was silent for so long that the stream must open."""
        deadline = time.monotonic() + mcp_settings.KEEPALIVE_SECONDS
        seconds = WATCH_AFTER_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._taken(self._queue.get(timeout=seconds))
            except queue.Empty:
                # From now on, the request can be cancelled.
                self.transcript.make_known()
                self._check_cancelled()
                seconds = min(self._check_seconds(), max(deadline - time.monotonic(), 0))
        return None

    @property
    def _is_full(self) -> bool:
        return self._queue.qsize() >= OUTBOX_LIMIT

    def _wait_for_room(self) -> None:
        """Waits while the queue is full, as long as somebody writes the response."""
        while self._is_full and not self.is_left:
            self._room = threading.Event()
            if self._is_full:
                self._room.wait(1)

    def _put(self, item: str | Reply) -> None:
        if self.is_left:
            return
        self._queue.put(item)
        if self._wake is not None:
            self._wake()

    def _taken(self, item: str | Reply) -> str | Reply:
        """The item that was taken from the queue; wakes a thread that waits for room."""
        if self._room is not None and not self._is_full:
            self._room.set()
        return item

    def _work(self, work: Callable[[], Reply]) -> None:
        take_over_locals()
        try:
            self._put(work())
        except BaseException as error:
            # Also SystemExit: the client waits for a reply.
            log_failure(error)
            self._put(replies.INTERNAL)

    async def _work_on_loop(self, work: "Complete") -> None:
        task = asyncio.current_task()
        assert task is not None
        self._loop_thread = threading.get_ident()
        try:
            # Sync work has threads of its own: the thread of the request waits for messages.
            self._put(await work(LoopContext(task.get_loop(), caller_waits=False), task))
        except BaseException as error:
            # SystemExit would stop the loop for all others.
            log_failure(error)
            self._put(replies.INTERNAL)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            if self._dropped:
                logger.warning("%d messages were dropped: a coroutine sent more than its client reads", self._dropped)

    def _cancel(self) -> None:
        self.cancelled = True
        task = self._running
        if task is not None:
            with contextlib.suppress(RuntimeError):  # Its loop is closed: it is done.
                task.get_loop().call_soon_threadsafe(task.cancel)

    def lines(self, first: Item) -> Iterator[bytes]:
        """The lines of the stream, for the thread that writes the response."""
        steps, result = self._steps(first), None
        try:
            while True:
                step = steps.send(result)
                if isinstance(step, bytes):
                    result = None
                    yield step
                else:
                    result = step() if callable(step) else self._next(step)
        except StopIteration:
            return
        except BaseException:
            self._note_disconnect()
            raise

    async def alines(self, first: Item) -> AsyncIterator[bytes]:
        """See lines(): for a task, which blocks no thread while it waits."""
        steps, result = self._steps(first), None
        has_item = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = partial(_wake, loop, has_item)
        try:
            while True:
                step = steps.send(result)
                if isinstance(step, bytes):
                    result = None
                    yield step
                else:
                    result = await (hop(step) if callable(step) else self._anext(has_item, step))
        except StopIteration:
            return
        except BaseException:
            self._note_disconnect()
            raise

    def _steps(self, item: Item) -> Generator[Any, Any, None]:
        """Yields lines to send, functions to call where the database may be queried, and seconds to wait for the next
        message.
        """
        yield (yield self.transcript.open) or sse.KEEPALIVE
        looked = time.monotonic()
        while not isinstance(item, Reply):
            yield sse.KEEPALIVE if item is None else (yield partial(self.transcript.add, [item]))
            item = yield self._check_seconds()
            if time.monotonic() - looked >= self._check_seconds():
                looked = time.monotonic()
                yield self._check_cancelled
        yield (yield partial(self.transcript.add, [item.body.decode()], is_last=True))

    def _next(self, seconds: float) -> Item:
        if self._waits:
            release_connections()
        try:
            return self._taken(self._queue.get(timeout=seconds))
        except queue.Empty:
            return None

    async def _anext(self, has_item: asyncio.Event, seconds: float) -> Item:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    has_item.clear()
                    with contextlib.suppress(queue.Empty):
                        return self._taken(self._queue.get_nowait())
                    await has_item.wait()
        return None

    def _note_disconnect(self) -> None:
        """Notes that the client has disconnected, by which a modern client cancels its request."""
        self.is_left = True
        if self.era == "modern":
            self._cancel()

    def _check_seconds(self) -> float:
        return float(mcp_settings.POLL_SECONDS if self.session is not None else mcp_settings.KEEPALIVE_SECONDS)

    def _hear_cancellation(self) -> None:
        """See _check_cancelled(): for a call that waits for its client, and whose response nobody writes any more. Does
        not mark the session as used, which would pass for a sign of the client.
        """
        if self.session is not None and events.renew_stream(self.session.pk, self.transcript.key):
            self._cancel()

    def _check_cancelled(self) -> None:
        if self.session is None:
            return
        try:
            if sessions.renew_request(self.session.pk, self.transcript.key):
                self._cancel()
        except DatabaseError as failure:  # a database that is away may come back
            logger.warning("Asking whether a request was cancelled failed: %r", failure)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stream, for one iteration, sync or async."""

    _stream: ThreadRequestStream
    _first: Item

    def __iter__(self) -> Iterator[bytes]:
        return self._stream.lines(self._first)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.alines(self._first)


def _wake(loop: asyncio.AbstractEventLoop, has_item: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # The loop is closed, and nobody writes.
        loop.call_soon_threadsafe(has_item.set)


def _poll_seconds(seconds: float) -> float:
    """How long a call waits before it polls again: under WSGI nothing can wake it, because there is no event loop."""
    return min(seconds, mcp_settings.POLL_SECONDS, max(0.2, len(waiting_calls) / POLLS_PER_SECOND))
